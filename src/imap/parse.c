#include "imap/parse.h"

#include "base/ascii.h"
#include "base/builder.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/num.h"
#include "base/utf8.h"
#include "imap/framer.h"
#include "imap/utf7.h"

const char *const imap_flag_names[IMAP_FLAG_NAMES_N] = {
    "\\Seen",     "\\Answered", "\\Flagged", "\\Deleted", "\\Draft",
    "$Forwarded", "$Junk",      "$NotJunk",  "$Phishing", "$MDNSent",
};

bool imap_is_atom_char(int c)
{
    return c > 0x20 && c < 0x7f && c != '(' && c != ')' && c != '{' && c != '%' && c != '*' &&
           c != '"' && c != '\\' && c != ']';
}

bool imap_is_astring_char(int c)
{
    return c == ']' || imap_is_atom_char(c);
}

static bool is_tag_char(int c)
{
    return c != '+' && imap_is_astring_char(c);
}

static bool is_list_char(int c)
{
    return c == '%' || c == '*' || imap_is_astring_char(c);
}

/* In a session with IMAP4rev2 a name may come as UTF-8 without quotes from lenient clients; the
 * grammar does not allow it, and neither do we. */

struct slice imap_parse_tag(struct cursor *c)
{
    return cur_span(c, is_tag_char, 1, "a tag");
}

struct slice imap_parse_atom(struct cursor *c)
{
    return cur_span(c, imap_is_atom_char, 1, "an atom");
}

void imap_parse_space(struct cursor *c)
{
    cur_byte(c, ' ', "a space");
}

static struct slice parse_quoted(struct cursor *c, struct arena *a)
{
    cur_byte(c, '"', "a string");
    struct slice rest = cur_rest(c);
    uint8_t *text = NULL;
    size_t i = 0, n = 0;

    while (i < rest.n && rest.p[i] != '"' && rest.p[i] != '\r' && rest.p[i] != '\n' &&
           rest.p[i] != '\0')
        i += rest.p[i] == '\\' ? 2 : 1;
    if (i >= rest.n || rest.p[i] != '"')
        cur_reject(c, "a closing quote");
    if (cur_ok(c) && !(text = arena_alloc(a, i)))
        cur_reject(c, "less (out of memory)");
    for (size_t k = 0; cur_ok(c) && k < i; k++) {
        if (rest.p[k] == '\\') {
            k++;
            /* RFC 9051 9: quoted-specials are the only characters that can be escaped. */
            if (rest.p[k] != '"' && rest.p[k] != '\\')
                cur_reject(c, "\\ or \" after a backslash");
        }
        text[n++] = rest.p[k];
    }
    if (cur_ok(c) && !utf8_valid(slice_of(text, n)))
        cur_reject(c, "UTF-8");
    (void)cur_take(c, cur_ok(c) ? i + 1 : 0, "a closing quote");
    return cur_ok(c) ? slice_of(text, n) : (struct slice){NULL, 0};
}

static struct slice parse_literal(struct cursor *c)
{
    cur_byte(c, '{', "a string");
    uint64_t n = cur_number(c, IMAP_LITERAL_MAX, "the size of a literal");

    (void)cur_eat(c, '+');
    cur_byte(c, '}', "the end of a literal's size");
    (void)cur_eat(c, '\r');
    cur_byte(c, '\n', "a line end after a literal's size");
    struct slice text = cur_take(c, (size_t)n, "a literal");

    if (slice_find_byte(text, '\0') != SIZE_MAX)
        cur_reject(c, "a literal without NUL");
    return text;
}

struct slice imap_parse_string(struct cursor *c, struct arena *a)
{
    return cur_peek(c) == '{' ? parse_literal(c) : parse_quoted(c, a);
}

struct slice imap_parse_astring(struct cursor *c, struct arena *a)
{
    if (cur_peek(c) == '"' || cur_peek(c) == '{')
        return imap_parse_string(c, a);
    return cur_span(c, imap_is_astring_char, 1, "a word or string");
}

static struct slice decode_name(struct cursor *c, struct arena *a, struct slice raw, bool utf8)
{
    _cleanup_(build_done) struct builder name = {0};

    build_init(&name, IMAP_LITERAL_MAX);
    if (!cur_ok(c))
        return raw;
    if (utf8)
        build_bytes(&name, raw);
    else if (imap_utf7_decode(&name, raw, NULL) < 0)
        cur_reject(c, "a mailbox name in modified UTF-7");
    if (!utf8_valid(build_slice(&name)))
        cur_reject(c, "a mailbox name in UTF-8");
    return arena_copy(a, build_slice(&name));
}

struct slice imap_parse_mailbox(struct cursor *c, struct arena *a, bool utf8)
{
    struct slice name = decode_name(c, a, imap_parse_astring(c, a), utf8);

    return slice_eq_nocase(name, SLICE("inbox")) ? SLICE("Inbox") : name;
}

struct slice imap_parse_list_mailbox(struct cursor *c, struct arena *a, bool utf8)
{
    struct slice raw = cur_peek(c) == '"' || cur_peek(c) == '{'
                           ? imap_parse_string(c, a)
                           : cur_span(c, is_list_char, 1, "a pattern");

    return decode_name(c, a, raw, utf8);
}

uint32_t imap_parse_nz_number(struct cursor *c)
{
    uint64_t n = cur_number(c, UINT32_MAX, "a number");

    if (n == 0)
        cur_reject(c, "a number above 0");
    return (uint32_t)n;
}

static uint32_t parse_set_number(struct cursor *c)
{
    return cur_eat(c, '*') ? 0 : imap_parse_nz_number(c);
}

static bool is_set_char(int c)
{
    return ascii_is_digit(c) || c == '*' || c == ':' || c == ',';
}

void imap_parse_set(struct cursor *c, struct arena *a, struct imap_set *out)
{
    struct cursor ahead = *c;
    struct slice text = cur_span(&ahead, is_set_char, 0, "a set");
    size_t n = 1;

    *out = (struct imap_set){0};
    if (cur_eat(c, '$')) {
        out->saved = true;
        return;
    }
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == ',';
    out->v = ARENA_ARRAY(a, n, struct imap_set_range);
    if (!out->v)
        cur_reject(c, "less (out of memory)");
    do {
        struct imap_set_range r;

        r.first = r.last = parse_set_number(c);
        if (cur_eat(c, ':'))
            r.last = parse_set_number(c);
        if (cur_ok(c))
            out->v[out->n++] = r;
    } while (cur_eat(c, ','));
}

static int parse_digits(struct cursor *c, size_t n, int max, const char *rule)
{
    struct slice digits = cur_take(c, n, rule);
    uint64_t value = 0;

    if (cur_ok(c) && !num_parse(digits, (uint64_t)max, &value))
        cur_reject(c, rule);
    return (int)value;
}

static int days_in_month(int year, int month)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return month == 2 && leap ? 29 : days[month - 1];
}

/* "-Feb-1994", after the day. */
static void parse_month_year(struct cursor *c, struct clock_utc *utc)
{
    cur_byte(c, '-', "a date");
    utc->month = clock_month_of(cur_take(c, 3, "a month"));
    if (utc->month == 0)
        cur_reject(c, "a month");
    cur_byte(c, '-', "a date");
    utc->year = parse_digits(c, 4, 9999, "a year of four digits");
    if (cur_ok(c) && (utc->day < 1 || utc->day > days_in_month(utc->year, utc->month)))
        cur_reject(c, "a day of that month");
}

int32_t imap_parse_date(struct cursor *c)
{
    bool quoted = cur_eat(c, '"');
    struct clock_utc utc = {.day = (int)cur_number(c, 31, "a day")};

    parse_month_year(c, &utc);
    if (quoted)
        cur_byte(c, '"', "a closing quote");
    return utc.year * 10000 + utc.month * 100 + utc.day;
}

struct imap_date_time imap_parse_date_time(struct cursor *c)
{
    struct clock_utc utc = {0};
    struct imap_date_time out = {0};

    cur_byte(c, '"', "a date and time");
    if (cur_eat(c, ' '))
        utc.day = parse_digits(c, 1, 9, "a day");
    else
        utc.day = parse_digits(c, 2, 31, "a day");
    parse_month_year(c, &utc);
    imap_parse_space(c);
    utc.hour = parse_digits(c, 2, 23, "an hour");
    cur_byte(c, ':', "a time");
    utc.minute = parse_digits(c, 2, 59, "a minute");
    cur_byte(c, ':', "a time");
    utc.second = parse_digits(c, 2, 60, "a second");
    imap_parse_space(c);
    int sign = cur_eat(c, '-') ? -1 : 1;

    if (sign > 0)
        cur_byte(c, '+', "a zone");
    out.zone_minutes = sign * parse_digits(c, 2, 23, "a zone") * 60;
    out.zone_minutes += sign * parse_digits(c, 2, 59, "a zone");
    cur_byte(c, '"', "a closing quote");
    if (cur_ok(c))
        out.unix_s = clock_unix_of(&utc) - (int64_t)out.zone_minutes * 60;
    return out;
}

void imap_flags_add(struct imap_flags *out, struct arena *a, struct slice name, struct cursor *c)
{
    for (unsigned i = 0; i < IMAP_FLAG_NAMES_N; i++) {
        if (slice_eq_nocase(name, slice_str(imap_flag_names[i]))) {
            out->bits |= 1u << i;
            return;
        }
    }
    if (slice_at(name, 0) == '\\')
        cur_reject(c, "a known system flag");
    uint8_t *lower = arena_alloc(a, name.n);

    if (!lower || !cur_ok(c))
        return;
    for (size_t i = 0; i < name.n; i++)
        lower[i] = ascii_lower(name.p[i]);
    for (size_t i = 0; i < out->n; i++)
        if (slice_eq(out->keywords[i], slice_of(lower, name.n)))
            return;
    out->keywords[out->n++] = slice_of(lower, name.n);
}

static bool is_flag_char(int c)
{
    return c == '\\' || imap_is_atom_char(c);
}

static void parse_flag_words(struct cursor *c, struct arena *a, struct imap_flags *out)
{
    struct slice rest = cur_rest(c);
    size_t n = 1;

    for (size_t i = 0; i < rest.n && rest.p[i] != ')'; i++)
        n += rest.p[i] == ' ';
    out->keywords = ARENA_ARRAY(a, n, struct slice);
    if (!out->keywords)
        cur_reject(c, "less (out of memory)");
    do {
        imap_flags_add(out, a, cur_span(c, is_flag_char, 1, "a flag"), c);
    } while (cur_eat(c, ' '));
}

void imap_parse_flag_list(struct cursor *c, struct arena *a, struct imap_flags *out)
{
    *out = (struct imap_flags){0};
    cur_byte(c, '(', "a list of flags");
    if (cur_eat(c, ')'))
        return;
    parse_flag_words(c, a, out);
    cur_byte(c, ')', "the end of the flags");
}

void imap_parse_flags(struct cursor *c, struct arena *a, struct imap_flags *out)
{
    *out = (struct imap_flags){0};
    if (cur_peek(c) == '(')
        imap_parse_flag_list(c, a, out);
    else
        parse_flag_words(c, a, out);
}
