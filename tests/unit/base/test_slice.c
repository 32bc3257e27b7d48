#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/num.h"
#include "base/slice.h"

static const struct slice none = {NULL, 0};

static void test_eq(void **state)
{
    static const struct {
        const char *name;
        struct slice a, b;
        bool same, same_nocase;
    } rows[] = {
        {"both empty", {NULL, 0}, SLICE_INIT(""), true, true},
        {"same", SLICE_INIT("abc"), SLICE_INIT("abc"), true, true},
        {"case", SLICE_INIT("aBc"), SLICE_INIT("AbC"), false, true},
        {"length", SLICE_INIT("abc"), SLICE_INIT("abcd"), false, false},
        {"NUL inside", SLICE_INIT("a\0b"), SLICE_INIT("a\0c"), false, false},
        {"not ASCII keeps its case", SLICE_INIT("\xc3\xa4"), SLICE_INIT("\xc3\x84"), false, false},
        {"bracket is no letter", SLICE_INIT("["), SLICE_INIT("{"), false, false},
        {"at is no letter", SLICE_INIT("@"), SLICE_INIT("`"), false, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (slice_eq(rows[i].a, rows[i].b) != rows[i].same)
            fail_msg("%s", rows[i].name);
        if (slice_eq_nocase(rows[i].a, rows[i].b) != rows[i].same_nocase)
            fail_msg("%s, without case", rows[i].name);
    }
}

static void test_sub(void **state)
{
    struct slice s = SLICE("hello");

    (void)state;
    assert_true(slice_eq(slice_sub(s, 1, 3), SLICE("ell")));
    assert_true(slice_eq(slice_sub(s, 0, SIZE_MAX), s));
    assert_int_equal(slice_sub(s, 5, 1).n, 0);
    assert_int_equal(slice_sub(s, 6, 1).n, 0);
    assert_int_equal(slice_sub(s, SIZE_MAX, SIZE_MAX).n, 0);
    assert_true(slice_eq(slice_from(s, 4), SLICE("o")));
    assert_null(slice_sub(none, 3, 3).p);
    assert_int_equal(slice_at(s, 4), 'o');
    assert_int_equal(slice_at(s, 5), -1);
    assert_int_equal(slice_at(SLICE("\xff"), 0), 255);
    assert_int_equal(slice_str(NULL).n, 0);
}

static void test_starts_and_ends(void **state)
{
    (void)state;
    assert_true(slice_starts(SLICE("abc"), SLICE("ab")));
    assert_true(slice_starts(SLICE("abc"), SLICE("abc")));
    assert_true(slice_starts(SLICE("abc"), none));
    assert_false(slice_starts(SLICE("ab"), SLICE("abc")));
    assert_false(slice_starts(SLICE("ABC"), SLICE("ab")));
    assert_true(slice_starts_nocase(SLICE("ABC"), SLICE("ab")));
    assert_false(slice_starts_nocase(none, SLICE("a")));
    assert_true(slice_ends(SLICE("abc"), SLICE("bc")));
    assert_true(slice_ends(SLICE("abc"), none));
    assert_false(slice_ends(SLICE("bc"), SLICE("abc")));
}

static void test_cmp_is_an_order(void **state)
{
    static const struct slice sorted[] = {
        SLICE_INIT(""),   SLICE_INIT("\0"), SLICE_INIT("a"),
        SLICE_INIT("ab"), SLICE_INIT("b"),  SLICE_INIT("\xff"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(sorted); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(sorted); k++) {
            int order = slice_cmp(sorted[i], sorted[k]);

            assert_true(i < k ? order < 0 : i > k ? order > 0 : order == 0);
        }
    }
}

static void test_find(void **state)
{
    (void)state;
    assert_int_equal(slice_find_byte(SLICE("abca"), 'a'), 0);
    assert_int_equal(slice_rfind_byte(SLICE("abca"), 'a'), 3);
    assert_true(slice_find_byte(SLICE("abc"), 'x') == SIZE_MAX);
    assert_true(slice_rfind_byte(SLICE("abc"), 'x') == SIZE_MAX);
    assert_true(slice_find_byte(none, 'x') == SIZE_MAX);
    assert_true(slice_rfind_byte(none, 'x') == SIZE_MAX);
    assert_int_equal(slice_find(SLICE("ababc"), SLICE("abc")), 2);
    assert_int_equal(slice_find(SLICE("ab"), none), 0);
    assert_true(slice_find(SLICE("ab"), SLICE("abc")) == SIZE_MAX);
    assert_true(slice_find(none, SLICE("a")) == SIZE_MAX);
    assert_int_equal(slice_find_nocase(SLICE("xyABC"), SLICE("abc")), 2);
    assert_int_equal(slice_find_nocase(none, none), 0);
    assert_true(slice_find_nocase(SLICE("AB"), SLICE("abc")) == SIZE_MAX);
}

static void test_trim(void **state)
{
    (void)state;
    assert_true(slice_eq(slice_trim(SLICE(" \t\r\na b\n ")), SLICE("a b")));
    assert_int_equal(slice_trim(SLICE(" \t\r\n")).n, 0);
    assert_int_equal(slice_trim(none).n, 0);
    assert_true(slice_eq(slice_trim(SLICE("\v")), SLICE("\v")));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eq),
        cmocka_unit_test(test_sub),
        cmocka_unit_test(test_starts_and_ends),
        cmocka_unit_test(test_cmp_is_an_order),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_trim),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
