/* Each fault with its line; what comes out when there is none; and that the template parses back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/builder.h"
#include "base/num.h"
#include "supervisor/config.h"
#include "supervisor/describe.h"

struct file {
    char directory[64];
    char path[96];
};

static int setup(void **state)
{
    static struct file f;

    (void)snprintf(f.directory, sizeof(f.directory), "/tmp/test-config-XXXXXX");
    assert_non_null(mkdtemp(f.directory));
    (void)snprintf(f.path, sizeof(f.path), "%s/godwit.conf", f.directory);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    const struct file *f = *state;

    (void)unlink(f->path);
    return rmdir(f->directory);
}

static int load(const struct file *f, struct slice text, struct config **out,
                struct config_errors *errors)
{
    FILE *file = fopen(f->path, "we");

    assert_non_null(file);
    assert_int_equal(fwrite(text.p, 1, text.n, file), text.n);
    assert_int_equal(fclose(file), 0);
    return config_load(f->path, out, errors);
}

#define GOOD_LISTENER "listener a { smtp { } }\n"

static void test_faults(void **state)
{
    static const struct {
        const char *name;
        const char *text;
        const char *expected[4]; /* "LINE: message", all of them, in order */
    } rows[] = {
        {"empty", "", {"1: 'hostname' is missing", NULL}},
        {"unknown key", "hostname = a\nspeed = 3\n", {"2: no such option 'speed'", NULL}},
        {"unknown key after comments",
         "# one\n// two\n/* three\n   four */\nhostname = a\nspeed = 3\n",
         {"6: no such option 'speed'", NULL}},
        {"unknown key in a section",
         "hostname = a\nlistener x {\n  smtp {\n    # which\n    ports = 25\n  }\n}\n",
         {"5: no such option 'ports'", NULL}},
        {"bad number",
         "hostname = a\nstore {\n  shards = many\n}\n" GOOD_LISTENER,
         {"3: invalid integer value for option 'shards'", NULL}},
        {"bad switch",
         "hostname = a\nplain_auth = perhaps\n",
         {"2: invalid boolean value for option 'plain_auth'", NULL}},
        {"below the range",
         "hostname = a\nstore { shards = 0 }\n" GOOD_LISTENER,
         {"2: 'shards' must be from 1 to 64", NULL}},
        {"above the range",
         "hostname = a\nstore {\n shards = 65 }\n" GOOD_LISTENER,
         {"3: 'shards' must be from 1 to 64", NULL}},
        {"set twice",
         "hostname = a\n\nhostname = b\n" GOOD_LISTENER,
         {"3: 'hostname' is set twice, first in line 1", NULL}},
        {"bad size",
         "hostname = a\nmessage_size_max = 5X\n" GOOD_LISTENER,
         {"2: 'message_size_max' must be a number of octets such as 500000, 64K or 100M", NULL}},
        {"size below",
         "hostname = a\nmessage_size_max = 65535\n" GOOD_LISTENER,
         {"2: 'message_size_max' must be from 65536 to 2147483648", NULL}},
        {"bad choice",
         "hostname = a\nlog { format = xml }\n" GOOD_LISTENER,
         {"2: 'format' must be one of: logfmt json", NULL}},
        {"bad levels",
         "hostname = a\nlog {\nlevels = loud\n}\n" GOOD_LISTENER,
         {"3: levels: ", NULL}},
        {"two classes",
         "hostname = a\nlimits {\n connection_rate = {1, 2}\n}\n" GOOD_LISTENER,
         {"3: 'connection_rate' must be three numbers: for an address, its site, its network",
          NULL}},
        {"open quote", "hostname = \"a\nlog { }\n", {"1: the quote is not closed", NULL}},
        {"open brace", "hostname = a\nlistener x {\n smtp { }\n", {"2: '{' is not closed", NULL}},
        {"surplus brace", "hostname = a\n}\n", {"2: '}' without '{'", NULL}},
        {"open comment", "hostname = a\n/* so\n", {"2: the comment is not closed", NULL}},
        {"tls without key",
         "hostname = a\nlistener x {\n smtp { }\n tls {\n  certificate = c.pem\n }\n}\n",
         {"'key' is missing", NULL}},
        {"all faults of meaning",
         "hostname = \"a b\"\nlistener x {\n addresses = {10.0.0.300}\n imaps { }\n imap { port = "
         "993 "
         "}\n}\n",
         {"1: a b: is not a host name", "3: 10.0.0.300: is not an IP address",
          "imap: nobody could log in", "imaps: needs a tls section"}},
        {"bad starttls",
         "hostname = a\nlistener x {\n smtp { starttls = maybe }\n}\n",
         {"3: 'starttls' must be one of: off offered required", NULL}},
        {"bad networks",
         "hostname = a\nlistener x {\n smtp { xclient = {\"10.0.0.1/8\", \"::1\", \"x\"} }\n}\n",
         {"10.0.0.1/8: is not a network", "x: is not a network", NULL}},
        {"no addresses",
         "hostname = a\nlistener x {\n addresses = {}\n smtp { }\n}\n",
         {"2: 'addresses' must not be empty", NULL}},
        {"networks of proxies",
         "hostname = a\nlistener x {\n proxy_networks = {\"10.0.0.0/33\", \"::/0\", \"x/8\"}\n"
         " smtp { }\n}\n",
         {"10.0.0.0/33: is not a network", "x/8: is not a network", NULL}},
        {"listener's own hostname",
         "hostname = a\nlistener x {\n hostname = \"b c\"\n smtp { }\n}\n",
         {"3: b c: is not a host name", NULL}},
        {"starttls required without tls",
         "hostname = a\nlistener x {\n smtp { starttls = required }\n}\n",
         {"smtp: nobody could send", NULL}},
        {"submission without starttls",
         "hostname = a\nlistener x {\n submission { starttls = off }\n tls {\n  certificate = c\n"
         "  key = k\n }\n}\n",
         {"submission: nobody could log in", NULL}},
        {"version of tls",
         "hostname = a\nlistener x {\n smtp { }\n tls {\n  certificate = c\n  key = k\n"
         "  minimum = 1.1\n }\n}\n",
         {"7: 'minimum' must be one of: 1.2 1.3", NULL}},
        {"no listener", "hostname = a\n", {"there is no listener", NULL}},
        {"no service",
         "hostname = a\nlistener x {\n}\n",
         {"x: the listener offers no service", NULL}},
        {"unknown process",
         "hostname = a\n" GOOD_LISTENER "process wep { }\n",
         {"3: there is no process 'wep'", NULL}},
        {"two stores",
         "hostname = a\n" GOOD_LISTENER "process store { count = 2 }\n",
         {"there is always one store process", NULL}},
        {"listener twice",
         "hostname = a\n" GOOD_LISTENER GOOD_LISTENER,
         {"3: found duplicate title 'a'", NULL}},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct config_errors errors = {0};
        struct config *config;

        assert_int_equal(load(*state, slice_str(rows[i].text), &config, &errors), -ERR_INVALID);
        for (size_t k = 0; k < ARRAY_SIZE(rows[i].expected) && rows[i].expected[k]; k++) {
            bool found = false;

            for (size_t e = 0; e < errors.n; e++)
                found = found || strstr(errors.text[e], rows[i].expected[k]);
            if (!found) {
                config_errors_print(&errors, stderr);
                fail_msg("%s: no error with: %s", rows[i].name, rows[i].expected[k]);
            }
        }
        config_errors_done(&errors);
    }
}

static struct config *load_good(const struct file *f, struct slice text)
{
    struct config_errors errors = {0};
    struct config *config = NULL;
    int rc = load(f, text, &config, &errors);

    config_errors_print(&errors, stderr);
    config_errors_done(&errors);
    assert_int_equal(rc, 0);
    return config;
}

static void test_values(void **state)
{
    const struct file *f = *state;
    char expected[128];
    struct config *c = load_good(
        f, SLICE("hostname = mail.example.org # not this\ndata_directory = 'data'\n"
                 "message_size_max = 3M\nlimits { auth_failures = {1, 2, 3} delays = false }\n"
                 "process access { threads = 7 }\n"
                 "listener a { addresses = {\"::1\", 10.0.0.1}\n smtp { } smtp { port = 2525 }\n"
                 " imaps { } tls { certificate = /etc/c.pem key = \"k #.pem\" } }\n"));

    assert_string_equal(c->hostname, "mail.example.org");
    (void)snprintf(expected, sizeof(expected), "%s/data", f->directory);
    assert_string_equal(c->data_directory, expected);
    assert_int_equal(c->message_size_max, 3 * 1024 * 1024);
    assert_int_equal(c->auth_failures.max[2], 3);
    assert_false(c->delays);
    assert_int_equal(c->connection_rate.max[0], 300);
    assert_int_equal(c->process[CONFIG_ACCESS].threads, 7);
    assert_int_equal(c->process[CONFIG_ACCESS].count, 1);
    assert_int_equal(c->process[CONFIG_MX].threads, 16);
    assert_int_equal(c->listener_n, 1);
    assert_int_equal(c->listener[0].addresses.n, 2);
    assert_string_equal(c->listener[0].addresses.item[1], "10.0.0.1");
    assert_int_equal(c->listener[0].service_n, 3);
    assert_int_equal(c->listener[0].service[0].port, 25);
    assert_int_equal(c->listener[0].service[1].port, 2525);
    assert_int_equal(c->listener[0].service[2].kind, CONFIG_IMAPS);
    assert_string_equal(c->listener[0].tls.certificate, "/etc/c.pem");
    (void)snprintf(expected, sizeof(expected), "%s/k #.pem", f->directory);
    assert_string_equal(c->listener[0].tls.key, expected);
    config_free(c);
}

static void test_missing_file(void **state)
{
    struct config_errors errors = {0};
    struct config *config;

    (void)state;
    assert_int_equal(config_load("/nonexistent/godwit.conf", &config, &errors), -ERR_INVALID);
    assert_int_equal(errors.n, 1);
    assert_string_equal(errors.text[0],
                        "/nonexistent/godwit.conf: cannot be opened: No such file or directory");
    config_errors_done(&errors);
}

static void test_template_parses(void **state)
{
    struct builder text;

    build_init(&text, 1 << 20);
    describe_template(&text);
    assert_true(build_ok(&text));
    struct config *described = load_good(*state, build_slice(&text));
    struct config *minimal =
        load_good(*state, SLICE("hostname = mail.example.org\n" GOOD_LISTENER));

    assert_int_equal(described->listener[0].service_n, CONFIG_SERVICE_COUNT - 1);
    assert_int_equal(described->listener[0].service[4].port, 993);
    assert_string_equal(described->hostname, minimal->hostname);
    assert_string_equal(described->data_directory, minimal->data_directory);
    assert_string_equal(described->log_levels, minimal->log_levels);
    assert_int_equal(described->message_size_max, minimal->message_size_max);
    assert_memory_equal(&described->connection_rate, &minimal->connection_rate,
                        sizeof(described->connection_rate));
    assert_memory_equal(described->process, minimal->process, sizeof(described->process));
    config_free(minimal);
    config_free(described);
    build_done(&text);
}

/* The manual page has the list of keys as the table gives it. */
static void test_manual_page(void **state)
{
    static char page[256 * 1024];
    struct builder text;
    FILE *file = fopen(MAN_DIRECTORY "/godwit.conf.5", "re");

    (void)state;
    assert_non_null(file);
    size_t n = fread(page, 1, sizeof(page), file);

    (void)fclose(file);
    build_init(&text, 1 << 20);
    describe_mdoc(&text);
    if (slice_find(slice_of(page, n), build_slice(&text)) == SIZE_MAX)
        fail_msg("man/godwit.conf.5: replace the keys with `godwit config describe mdoc`");
    build_done(&text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_faults),
        TEST(test_values),
        cmocka_unit_test(test_missing_file),
        TEST(test_template_parses),
        cmocka_unit_test(test_manual_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
