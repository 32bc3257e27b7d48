#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"

/* The first second of year 1 and of year 10000. */
#define YEAR_1 INT64_C(-62135596800)
#define YEAR_10000 INT64_C(253402300800)

static void check_against_libc(int64_t s)
{
    struct clock_utc t = clock_utc_of(s);
    time_t when = (time_t)s;
    struct tm tm;

    assert_non_null(gmtime_r(&when, &tm));
    if (t.year != tm.tm_year + 1900 || t.month != tm.tm_mon + 1 || t.day != tm.tm_mday ||
        t.hour != tm.tm_hour || t.minute != tm.tm_min || t.second != tm.tm_sec ||
        t.weekday != tm.tm_wday)
        fail_msg("broken-down time of %lld", (long long)s);
    if (clock_unix_of(&t) != timegm(&tm) || clock_unix_of(&t) != s)
        fail_msg("time of %04d-%02d-%02d", t.year, t.month, t.day);
}

static void test_every_day_of_years_1_to_9999(void **state)
{
    (void)state;
    /* The step is one day and 37 seconds, so that all times of the day occur too. */
    for (int64_t s = YEAR_1; s < YEAR_10000; s += 86437)
        check_against_libc(s);
    for (int64_t day = YEAR_1; day <= YEAR_10000 - 86400; day += 86400) {
        struct clock_utc first = clock_utc_of(day), last = clock_utc_of(day + 86399);

        assert_int_equal(first.hour + first.minute + first.second, 0);
        assert_int_equal(last.day, first.day);
        assert_int_equal(last.hour * 10000 + last.minute * 100 + last.second, 235959);
    }
}

static void test_edges(void **state)
{
    static const int64_t at[] = {YEAR_1,    YEAR_10000 - 1, -1,         0,          1,
                                 951782400, 951868799,      2147483647, 2147483648, 4107542400};

    (void)state;
    for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
        check_against_libc(at[i]);
}

static void test_now(void **state)
{
    struct clock frozen = {.frozen_ns = 5 * NS_PER_S + 1}, ahead = {.offset_ns = 3600 * NS_PER_S};
    struct clock true_time = {0};

    (void)state;
    assert_int_equal(clock_now_ns(&frozen), 5 * NS_PER_S + 1);
    assert_int_equal(clock_now_s(&frozen), 5);
    int64_t now = (int64_t)time(NULL);

    assert_in_range(clock_now_s(&true_time), now, now + 5);
    assert_in_range(clock_now_s(&ahead), now + 3600, now + 3605);
    int64_t before = clock_mono_ns();

    assert_true(clock_mono_ns() >= before);
}

static void test_names(void **state)
{
    (void)state;
    for (int month = 1; month <= 12; month++) {
        const char *name = clock_month_name(month);

        assert_int_equal(strlen(name), 3);
        assert_int_equal(clock_month_of(slice_str(name)), month);
    }
    assert_int_equal(clock_month_of(SLICE("dEC")), 12);
    assert_int_equal(clock_month_of(SLICE("Dece")), 0);
    assert_int_equal(clock_month_of(SLICE("")), 0);
    assert_string_equal(clock_month_name(0), "");
    assert_string_equal(clock_month_name(13), "");
    assert_string_equal(clock_weekday_name(0), "Sun");
    assert_string_equal(clock_weekday_name(6), "Sat");
    assert_string_equal(clock_weekday_name(7), "");
    assert_string_equal(clock_weekday_name(-1), "");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_day_of_years_1_to_9999),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_now),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
