#include "mail/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/num.h"

static const struct {
    const char *in;
    bool ok;
    int64_t unix_s;
    int zone_minutes;
} rows[] = {
    {"Mon, 7 Feb 1994 21:52:25 -0800 (PST)", true, 760686745, -480},
    {"Fri, 21 Nov 1997 09:55:06 -0600", true, 880127706, -360},
    {"Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n   -0330 (Newfoundland "
     "Time)",
     true, -27723480, -210},
    {"21 Nov 97 09:55:06 GMT", true, 880106106, 0},
    {"Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", true, 880092000, -360},
    {"1 Jan 1970 00:00 +0000", true, 0, 0},
    {"1 Jan 1970 00:00:00 EST", true, 18000, -300},
    {"1 Jan 1970 00:00:00", true, 0, 0},
    {"1 Jan 1970 00:00:00 XYZ", true, 0, 0},
    {"1 Jan 1970 00:00:00+0100", true, -3600, 60},
    {"1 Jan 1970 00:00:00 +01:00", true, -3600, 60},
    {"1 Jan 1970 00:00:00 -01:30", true, 5400, -90},
    {"1 Jan 1970 00:00:00 +01:60", true, 0, 0},
    {"1 Jan 1970 00:00:00 +01.00", true, 0, 0},
    {"1 Jan 1970 00:00:00 +0a00", true, 0, 0},
    {"Thu Jan 01 1970 00:00:00 GMT+0200 (CEST)", true, -7200, 120},
    {"1 Jan 1970 00:00:00 GMT-0130", true, 5400, -90},
    {"1 Jan 1970 00:00:00 EST -0400", true, 14400, -240},
    {"1 Jan 1970 00:00:00 +0100 EST", true, -3600, 60},
    {"1 Jan 1970 00:00:00 UT", true, 0, 0},
    {"1 Jan 1970 00:00:00 Z", true, 0, 0},
    {"1 Jan 1970 00:00:00 pdt", true, 25200, -420},
    {"1 Jan 1970 00:00:00 MST", true, 25200, -420},
    {"Thu Jan  1 00:00:01 1970", true, 1, 0},
    {"1-Jan-1970 00:00:01 -0100", true, 3601, -60},
    {"nonsense, 1 January 1970 00:00:01 GMT", true, 1, 0},
    {"1 Jan 49 00:00:00 +0000", true, 2493072000, 0},
    {"1 Jan 50 00:00:00 +0000", true, -631152000, 0},
    {"1 Jan 101 00:00:00 +0000", true, 978307200, 0},
    {"29 Feb 2024 12:00:00 +0000", true, 1709208000, 0},
    {"29 Feb 2023 12:00:00 +0000", false, 0, 0},
    {"29 Feb 1900 12:00:00 +0000", false, 0, 0},
    {"31 Apr 2024 12:00:00 +0000", false, 0, 0},
    {"1 Jan 1970 25:00:00 +0000", true, 0, 0},
    {"1 Jan 1970 10:99:00 +0000", true, 0, 0},
    {"1 Jan 1970 00:00:00 +9999", true, 0, 0},
    {"1 Jan 1970 00:00:00 -9999", true, 0, 0},
    {"1 Jan 1970 00:00:00 +2359", true, -86340, 1439},
    {"1 Jan 1970 00:00:00 +2400", true, 0, 0},
    {"1 Jan 0001 00:00:00 +0000", true, -62135596800, 0},
    {"31 Dec 9999 23:59:59 +0000", true, 253402300799, 0},
    {"1 Jan 0000 00:00:00 +0000", false, 0, 0},
    {"1 Jan 10000 00:00:00 +0000", false, 0, 0},
    {"0 Jan 2000 00:00:00 +0000", false, 0, 0},
    {"32 Jan 2000 00:00:00 +0000", false, 0, 0},
    {"1 Foo 2000 00:00:00 +0000", false, 0, 0},
    {"", false, 0, 0},
    {"((((((", false, 0, 0},
    {"(\\", false, 0, 0},
};

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct mail_date d = {0};
        bool ok = mail_date_parse(slice_str(rows[i].in), &d);

        if (ok != rows[i].ok || d.unix_s != rows[i].unix_s ||
            d.zone_minutes != rows[i].zone_minutes)
            fail_msg("\"%s\": %d %lld %d", rows[i].in, ok, (long long)d.unix_s, d.zone_minutes);
    }
}

static void test_round_trip(void **state)
{
    static const int64_t times[] = {0, -1, 760686745, 253402300799, -62135596800, 951782400};
    static const int zones[] = {0, 60, -480, 1439, -1439, -30};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(times) * ARRAY_SIZE(zones); i++) {
        int64_t unix_s = times[i / ARRAY_SIZE(zones)];
        int zone = zones[i % ARRAY_SIZE(zones)];
        struct builder b;
        struct mail_date d;

        /* The first and last day of the calendar have no zones beyond them. */
        if (zone != 0 && (unix_s > 253402000000 || unix_s < -62135000000))
            continue;
        build_init(&b, 100);
        mail_date_append(&b, unix_s, zone, i % 2);
        assert_true(mail_date_parse(build_slice(&b), &d));
        assert_int_equal(d.unix_s, unix_s);
        assert_int_equal(d.zone_minutes, zone);
        build_done(&b);
    }
}

static void test_append(void **state)
{
    struct builder b;

    (void)state;
    build_init(&b, 100);
    mail_date_append(&b, 760686745, -480, true);
    assert_true(slice_eq(build_slice(&b), SLICE("Mon, 7 Feb 1994 21:52:25 -0800")));
    build_done(&b);
}

static void test_written_day(void **state)
{
    struct mail_date d;

    (void)state;
    assert_true(mail_date_parse(SLICE("1 Jan 2000 00:30:00 +0200"), &d));
    assert_int_equal(d.year, 2000);
    assert_int_equal(d.month, 1);
    assert_int_equal(d.day, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_written_day),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
