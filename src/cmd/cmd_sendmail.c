/* Behind the name alone, main leaves everything to sendmail_main before any flag is read. */
#include <stdio.h>

#include "cmd/command.h"
#include "sendmail/settings.h"

#define DESCRIBE_MAX (64u * 1024)

int cmd_sendmail(const struct invocation *in, struct err *err)
{
    (void)in;
    return err_set(err, ERR_INVALID, "sendmail is the first word, and its flags follow it");
}

int cmd_config_describe_sendmail(const struct invocation *in, struct err *err)
{
    struct builder out;

    (void)in;
    build_init(&out, DESCRIBE_MAX);
    sendmail_settings_describe(&out);
    struct slice text = build_slice(&out);
    bool written = build_ok(&out) && fwrite(text.p, 1, text.n, stdout) == text.n;

    build_done(&out);
    return written ? 0 : err_set(err, ERR_IO, "cannot write the description");
}
