/* The field is cut into tokens (comments dropped), and each token is taken for what it looks like:
 * so the order of RFC 5322, that of asctime, and most of what clients invent are read alike. */
#include "mail/date.h"

#include "base/ascii.h"
#include "base/num.h"
#include "mail/header.h"

static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char day_names[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

struct date_parts {
    int year, month, day;
    bool has_year, has_time, has_zone;
    bool has_offset; /* a zone in digits: it counts more than a name, as in "GMT+0200" */
    int hour, minute, second;
    int zone_minutes;
};

/* Days since 1970-01-01 in the proleptic Gregorian calendar; counts years from March. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static void civil_of(int64_t days, int *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * of_year + 2) / 153;

    *day = (int)(of_year - (153 * m + 2) / 5 + 1);
    *month = (int)(m < 10 ? m + 3 : m - 9);
    *year = (int)(y + era * 400 + (*month <= 2));
}

static int days_in_month(int year, int month)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

/* Hyphens separate day, month and year; behind the year they are the sign of the zone. */
static struct slice next_token(struct slice s, size_t *at, bool hyphens_separate)
{
    while (*at < s.n) {
        int c = s.p[*at];

        if (c == '(')
            *at = mail_comment_end(s, *at, NULL);
        else if (ascii_is_space(c) || c == ',' || (c == '-' && hyphens_separate))
            (*at)++;
        else
            break;
    }
    size_t start = *at;

    while (*at < s.n) {
        int c = s.p[*at];

        if (c == '(' || ascii_is_space(c) || c == ',' || (c == '-' && hyphens_separate))
            break;
        /* "15:04:05+0200" */
        if (*at > start && (c == '+' || c == '-'))
            break;
        (*at)++;
    }
    return slice_sub(s, start, *at - start);
}

static int name_index(struct slice token, const char (*names)[4], int n)
{
    for (int i = 0; i < n; i++)
        if (slice_starts_nocase(token, slice_str(names[i])))
            return i;
    return -1;
}

static void take_time(struct date_parts *d, struct slice token)
{
    int v[3] = {0, 0, 0};
    uint64_t number;

    d->has_time = true;
    for (size_t i = 0; i < 3; i++) {
        size_t colon = slice_find_byte(token, ':');
        struct slice digits = slice_sub(token, 0, colon);

        if (!num_parse(digits, 99, &number))
            return;
        v[i] = (int)number;
        if (colon == SIZE_MAX)
            break;
        token = slice_from(token, colon + 1);
    }
    if (v[0] > 23 || v[1] > 59 || v[2] > 60)
        return;
    d->hour = v[0];
    d->minute = v[1];
    d->second = v[2];
}

/* "+0200", and as others write it "+02:00". */
static void take_offset(struct date_parts *d, struct slice token)
{
    size_t colon = token.n == 6 && token.p[3] == ':' ? 1 : 0;
    uint64_t hours, minutes;

    d->has_offset = true;
    if (token.n != 5 + colon || !num_parse(slice_sub(token, 1, 2), 23, &hours) ||
        !num_parse(slice_from(token, 3 + colon), 59, &minutes))
        return;
    d->zone_minutes = (int)(hours * 60 + minutes);
    if (token.p[0] == '-')
        d->zone_minutes = -d->zone_minutes;
}

/* RFC 5322 4.3: other letters, the military zones among them, count as "-0000". */
static void take_zone(struct date_parts *d, struct slice token)
{
    static const struct {
        char name[4];
        int hours;
    } zones[] = {{"EST", -5}, {"EDT", -4}, {"CST", -6}, {"CDT", -5},
                 {"MST", -7}, {"MDT", -6}, {"PST", -8}, {"PDT", -7}};

    d->has_zone = true;
    for (size_t i = 0; i < ARRAY_SIZE(zones); i++)
        if (slice_eq_nocase(token, slice_str(zones[i].name)))
            d->zone_minutes = zones[i].hours * 60;
}

/* RFC 5322 4.3: two digits below 50 are 20xx, other two and three digits count from 1900. */
static void take_year(struct date_parts *d, struct slice token)
{
    uint64_t number;

    if (!num_parse(token, 9999, &number))
        return;
    d->has_year = true;
    d->year = (int)number;
    if (token.n == 2 && number < 50)
        d->year += 2000;
    else if (token.n == 2 || token.n == 3)
        d->year += 1900;
}

static void take_token(struct date_parts *d, struct slice token)
{
    int c = token.p[0];
    uint64_t number;
    int month;

    if (slice_find_byte(token, ':') != SIZE_MAX && !d->has_time) {
        take_time(d, token);
    } else if (ascii_is_digit(c) && !d->day) {
        if (num_parse(token, 31, &number))
            d->day = (int)number;
    } else if (ascii_is_digit(c) && !d->has_year) {
        take_year(d, token);
    } else if (ascii_is_alpha(c) && !d->month &&
               (month = name_index(token, month_names, 12)) >= 0) {
        d->month = month + 1;
    } else if ((c == '+' || c == '-') && !d->has_offset && d->has_time) {
        take_offset(d, token);
    } else if (ascii_is_alpha(c) && !d->has_zone && !d->has_offset && d->has_time) {
        take_zone(d, token);
    }
}

bool mail_date_parse(struct slice body, struct mail_date *out)
{
    struct date_parts d = {.has_year = false};
    size_t at = 0;

    /* Longer than any date with comments; the rest says nothing. */
    body = slice_sub(body, 0, 1024);
    while (at < body.n) {
        struct slice token = next_token(body, &at, !d.has_year);

        if (token.n > 0)
            take_token(&d, token);
    }
    if (!d.day || !d.month || !d.has_year || d.year < 1 || d.year > 9999 ||
        d.day > days_in_month(d.year, d.month))
        return false;
    *out = (struct mail_date){
        .unix_s = days_of(d.year, d.month, d.day) * 86400 + d.hour * 3600 + d.minute * 60 +
                  d.second - (int64_t)d.zone_minutes * 60,
        .zone_minutes = d.zone_minutes,
        .year = d.year,
        .month = d.month,
        .day = d.day,
    };
    return true;
}

void mail_date_append(struct builder *out, int64_t unix_s, int zone_minutes, bool weekday)
{
    int64_t local = unix_s + (int64_t)zone_minutes * 60;
    int64_t days = (local >= 0 ? local : local - 86399) / 86400;
    int second = (int)(local - days * 86400);
    int zone = zone_minutes < 0 ? -zone_minutes : zone_minutes;
    int year, month, day;

    civil_of(days, &year, &month, &day);
    if (weekday)
        build_printf(out, "%s, ", day_names[((days + 4) % 7 + 7) % 7]);
    build_printf(out, "%d %s %04d %02d:%02d:%02d %c%02d%02d", day, month_names[month - 1], year,
                 second / 3600, second / 60 % 60, second % 60, zone_minutes < 0 ? '-' : '+',
                 zone / 60, zone % 60);
}
