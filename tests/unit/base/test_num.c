#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/num.h"

static void test_parse(void **state)
{
    static const struct {
        const char *name;
        struct slice in;
        uint64_t max;
        bool ok;
        uint64_t value;
    } rows[] = {
        {"zero", SLICE_INIT("0"), 0, true, 0},
        {"max - 1", SLICE_INIT("254"), 255, true, 254},
        {"max", SLICE_INIT("255"), 255, true, 255},
        {"max + 1", SLICE_INIT("256"), 255, false, 0},
        {"64 bits", SLICE_INIT("18446744073709551615"), UINT64_MAX, true, UINT64_MAX},
        {"over 64 bits", SLICE_INIT("18446744073709551616"), UINT64_MAX, false, 0},
        {"ten times over", SLICE_INIT("184467440737095516150"), UINT64_MAX, false, 0},
        {"leading zeros", SLICE_INIT("000000000000000000000000042"), 42, true, 42},
        {"empty", SLICE_INIT(""), 9, false, 0},
        {"sign", SLICE_INIT("+1"), 9, false, 0},
        {"space behind", SLICE_INIT("1 "), 9, false, 0},
        {"hexadecimal", SLICE_INIT("0x1"), 9, false, 0},
        {"NUL", SLICE_INIT("1\0"), 9, false, 0},
        {"digit above the maximum", SLICE_INIT("9"), 8, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint64_t value = 12345;
        bool ok = num_parse(rows[i].in, rows[i].max, &value);

        if (ok != rows[i].ok || value != (ok ? rows[i].value : 12345))
            fail_msg("%s", rows[i].name);
    }
}

static void test_add_and_multiply(void **state)
{
    size_t out = 7;

    (void)state;
    assert_false(num_add_ok(SIZE_MAX, 1, &out));
    assert_false(num_mul_ok(SIZE_MAX / 2 + 1, 2, &out));
    assert_int_equal(out, 7);
    assert_true(num_add_ok(SIZE_MAX - 1, 1, &out));
    assert_true(out == SIZE_MAX);
    assert_true(num_mul_ok(SIZE_MAX, 1, &out));
    assert_true(out == SIZE_MAX);
    assert_true(num_mul_ok(SIZE_MAX, 0, &out));
    assert_int_equal(out, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_add_and_multiply),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
