/* The configuration file: what is wrong with it is said, and no value ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sendmail/settings.h"

#define MIN "host = \"h.example\"\nfrom = \"us@example.org\"\n"
#define SECRET "hunter2hunter2"

static char path[] = "/tmp/godwit-test-sendmail-XXXXXX";

static const struct {
    const char *name, *text;
    const char *complaint; /* NULL: taken */
} rows[] = {
    {"the least", MIN, NULL},
    {"password", MIN "password = \"" SECRET "\"\n", NULL},
    {"seed", MIN "key_file = \"seed\"\n", "open seed"},
    {"empty", "", "host is missing"},
    {"no from", "host = \"h\"\n", "from is missing"},
    {"from is no address", "host = \"h\"\nfrom = \"us\"\n", "from is missing, or no address"},
    {"two secrets", MIN "password = \"" SECRET "\"\npassword_file = \"" SECRET "\"\n",
     "more than one is set"},
    {"a key without TLS", MIN "tls = \"none\"\nkey_file = \"/dev/null\"\n", "needs TLS"},
    {"an empty password file", MIN "password_file = \"/dev/null\"\n", "empty first line"},
    {"unknown word", MIN "passwort = \"" SECRET "\"\n", "line 3"},
    {"no quote at the end", MIN "password = \"" SECRET "\n", "line"},
    {"a secret where a word should be", MIN SECRET "\n", "line"},
    {"tls", MIN "tls = \"sometimes\"\n", "is not immediate"},
    {"port", MIN "port = \"0\"\n", "is not a port"},
    {"port", MIN "port = \"65536\"\n", "is not a port"},
    {"port", MIN "port = \"65535\"\n", NULL},
    {"auth", MIN "auth = \"KERBEROS_V4\"\n", "not known"},
    {"pin", MIN "key_sha256 = \"00\"\n", "64 hexadecimal"},
    {"require_tls", MIN "require_tls = \"maybe\"\n", "neither yes nor no"},
    {"require_tls and insecure", MIN "require_tls = \"yes\"\ninsecure = true\n", "verified"},
    {"require_tls without TLS", MIN "require_tls = \"yes\"\ntls = \"none\"\n", "needs TLS"},
    {"require_tls no", MIN "require_tls = \"no\"\ninsecure = true\n", NULL},
    {"allow_from", MIN "allow_from = {\"@example.net\", \"x\"}\n", "no address"},
    {"default_destination", MIN "default_destination = \"root\"\n", "no address"},
};

static void write_text(struct slice text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(text.p, 1, text.n, f), text.n);
    assert_int_equal(fclose(f), 0);
}

static int read_text(struct slice text, struct arena *a, struct sendmail_settings *out,
                     struct err *err)
{
    write_text(text);
    return sendmail_settings_read(a, path, "/nonexistent", out, err);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sendmail_settings s;
        struct err err = {0};
        struct arena a;

        arena_init(&a, 1 << 20);
        int rc = read_text(slice_str(rows[i].text), &a, &s, &err);

        if ((rc == 0) != !rows[i].complaint ||
            (rows[i].complaint && !strstr(err.text, rows[i].complaint)))
            fail_msg("%s: %d %s", rows[i].name, rc, err.text);
        assert_null(strstr(err.text, SECRET));
        assert_null(strstr(err.detail, SECRET));
        if (rc == 0)
            sendmail_settings_done(&s);
        arena_done(&a);
    }
}

/* The example is a file that is taken, but for the password file that it names. */
static void test_description(void **state)
{
    struct sendmail_settings s;
    struct builder out;
    struct err err = {0};
    struct arena a;

    (void)state;
    build_init(&out, 65536);
    sendmail_settings_describe(&out);
    arena_init(&a, 1 << 20);
    assert_int_equal(read_text(build_slice(&out), &a, &s, &err), -ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "/etc/godwit/sendmail.password"));
    arena_done(&a);
    build_done(&out);
}

static int make_file(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_description),
    };

    return cmocka_run_group_tests(tests, make_file, remove_file);
}
