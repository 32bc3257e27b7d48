#include <errno.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/secret.h"
#include "cmd/admin_client.h"

#define PASSWORD_MAX 1024

/* One line of standard input without its end, into buf; read octet by octet, so that what follows
 * stays there. */
static int read_line(char *buf, size_t size, size_t *n_out, struct err *err)
{
    size_t n = 0;

    for (;;) {
        char c;
        ssize_t got = read(STDIN_FILENO, &c, 1);

        if (got < 0)
            return err_errno(err, errno, "cannot read the password");
        if (got == 0 || c == '\n')
            break;
        if (n == size)
            return err_set(err, ERR_LIMIT, "the password is longer than %zu octets", size);
        buf[n++] = c;
    }
    if (n > 0 && buf[n - 1] == '\r')
        n--;
    if (n == 0)
        return err_set(err, ERR_INVALID, "the password is empty: give it as one line of input");
    *n_out = n;
    return 0;
}

static int ask(const char *prompt, char *buf, size_t size, size_t *n_out, struct err *err)
{
    struct termios before, quiet;

    if (tcgetattr(STDIN_FILENO, &before) < 0)
        return err_errno(err, errno, "cannot use the terminal");
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    (void)fprintf(stderr, "%s: ", prompt);
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) < 0)
        return err_errno(err, errno, "cannot switch off the echo of the terminal");
    int rc = read_line(buf, size, n_out, err);

    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    (void)fputc('\n', stderr);
    return rc;
}

static int read_password(char *buf, size_t size, size_t *n_out, struct err *err)
{
    char again[PASSWORD_MAX];
    size_t again_n;

    if (!isatty(STDIN_FILENO))
        return read_line(buf, size, n_out, err);
    int rc = ask("New password", buf, size, n_out, err);

    if (rc == 0)
        rc = ask("Once more", again, sizeof(again), &again_n, err);
    if (rc == 0 && !slice_eq(slice_of(buf, *n_out), slice_of(again, again_n)))
        rc = err_set(err, ERR_INVALID, "the two passwords differ");
    wipe(again, sizeof(again));
    return rc;
}

int cmd_setaccountpassword(const struct invocation *in, struct err *err)
{
    struct admin_client client;
    char password[PASSWORD_MAX];
    size_t n;
    int rc = admin_client_store(&client, in, err);

    if (rc == 0)
        rc = read_password(password, sizeof(password), &n, err);
    if (rc == 0)
        rc = admin_password(client.store, in->args[0], slice_of(password, n), err);
    wipe(password, sizeof(password));
    admin_client_done(&client);
    return rc;
}
