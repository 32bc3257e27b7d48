#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/num.h"
#include "base/utf8.h"

static void test_every_scalar_value_round_trips(void **state)
{
    struct builder b;

    (void)state;
    build_init(&b, 4);
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        uint32_t back;
        size_t n;

        if (code == 0xd800)
            code = 0xe000;
        build_reset(&b);
        utf8_append(&b, code);
        if (!build_ok(&b) || !utf8_decode(build_slice(&b), &back, &n) || back != code || n != b.n ||
            n != (code < 0x80      ? 1u
                  : code < 0x800   ? 2u
                  : code < 0x10000 ? 3u
                                   : 4u))
            fail_msg("U+%04X", code);
    }
    build_done(&b);
}

static void test_no_scalar_value_becomes_replacement(void **state)
{
    static const uint32_t codes[] = {0xd800, 0xdbff, 0xdc00, 0xdfff, 0x110000, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
        struct builder b;

        build_init(&b, 4);
        utf8_append(&b, codes[i]);
        assert_true(slice_eq(build_slice(&b), SLICE("\xef\xbf\xbd")));
        build_done(&b);
    }
}

/* RFC 3629 3 and 10: forms that a decoder has to refuse. */
static void test_invalid(void **state)
{
    static const struct {
        const char *name;
        struct slice in, clean;
    } rows[] = {
#define R "\xef\xbf\xbd"
        {"lone tail", SLICE_INIT("\x80"), SLICE_INIT(R)},
        {"overlong NUL", SLICE_INIT("\xc0\x80"), SLICE_INIT(R R)},
        {"overlong slash", SLICE_INIT("\xc1\xaf"), SLICE_INIT(R R)},
        {"overlong in three", SLICE_INIT("\xe0\x9f\xbf"), SLICE_INIT(R R R)},
        {"overlong in four", SLICE_INIT("\xf0\x8f\xbf\xbf"), SLICE_INIT(R R R R)},
        {"first surrogate", SLICE_INIT("\xed\xa0\x80"), SLICE_INIT(R R R)},
        {"last surrogate", SLICE_INIT("\xed\xbf\xbf"), SLICE_INIT(R R R)},
        {"over U+10FFFF", SLICE_INIT("\xf4\x90\x80\x80"), SLICE_INIT(R R R R)},
        {"five octets", SLICE_INIT("\xf8\x88\x80\x80\x80"), SLICE_INIT(R R R R R)},
        {"0xff", SLICE_INIT("a\xff"), SLICE_INIT("a" R)},
        {"two, cut", SLICE_INIT("\xc3"), SLICE_INIT(R)},
        {"three, cut", SLICE_INIT("\xe2\x82"), SLICE_INIT(R R)},
        {"four, cut", SLICE_INIT("\xf0\x9f\x98"), SLICE_INIT(R R R)},
        {"two, then ASCII", SLICE_INIT("\xc3x"), SLICE_INIT(R "x")},
#undef R
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct builder b;

        if (utf8_valid(rows[i].in) || utf8_is_ascii(rows[i].in))
            fail_msg("%s is taken", rows[i].name);
        build_init(&b, 100);
        utf8_append_clean(&b, rows[i].in);
        if (!slice_eq(build_slice(&b), rows[i].clean))
            fail_msg("%s is not cleaned", rows[i].name);
        build_done(&b);
    }
}

static void test_valid(void **state)
{
    struct slice mixed = SLICE("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbd");
    struct builder b;

    (void)state;
    assert_true(utf8_valid((struct slice){NULL, 0}));
    assert_true(utf8_is_ascii((struct slice){NULL, 0}));
    assert_true(utf8_is_ascii(SLICE("a\0\x7f")));
    assert_true(utf8_valid(mixed));
    build_init(&b, mixed.n);
    utf8_append_clean(&b, mixed);
    assert_true(slice_eq(build_slice(&b), mixed));
    build_done(&b);
}

static void test_cut(void **state)
{
    struct slice s = SLICE("a\xc3\xa4\xf0\x9f\x98\x80z");
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 3, 7, 8, 8};

    (void)state;
    for (size_t n = 0; n < ARRAY_SIZE(expected); n++) {
        struct slice cut = utf8_cut(s, n);

        assert_int_equal(cut.n, expected[n]);
        assert_true(utf8_valid(cut));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_scalar_value_round_trips),
        cmocka_unit_test(test_no_scalar_value_becomes_replacement),
        cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
