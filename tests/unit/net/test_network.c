#include "net/network.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void parses_and_holds(void **state)
{
    static const struct {
        const char *text, *in,
            *out; /* in and out: addresses inside and outside; NULL text is bad */
    } rows[] = {
        {"192.0.2.1", "192.0.2.1", "192.0.2.2"},
        {"192.0.2.0/24", "192.0.2.255", "192.0.3.0"},
        {"192.0.2.128/25", "192.0.2.128", "192.0.2.127"},
        {"0.0.0.0/0", "255.255.255.255", "::1"},
        {"::ffff:192.0.2.0/24", "192.0.2.9", "192.0.1.9"},
        {"2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"},
        {"::1", "::1", "::2"},
        {"192.0.2.1/24", NULL, NULL},
        {"192.0.2.0/33", NULL, NULL},
        {"192.0.2.0/", NULL, NULL},
        {"192.0.2.0/-1", NULL, NULL},
        {"192.0.2/24", NULL, NULL},
        {"", NULL, NULL},
        {"/0", NULL, NULL},
        {"::/129", NULL, NULL},
    };
    struct network n;
    struct addr in, out;
    struct err err;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int rc = network_parse(slice_str(rows[i].text), &n, &err);

        if ((rc == 0) != (rows[i].in != NULL))
            fail_msg("%s: %d", rows[i].text, rc);
        if (rc < 0)
            continue;
        assert_int_equal(addr_parse_ip(slice_str(rows[i].in), &in, &err), 0);
        assert_int_equal(addr_parse_ip(slice_str(rows[i].out), &out, &err), 0);
        if (!network_holds(&n, &in) || network_holds(&n, &out))
            fail_msg("%s", rows[i].text);
    }
    assert_false(network_holds(&n, &(struct addr){.ip_n = 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_and_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
