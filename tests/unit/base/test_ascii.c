#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/ascii.h"

/* In the C locale, which a test runs in, the C library answers the same for ASCII. */
static void test_classes_match_c_locale(void **state)
{
    (void)state;
    for (int c = 0; c < 128; c++) {
        assert_int_equal(ascii_lower((uint8_t)c), tolower(c));
        assert_int_equal(ascii_upper((uint8_t)c), toupper(c));
        assert_int_equal(ascii_is_digit(c), isdigit(c) != 0);
        assert_int_equal(ascii_is_alpha(c), isalpha(c) != 0);
        assert_int_equal(ascii_is_alnum(c), isalnum(c) != 0);
        assert_int_equal(ascii_is_graph(c), isgraph(c) != 0);
        assert_int_equal(ascii_is_control(c), iscntrl(c) != 0);
    }
}

static void test_space_has_four_members(void **state)
{
    (void)state;
    for (int c = -1; c < 256; c++)
        assert_int_equal(ascii_is_space(c), c == ' ' || c == '\t' || c == '\r' || c == '\n');
}

static void test_others_belong_to_no_class(void **state)
{
    (void)state;
    for (int c = 127; c < 257; c++) {
        int other = c == 256 ? -1 : c;

        if (other >= 128) {
            assert_int_equal(ascii_lower((uint8_t)other), other);
            assert_int_equal(ascii_upper((uint8_t)other), other);
        }
        assert_false(ascii_is_alnum(other));
        assert_false(ascii_is_graph(other));
        assert_int_equal(ascii_is_control(other), other == 127);
        assert_int_equal(ascii_hex_value(other), -1);
    }
}

static void test_hex_value(void **state)
{
    (void)state;
    for (int c = 0; c < 128; c++) {
        int expected = isdigit(c) ? c - '0' : isxdigit(c) ? tolower(c) - 'a' + 10 : -1;

        assert_int_equal(ascii_hex_value(c), expected);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes_match_c_locale),
        cmocka_unit_test(test_space_has_four_members),
        cmocka_unit_test(test_others_belong_to_no_class),
        cmocka_unit_test(test_hex_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
