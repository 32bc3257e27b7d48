/* One command line: the verb and what follows it. Pure. */
#pragma once

#include <stdbool.h>

#include "base/cursor.h"
#include "base/slice.h"

#define SMTP_LINE_MAX 2048       /* octets of a command line, with its line end */
#define SMTP_AUTH_LINE_MAX 12288 /* RFC 4954 4: of a line within an authentication exchange */

/* Finds the line at the front of `in`. Returns its length with the line end, 0 when it is not
 * complete yet. The line without LF and an optional CR before it goes to *line_out. `too_long_out`
 * is set when the first `max` octets hold no line end: the peer cannot be understood any more. */
size_t smtp_line_find(struct slice in, size_t max, struct slice *line_out, bool *too_long_out);

struct smtp_command_line {
    struct slice verb; /* up to the first space; a tab does not separate */
    struct slice args; /* the rest, with the separating space */
};
struct smtp_command_line smtp_command_split(struct slice line);

/* The end of the arguments. RFC 5321 4.1.1: trailing white space should be tolerated;
 * `trailing_space` says whether it is. Fails the cursor otherwise. */
void smtp_args_end(struct cursor *c, bool trailing_space);

/* String = Atom / Quoted-string (RFC 5321 4.1.2). UTF-8 is read as such (RFC 6531 3.3); the result,
 * as it was written, says whether there was any. */
struct slice smtp_args_string(struct cursor *c);

/* Verbs of HTTP and others that somebody may get a browser or a service to send here
 * (cross-protocol attacks): the connection is closed without looking further. */
bool smtp_verb_is_foreign(struct slice verb);
/* The first octets of a connection that are no SMTP: a TLS record on a plain text port. */
bool smtp_input_is_tls(struct slice in);
