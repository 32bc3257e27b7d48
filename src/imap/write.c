#include "imap/write.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "imap/parse.h"
#include "imap/utf7.h"

#define NAME_MAX_BYTES (256u * 1024)

static bool can_be_quoted(struct slice s, bool utf8)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '\0' || s.p[i] == '\r' || s.p[i] == '\n' || (s.p[i] > 0x7e && !utf8))
            return false;
    return !utf8 || utf8_valid(s);
}

void imap_write_string(struct builder *out, struct slice s, bool utf8)
{
    if (!can_be_quoted(s, utf8)) {
        build_printf(out, "{%zu}\r\n", s.n);
        build_bytes(out, s);
        return;
    }
    build_byte(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            build_byte(out, '\\');
        build_byte(out, s.p[i]);
    }
    build_byte(out, '"');
}

static bool is_astring(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!imap_is_astring_char(s.p[i]))
            return false;
    return s.n > 0 && !slice_eq_nocase(s, SLICE("NIL"));
}

void imap_write_mailbox(struct builder *out, struct slice name, bool utf8)
{
    _cleanup_(build_done) struct builder encoded = {0};

    build_init(&encoded, NAME_MAX_BYTES);
    if (utf8)
        build_bytes(&encoded, name);
    else
        imap_utf7_encode(&encoded, name);
    if (is_astring(build_slice(&encoded)))
        build_bytes(out, build_slice(&encoded));
    else
        imap_write_string(out, build_slice(&encoded), utf8);
}

void imap_write_set(struct builder *out, const struct ranges *set)
{
    for (size_t i = 0; i < set->n; i++) {
        if (i)
            build_byte(out, ',');
        build_number(out, set->v[i].first);
        if (set->v[i].last != set->v[i].first) {
            build_byte(out, ':');
            build_number(out, set->v[i].last);
        }
    }
}

void imap_write_flags(struct builder *out, uint32_t bits, const struct slice *keywords, size_t n)
{
    const char *space = "";

    build_byte(out, '(');
    for (unsigned i = 0; i < IMAP_FLAG_NAMES_N; i++) {
        if (!(bits & 1u << i))
            continue;
        build_text(out, space);
        build_text(out, imap_flag_names[i]);
        space = " ";
    }
    for (size_t i = 0; i < n; i++) {
        build_text(out, space);
        build_bytes(out, keywords[i]);
        space = " ";
    }
    build_byte(out, ')');
}

void imap_write_date_time(struct builder *out, int64_t unix_s, int zone_minutes)
{
    struct clock_utc utc = clock_utc_of(unix_s + (int64_t)zone_minutes * 60);

    build_printf(out, "\"%2d-%s-%04d %02d:%02d:%02d %c%02d%02d\"", utc.day,
                 clock_month_name(utc.month), utc.year, utc.hour, utc.minute, utc.second,
                 zone_minutes < 0 ? '-' : '+', abs(zone_minutes) / 60, abs(zone_minutes) % 60);
}
