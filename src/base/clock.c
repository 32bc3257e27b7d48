#include "base/clock.h"

#include <time.h>

static const char weekday_names[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;

    (void)clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t clock_now_ns(const struct clock *clock)
{
    int64_t frozen_ns = clock->frozen_ns;

    if (frozen_ns)
        return frozen_ns;
    return read_clock(CLOCK_REALTIME) + clock->offset_ns;
}

int64_t clock_mono_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

/* Days since 1970-01-01 of a civil date, counting years from March so that the leap day comes last.
 */
static int64_t days_of_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

struct clock_utc clock_utc_of(int64_t unix_s)
{
    int64_t days = unix_s / 86400, rest = unix_s % 86400;

    if (rest < 0) {
        rest += 86400;
        days--;
    }
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int month = (int)(mp < 10 ? mp + 3 : mp - 9);
    int64_t weekday = (days % 7 + 11) % 7;

    return (struct clock_utc){
        .year = (int)(yoe + era * 400 + (month <= 2)),
        .month = month,
        .day = (int)(doy - (153 * mp + 2) / 5 + 1),
        .hour = (int)(rest / 3600),
        .minute = (int)(rest % 3600 / 60),
        .second = (int)(rest % 60),
        .weekday = (int)weekday,
    };
}

int64_t clock_unix_of(const struct clock_utc *utc)
{
    return days_of_civil(utc->year, utc->month, utc->day) * 86400 + utc->hour * 3600 +
           utc->minute * 60 + utc->second;
}

const char *clock_weekday_name(int weekday)
{
    return weekday >= 0 && weekday < 7 ? weekday_names[weekday] : "";
}

const char *clock_month_name(int month)
{
    return month >= 1 && month <= 12 ? month_names[month - 1] : "";
}

int clock_month_of(struct slice name)
{
    for (int i = 0; i < 12; i++)
        if (slice_eq_nocase(name, slice_of(month_names[i], 3)))
            return i + 1;
    return 0;
}
