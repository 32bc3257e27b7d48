/* Time. Wall-clock time goes through struct clock, so that a test can set it; deadlines use the
 * monotonic clock. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

/* {0} is the true time. Constant after start-up, but tests move a frozen time on. */
struct clock {
    int64_t offset_ns;         /* added to the true time */
    _Atomic int64_t frozen_ns; /* when not 0, the time always shown */
};

/* Nanoseconds since 1970-01-01 UTC, of the wall clock. */
int64_t clock_now_ns(const struct clock *clock);
static inline int64_t clock_now_s(const struct clock *clock)
{
    return clock_now_ns(clock) / NS_PER_S;
}

/* Nanoseconds of the monotonic clock; and whole seconds of the same, cheap. */
int64_t clock_mono_ns(void);

/* Broken-down UTC for a time in seconds, proleptic Gregorian, without the C library's time zone
 * state. */
struct clock_utc {
    int year;  /* 1970 */
    int month; /* 1-12 */
    int day;   /* 1-31 */
    int hour, minute, second;
    int weekday; /* 0 = Sunday */
};
struct clock_utc clock_utc_of(int64_t unix_s);
/* The inverse; the fields must be in range. */
int64_t clock_unix_of(const struct clock_utc *utc);

/* "Mon" … and "Jan" …; weekday 0-6, month 1-12. */
const char *clock_weekday_name(int weekday);
const char *clock_month_name(int month);
/* 1-12 for a three-letter English name in any case, else 0. */
int clock_month_of(struct slice name);
