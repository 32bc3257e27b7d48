/* Command lines as cron, mutt, PHP and others write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "sendmail/options.h"

static const struct {
    const char *name;
    const char *argv[12];
    const char *sender, *full_name, *notify, *ret, *envid, *first;
    size_t recipients;
    bool t, i, wrong;
    enum sendmail_mode mode;
} rows[] = {
    {.name = "cron",
     .argv = {"-i", "-FCronDaemon", "-B8BITMIME", "-oem", "root"},
     .full_name = "CronDaemon",
     .i = true,
     .recipients = 1,
     .first = "root"},
    {.name = "mutt",
     .argv = {"-oem", "-oi", "-f", "us@example.org", "--", "a@b", "c@d"},
     .sender = "us@example.org",
     .i = true,
     .recipients = 2,
     .first = "a@b"},
    {.name = "php",
     .argv = {"-t", "-i", "-fus@example.org"},
     .sender = "us@example.org",
     .t = true,
     .i = true},
    {.name = "joined", .argv = {"-ti"}, .t = true, .i = true},
    {.name = "git", .argv = {"-i", "a@b"}, .i = true, .recipients = 1, .first = "a@b"},
    {.name = "reports",
     .argv = {"-N", "failure,Success", "-R", "hdrs", "-V", "a b", "a@b"},
     .notify = "SUCCESS,FAILURE",
     .ret = "HDRS",
     .envid = "a b",
     .recipients = 1,
     .first = "a@b"},
    {.name = "no reports",
     .argv = {"-N", "never", "-R", "FULL", "a@b"},
     .notify = "NEVER",
     .ret = "FULL",
     .recipients = 1,
     .first = "a@b"},
    {.name = "-r", .argv = {"-r", "x@y", "a@b"}, .sender = "x@y", .recipients = 1, .first = "a@b"},
    {.name = "ignored, with values",
     .argv = {"-h", "3", "-L", "tag", "-O", "x=y", "-X", "/log", "-G", "-U", "a@b"},
     .recipients = 1,
     .first = "a@b"},
    {.name = "unknown ones", .argv = {"-Z", "-k", "a@b"}, .recipients = 1, .first = "a@b"},
    {.name = "-bm", .argv = {"-bm", "a@b"}, .recipients = 1, .first = "a@b"},
    {.name = "mailq", .argv = {"-bp"}, .mode = SENDMAIL_NOTHING},
    {.name = "newaliases", .argv = {"-bi"}, .mode = SENDMAIL_NOTHING},
    {.name = "-q", .argv = {"-q"}, .mode = SENDMAIL_NOTHING},
    {.name = "-q30m", .argv = {"-q30m"}, .mode = SENDMAIL_NOTHING},
    {.name = "--help", .argv = {"--help"}, .mode = SENDMAIL_HELP},
    {.name = "no recipients", .argv = {"-i"}, .wrong = true},
    {.name = "-bs", .argv = {"-bs"}, .wrong = true},
    {.name = "-bd", .argv = {"-bd", "a@b"}, .wrong = true},
    {.name = "-f without value", .argv = {"-t", "-f"}, .wrong = true},
    {.name = "-N with something else", .argv = {"-N", "always", "a@b"}, .wrong = true},
    {.name = "-N twice the same", .argv = {"-N", "delay,delay", "a@b"}, .wrong = true},
    {.name = "-R with something else", .argv = {"-R", "some", "a@b"}, .wrong = true},
    {.name = "a flag after the recipients", .argv = {"a@b", "-f", "x@y"}, .wrong = true},
};

static bool same(const char *have, const char *want)
{
    return strcmp(have ? have : "", want ? want : "") == 0;
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *argv[14] = {(char[]){"sendmail"}};
        struct sendmail_options o;
        int argc = 1;

        for (; argc < 13 && rows[i].argv[argc - 1]; argc++)
            argv[argc] = (char *)rows[i].argv[argc - 1];
        sendmail_options_parse(argc, argv, &o);
        if ((o.problem[0] != '\0') != rows[i].wrong)
            fail_msg("%s: %s", rows[i].name, o.problem);
        if (rows[i].wrong)
            continue;
        if (o.mode != rows[i].mode || o.from_header != rows[i].t || o.ignore_dots != rows[i].i ||
            !same(o.sender, rows[i].sender) || !same(o.name, rows[i].full_name) ||
            !same(o.envid, rows[i].envid) || !slice_eq(o.notify, slice_str(rows[i].notify)) ||
            !slice_eq(o.ret, slice_str(rows[i].ret)) || o.recipients_n != rows[i].recipients ||
            (rows[i].first && !same(o.recipients[0], rows[i].first)))
            fail_msg("%s: something differs", rows[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
