#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "supervisor/backoff.h"

static void test_delays(void **state)
{
    static const int64_t expected_ms[] = {0,    100,  200,   400,   800,  1600,
                                          3200, 6400, 10000, 10000, 10000};
    struct backoff b = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(expected_ms) / sizeof(expected_ms[0]); i++)
        assert_int_equal(backoff_next(&b, NS_PER_S), expected_ms[i] * NS_PER_MS);
}

static void test_reset(void **state)
{
    struct backoff b = {0};

    (void)state;
    (void)backoff_next(&b, 0);
    (void)backoff_next(&b, 0);
    assert_int_equal(backoff_next(&b, 60 * NS_PER_S - 1), 200 * NS_PER_MS);
    assert_int_equal(backoff_next(&b, 60 * NS_PER_S), 0);
    assert_int_equal(backoff_next(&b, 0), 100 * NS_PER_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_delays), cmocka_unit_test(test_reset)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
