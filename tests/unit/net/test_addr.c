#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/addr.h"

static const struct {
    const char *text;
    int expect;
    uint8_t ip_n;
    bool loopback;
    const char *again;
} rows[] = {
    {"192.0.2.1", 0, 4, false, "192.0.2.1"},
    {"127.0.0.1", 0, 4, true, "127.0.0.1"},
    {"127.255.0.9", 0, 4, true, "127.255.0.9"},
    {"128.0.0.1", 0, 4, false, "128.0.0.1"},
    {"2001:DB8:0:0::1", 0, 16, false, "2001:db8::1"},
    {"::1", 0, 16, true, "::1"},
    {"::", 0, 16, false, "::"},
    {"::ffff:192.0.2.7", 0, 4, false, "192.0.2.7"},
    {"::ffff:7f00:1", 0, 4, true, "127.0.0.1"},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0, 16, false,
     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"", -ERR_SYNTAX, 0, false, NULL},
    {"1.2.3", -ERR_SYNTAX, 0, false, NULL},
    {"1.2.3.256", -ERR_SYNTAX, 0, false, NULL},
    {"1.2.3.4 ", -ERR_SYNTAX, 0, false, NULL},
    {"[::1]", -ERR_SYNTAX, 0, false, NULL},
    {"fe80::1%lo", -ERR_SYNTAX, 0, false, NULL},
    {"1:2:3:4:5:6:7:8:9", -ERR_SYNTAX, 0, false, NULL},
    {"00000000000000000000000000000000000000000000000000000::1", -ERR_SYNTAX, 0, false, NULL},
};

static void test_parse(void **state)
{
    char buf[ADDR_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct addr a;
        struct err err;
        int rc = addr_parse_ip(slice_str(rows[i].text), &a, &err);

        if (rc != rows[i].expect)
            fail_msg("%s: %d", rows[i].text, rc);
        if (rc < 0)
            continue;
        assert_int_equal(a.ip_n, rows[i].ip_n);
        assert_int_equal(addr_is_loopback(&a), rows[i].loopback);
        assert_string_equal(addr_ip_text(&a, buf), rows[i].again);
        assert_int_equal(addr_ip_octets(&a).n, rows[i].ip_n);
    }
}

static void test_nul_is_refused(void **state)
{
    struct addr a;
    struct err err;

    (void)state;
    assert_int_equal(addr_parse_ip(SLICE("1.2.3.4\0x"), &a, &err), -ERR_SYNTAX);
}

static void test_sockaddr_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sockaddr_storage ss;
        struct addr a, b;
        struct err err;

        if (addr_parse_ip(slice_str(rows[i].text), &a, &err) < 0)
            continue;
        a.port = 2525;
        assert_int_equal(addr_to_sockaddr(&a, &ss),
                         a.ip_n == 4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
        b = addr_of_sockaddr(&ss);
        assert_int_equal(b.ip_n, a.ip_n);
        assert_memory_equal(b.ip, a.ip, a.ip_n);
        assert_int_equal(b.port, 2525);
    }
}

static void test_local_socket_has_none(void **state)
{
    const struct sockaddr_storage ss = {.ss_family = AF_UNIX};
    struct addr a = addr_of_sockaddr(&ss);
    struct sockaddr_storage back;
    char buf[ADDR_TEXT_MAX];

    (void)state;
    assert_int_equal(a.ip_n, 0);
    assert_string_equal(addr_ip_text(&a, buf), "");
    assert_false(addr_is_loopback(&a));
    (void)addr_to_sockaddr(&a, &back);
    assert_int_equal(back.ss_family, AF_UNSPEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_nul_is_refused),
        cmocka_unit_test(test_sockaddr_round_trip),
        cmocka_unit_test(test_local_socket_has_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
