/* `godwit sendmail`, and what runs when the program is called by the name sendmail: a message on
 * standard input goes to the configured server at once; what it does not take is kept in the user's
 * dead letters. No configuration of the mail server is read, and no queue is kept. */
#pragma once

/* argv[0] is the name, then come flags and recipients. Returns an exit code of sysexits.h. */
int sendmail_main(int argc, char *const argv[]);
