#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/num.h"
#include "net/dns_wire.h"

#define WIRE(text) SLICE_INIT(text)

static void names(void **state)
{
    static const struct {
        const char *row;
        struct slice wire;
        const char *name;
        const char *rule; /* NULL: is accepted */
    } rows[] = {
        {"two labels", WIRE("\7Example\3oRg\0"), "example.org", NULL},
        {"root", WIRE("\0"), "", NULL},
        {"underscore", WIRE("\4_tcp\1a\0"), "_tcp.a", NULL},
        {"empty", WIRE(""), "", "length of a label"},
        {"no end", WIRE("\1a"), "", "length of a label"},
        {"cut label", WIRE("\5ab"), "", "label"},
        {"pointer", WIRE("\xc0\x0c"), "", "a name without compression"},
        {"64 octets", WIRE("\x40"), "", "a name without compression"},
        {"space", WIRE("\3a b\0"), "", "octets of a label"},
        {"dot", WIRE("\3a.b\0"), "", "octets of a label"},
        {"NUL", WIRE("\1\0\0"), "", "octets of a label"},
        {"newline", WIRE("\2\r\n\0"), "", "octets of a label"},
        {"utf-8", WIRE("\2\xc3\xa9\0"), "", "octets of a label"},
    };
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 16);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct cursor c = cur_init(rows[i].wire);
        struct slice name = dns_wire_name(&a, &c);

        if (!slice_eq(name, slice_str(rows[i].name)) ||
            (rows[i].rule == NULL ? c.rule != NULL
                                  : c.rule == NULL || strcmp(c.rule, rows[i].rule) != 0))
            fail_msg("%s: \"%.*s\", %s", rows[i].row, SLICE_FMT(name),
                     c.rule ? c.rule : "accepted");
    }
    arena_done(&a);
}

static void longest_name(void **state)
{
    struct arena a;
    uint8_t wire[400];

    (void)state;
    arena_init(&a, 1 << 16);
    for (size_t labels = 125; labels <= 128; labels++) {
        for (size_t i = 0; i < labels; i++) {
            wire[2 * i] = 1;
            wire[2 * i + 1] = 'x';
        }
        wire[2 * labels] = 0;
        struct cursor c = cur_init(slice_of(wire, 2 * labels + 1));
        struct slice name = dns_wire_name(&a, &c);

        /* 127 labels of one octet are 253 octets of text. */
        assert_int_equal(cur_ok(&c), labels <= 127);
        assert_int_equal(name.n, labels <= 127 ? 2 * labels - 1 : 0);
    }
    arena_done(&a);
}

static void records(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 16);
    struct cursor c = cur_init(SLICE("\x01\x02\1a\0"));
    struct dns_mx mx = dns_wire_mx(&a, &c);

    assert_true(cur_ok(&c));
    assert_int_equal(mx.preference, 0x102);
    c = cur_init(SLICE("\x01\x02\1a\0x"));
    (void)dns_wire_mx(&a, &c);
    assert_false(cur_ok(&c));
    c = cur_init(SLICE("\x01"));
    (void)dns_wire_mx(&a, &c);
    assert_false(cur_ok(&c));

    c = cur_init(SLICE("\2ab\0\1c"));
    assert_true(slice_eq(dns_wire_txt(&a, &c), SLICE("abc")));
    assert_true(cur_ok(&c));
    c = cur_init(SLICE("\0"));
    assert_int_equal(dns_wire_txt(&a, &c).n, 0);
    assert_true(cur_ok(&c));
    c = cur_init(SLICE(""));
    (void)dns_wire_txt(&a, &c);
    assert_false(cur_ok(&c));
    c = cur_init(SLICE("\3ab"));
    (void)dns_wire_txt(&a, &c);
    assert_false(cur_ok(&c));

    c = cur_init(SLICE("\3\1\1xyz"));
    struct dns_tlsa tlsa = dns_wire_tlsa(&c);

    assert_true(cur_ok(&c));
    assert_int_equal(tlsa.usage, 3);
    assert_true(slice_eq(tlsa.data, SLICE("xyz")));
    c = cur_init(SLICE("\3\1"));
    (void)dns_wire_tlsa(&c);
    assert_false(cur_ok(&c));
    arena_done(&a);
}

static void addresses(void **state)
{
    static const struct {
        struct slice wire;
        uint16_t type;
        uint8_t ip_n;
    } rows[] = {
        {WIRE("abc"), DNS_A, 0},
        {WIRE("abcd"), DNS_A, 4},
        {WIRE("abcde"), DNS_A, 0},
        {WIRE("0123456789abcde"), DNS_AAAA, 0},
        {WIRE("0123456789abcdef"), DNS_AAAA, 16},
        {WIRE("0123456789abcdefg"), DNS_AAAA, 0},
        {WIRE("\0\0\0\0\0\0\0\0\0\0\xff\xff\1\2\3\4"), DNS_AAAA, 16},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct cursor c = cur_init(rows[i].wire);
        struct addr addr = dns_wire_addr(&c, rows[i].type);

        assert_int_equal(addr.ip_n, rows[i].ip_n);
        assert_int_equal(cur_ok(&c), rows[i].ip_n > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(longest_name),
        cmocka_unit_test(records),
        cmocka_unit_test(addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
