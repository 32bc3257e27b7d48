#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/ascii.h"
#include "base/cursor.h"
#include "base/num.h"

static void test_eat_takes_or_leaves(void **state)
{
    struct cursor c = cur_init(SLICE("abCD"));

    (void)state;
    assert_false(cur_eat(&c, 'b'));
    assert_true(cur_eat(&c, 'a'));
    assert_false(cur_eat_text(&c, SLICE("bc")));
    assert_true(cur_eat_nocase(&c, SLICE("bc")));
    assert_true(cur_eat_text(&c, SLICE("D")));
    assert_false(cur_eat(&c, 'x'));
    assert_true(cur_eat_text(&c, SLICE("")));
    assert_true(cur_at_end(&c));
    assert_true(cur_ok(&c));
    assert_int_equal(cur_peek(&c), -1);
}

static void test_first_failure_stays(void **state)
{
    struct cursor c = cur_init(SLICE("ab1"));
    struct err err = {0};

    (void)state;
    cur_byte(&c, 'a', "an a");
    cur_byte(&c, 'x', "an x");
    cur_byte(&c, 'b', "a b");
    cur_text_nocase(&c, SLICE("b"), "text");
    cur_end(&c, "end");
    assert_false(cur_ok(&c));
    assert_int_equal(c.at, 1);
    assert_string_equal(c.rule, "an x");
    assert_false(cur_at_end(&c));
    assert_int_equal(cur_rest(&c).n, 0);
    assert_int_equal(cur_peek(&c), -1);
    assert_false(cur_eat(&c, 'b'));
    assert_false(cur_eat_text(&c, SLICE("")));
    assert_false(cur_eat_nocase(&c, SLICE("")));
    assert_int_equal(cur_take(&c, 1, "take").n, 0);
    assert_int_equal(cur_span(&c, ascii_is_alnum, 0, "span").n, 0);
    assert_int_equal(cur_until(&c, '1', "until").n, 0);
    assert_int_equal(cur_number(&c, 9, "number"), 0);
    cur_back(&c, 0);
    assert_int_equal(c.at, 1);
    assert_int_equal(cur_fail(&c, &err), -ERR_SYNTAX);
    assert_int_equal(err.kind, ERR_SYNTAX);
    assert_int_equal(err.offset, 1);
    assert_string_equal(err.text, "syntax error: expected an x");
    assert_int_equal(cur_fail(&c, NULL), -ERR_SYNTAX);
}

static void test_take(void **state)
{
    struct cursor c = cur_init(SLICE("abcd"));

    (void)state;
    assert_true(slice_eq(cur_take(&c, 3, "three"), SLICE("abc")));
    assert_int_equal(cur_take(&c, 0, "none").n, 0);
    assert_true(slice_eq(cur_take(&c, 1, "one"), SLICE("d")));
    assert_true(cur_ok(&c));
    assert_int_equal(cur_take(&c, 1, "more").n, 0);
    assert_false(cur_ok(&c));
    c = cur_init(SLICE("ab"));
    assert_int_equal(cur_take(&c, SIZE_MAX, "all").n, 0);
    assert_int_equal(c.at, 0);
}

static void test_span_and_until(void **state)
{
    struct cursor c = cur_init(SLICE("123abc:"));

    (void)state;
    assert_true(slice_eq(cur_span(&c, ascii_is_digit, 3, "digits"), SLICE("123")));
    assert_int_equal(cur_span(&c, ascii_is_digit, 0, "digits").n, 0);
    assert_true(cur_ok(&c));
    assert_true(slice_eq(cur_until(&c, ':', "colon"), SLICE("abc")));
    assert_int_equal(cur_until(&c, ':', "colon").n, 0);
    cur_byte(&c, ':', "colon");
    cur_end(&c, "end");
    assert_true(cur_ok(&c));
    (void)cur_until(&c, ':', "colon");
    assert_false(cur_ok(&c));
    c = cur_init(SLICE("12"));
    (void)cur_span(&c, ascii_is_digit, 3, "three digits");
    assert_string_equal(c.rule, "three digits");
    assert_int_equal(c.at, 0);
}

static void test_number(void **state)
{
    static const struct {
        const char *name;
        struct slice in;
        uint64_t max, value;
        size_t at;
        bool ok;
    } rows[] = {
        {"zero", SLICE_INIT("0"), 0, 0, 1, true},
        {"one over a maximum of zero", SLICE_INIT("1"), 0, 0, 0, false},
        {"max - 1", SLICE_INIT("4294967294"), UINT32_MAX, UINT32_MAX - 1, 10, true},
        {"max", SLICE_INIT("4294967295"), UINT32_MAX, UINT32_MAX, 10, true},
        {"max + 1", SLICE_INIT("4294967296"), UINT32_MAX, 0, 0, false},
        {"64 bits", SLICE_INIT("18446744073709551615"), UINT64_MAX, UINT64_MAX, 20, true},
        {"over 64 bits", SLICE_INIT("18446744073709551616"), UINT64_MAX, 0, 0, false},
        {"far over", SLICE_INIT("99999999999999999999999"), UINT64_MAX, 0, 0, false},
        {"leading zeros", SLICE_INIT("0007x"), 7, 7, 4, true},
        {"small maximum", SLICE_INIT("7"), 6, 0, 0, false},
        {"empty", SLICE_INIT(""), 9, 0, 0, false},
        {"sign", SLICE_INIT("-1"), 9, 0, 0, false},
        {"space", SLICE_INIT(" 1"), 9, 0, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct cursor c = cur_init(rows[i].in);
        uint64_t value = cur_number(&c, rows[i].max, "number");

        if (value != rows[i].value || c.at != rows[i].at || cur_ok(&c) != rows[i].ok)
            fail_msg("%s: value %llu at %zu", rows[i].name, (unsigned long long)value, c.at);
    }
}

static void test_back_only_goes_back(void **state)
{
    struct cursor c = cur_init(SLICE("abc"));

    (void)state;
    (void)cur_take(&c, 2, "two");
    cur_back(&c, 3);
    assert_int_equal(c.at, 2);
    cur_back(&c, 1);
    assert_int_equal(c.at, 1);
}

static void test_empty_input(void **state)
{
    struct cursor c = cur_init((struct slice){NULL, 0});

    (void)state;
    assert_true(cur_at_end(&c));
    assert_int_equal(cur_take(&c, 0, "none").n, 0);
    cur_end(&c, "end");
    assert_true(cur_ok(&c));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eat_takes_or_leaves),
        cmocka_unit_test(test_first_failure_stays),
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_span_and_until),
        cmocka_unit_test(test_number),
        cmocka_unit_test(test_back_only_goes_back),
        cmocka_unit_test(test_empty_input),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
