/* Names of hosts in requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/num.h"
#include "web/host.h"

static void test_names(void **state)
{
    static const struct {
        const char *host, *name;
        bool ours;
    } rows[] = {
        {"mail.example", "mail.example", true},
        {"MAIL.example:443", "MAIL.example", true},
        {"mail.example.", "mail.example.", true},
        {"mail.example:", "mail.example", true},
        {"localhost:1443", "localhost", true},
        {"127.0.0.1", "127.0.0.1", true},
        {"[::1]:443", "::1", true},
        {"[2001:db8::1]", "2001:db8::1", true},
        {"other.example", "other.example", false},
        {"mail.example.org", "mail.example.org", false},
        {"127.0.0.1.example", "127.0.0.1.example", false},
        {"", "", false},
        {".", ".", false},
        {"mail.example:65536", "", false},
        {"mail.example:x", "", false},
        {"mail.example/x", "", false},
        {"user@mail.example", "", false},
        {"[::1", "", false},
        {"[::1]x", "", false},
        {"[::ffff%251]", "", false},
        {"ma il.example", "", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct slice name = host_name(slice_str(rows[i].host));

        if (!slice_eq(name, slice_str(rows[i].name)) ||
            host_is_ours(name, SLICE("mail.example")) != rows[i].ours)
            fail_msg("%s", rows[i].host);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
