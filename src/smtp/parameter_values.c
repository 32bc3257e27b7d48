#include "smtp/parameter_values.h"

#include "base/ascii.h"
#include "base/clock.h"
#include "base/cursor.h"
#include "base/num.h"
#include "base/utf8.h"
#include "smtp/path.h"
#include "store.pb-c.h"

static bool is_hex(int byte)
{
    return ascii_hex_value(byte) >= 0;
}

static int upper_hex(int byte)
{
    return byte >= 'a' && byte <= 'f' ? -1 : ascii_hex_value(byte);
}

bool smtp_printable_xtext(struct slice in)
{
    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] != '+') {
            if (!ascii_is_graph(in.p[i]) || in.p[i] == '=')
                return false;
            continue;
        }
        int high = upper_hex(slice_at(in, i + 1)), low = upper_hex(slice_at(in, i + 2));

        /* A control octet would end a line of the report that repeats it. */
        if (high < 2 || low < 0 || high * 16 + low > 0x7e)
            return false;
        i += 2;
    }
    return in.n > 0;
}

bool smtp_notify_parse(struct slice in, unsigned *out)
{
    static const struct {
        struct slice word;
        unsigned bit;
    } words[] = {{SLICE_INIT("SUCCESS"), GW__RECIPIENT__NOTIFY__NOTIFY_SUCCESS},
                 {SLICE_INIT("FAILURE"), GW__RECIPIENT__NOTIFY__NOTIFY_FAILURE},
                 {SLICE_INIT("DELAY"), GW__RECIPIENT__NOTIFY__NOTIFY_DELAY}};
    unsigned bits = 0;
    bool more = true;

    if (slice_eq_nocase(in, SLICE("NEVER"))) {
        *out = GW__RECIPIENT__NOTIFY__NOTIFY_NEVER;
        return true;
    }
    while (more) {
        size_t comma = slice_find_byte(in, ','), i = 0;
        struct slice word = slice_sub(in, 0, comma);

        while (i < ARRAY_SIZE(words) && !slice_eq_nocase(word, words[i].word))
            i++;
        if (i == ARRAY_SIZE(words))
            return false;
        bits |= words[i].bit;
        more = comma != SIZE_MAX;
        in = slice_from(in, more ? comma + 1 : in.n);
    }
    *out = bits;
    return true;
}

/* RFC 6533 3: "\x{HEX}", a code point that is not printable ASCII otherwise. */
static bool embedded_char(struct cursor *c)
{
    struct slice digits;
    uint32_t code = 0;

    cur_text_nocase(c, SLICE("\\x{"), "escape");
    digits = cur_span(c, is_hex, 2, "hexadecimal digits");
    for (size_t i = 0; i < digits.n && i < 7; i++)
        code = code * 16 + (uint32_t)ascii_hex_value(digits.p[i]);
    cur_byte(c, '}', "escape");
    return cur_ok(c) && digits.n <= 6 && code >= 0x20 && code != 0x7f && code <= 0x10ffff &&
           (code < 0xd800 || code > 0xdfff);
}

static bool utf8_address_valid(struct slice in, bool utf8)
{
    struct cursor c = cur_init(in);

    if (in.n == 0 || !utf8_valid(in) || (!utf8 && !utf8_is_ascii(in)))
        return false;
    while (!cur_at_end(&c)) {
        int byte = cur_peek(&c);

        if (byte == '\\') {
            if (!embedded_char(&c))
                return false;
            continue;
        }
        if (byte == '+' || byte == '=' || (byte < 0x80 && !ascii_is_graph((uint8_t)byte)))
            return false;
        (void)cur_take(&c, 1, "octet");
    }
    return true;
}

bool smtp_orcpt_valid(struct slice in, bool utf8)
{
    size_t semicolon = slice_find_byte(in, ';');
    struct slice type = slice_sub(in, 0, semicolon);

    if (semicolon == SIZE_MAX || type.n == 0)
        return false;
    for (size_t i = 0; i < type.n; i++)
        if (!smtp_is_atext(type.p[i]))
            return false;
    struct slice text = slice_from(in, semicolon + 1);

    /* What is no address of that form stays opaque, but no escape of it may hide a control octet.
     */
    if (slice_eq_nocase(type, SLICE("utf-8")) && utf8_address_valid(text, utf8))
        return true;
    if (slice_eq_nocase(type, SLICE("utf-8")) && slice_find_byte(text, '\\') != SIZE_MAX)
        return false;
    return smtp_printable_xtext(text);
}

static int two_digits(struct cursor *c, int min, int max)
{
    struct slice digits = cur_take(c, 2, "two digits");
    uint64_t value = 0;

    if (!num_parse(digits, 99, &value) || (int)value < min || (int)value > max)
        cur_reject(c, "two digits");
    return (int)value;
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

static int64_t fraction_ns(struct cursor *c)
{
    struct slice digits = cur_span(c, ascii_is_digit, 1, "fraction");
    int64_t ns = 0;

    for (size_t i = 0; i < 9; i++)
        ns = ns * 10 + (i < digits.n ? digits.p[i] - '0' : 0);
    return ns;
}

bool smtp_hold_until_parse(struct slice in, int64_t *unix_ns_out)
{
    struct cursor c = cur_init(in);
    struct clock_utc t = {0};
    uint64_t year = 0;
    int64_t ns = 0;

    if (!num_parse(cur_take(&c, 4, "year"), 9999, &year) || year < 1970)
        return false;
    t.year = (int)year;
    cur_byte(&c, '-', "date");
    t.month = two_digits(&c, 1, 12);
    cur_byte(&c, '-', "date");
    if (!cur_ok(&c))
        return false;
    t.day = two_digits(&c, 1, days_in(t.year, t.month));
    cur_byte(&c, 'T', "T");
    t.hour = two_digits(&c, 0, 23);
    cur_byte(&c, ':', "time");
    t.minute = two_digits(&c, 0, 59);
    cur_byte(&c, ':', "time");
    t.second = two_digits(&c, 0, 60); /* a leap second is the next one */
    if (cur_eat(&c, '.'))
        ns = fraction_ns(&c);
    cur_byte(&c, 'Z', "Z");
    cur_end(&c, "end");
    if (!cur_ok(&c) || t.year > 2200) /* what nanoseconds can hold */
        return false;
    bool leap = t.second == 60;

    t.second -= leap ? 1 : 0;
    *unix_ns_out = (clock_unix_of(&t) + (leap ? 1 : 0)) * NS_PER_S + ns;
    return true;
}
