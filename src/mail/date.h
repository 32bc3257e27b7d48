/* Dates of header fields and of SMTP (RFC 5322 3.3, obsolete zones 4.3). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/builder.h"
#include "base/slice.h"

struct mail_date {
    int64_t unix_s;
    int zone_minutes;
    int year, month, day; /* as written, in its own zone: for SENTON and the like */
};

/* Lenient as clients are: weekday optional and ignored, seconds optional, two-digit years,
 * comments, missing or unknown zone is UTC, an impossible time of a possible day is 00:00:00. False
 * when there is no valid day, or the year is not in 1 … 9999. */
bool mail_date_parse(struct slice body, struct mail_date *out);

/* "Mon, 2 Jan 2006 15:04:05 -0700" (RFC 5322), weekday if asked for. */
void mail_date_append(struct builder *out, int64_t unix_s, int zone_minutes, bool weekday);
