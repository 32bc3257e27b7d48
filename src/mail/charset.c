/* ASCII, UTF-8 and Latin-1 are converted here; ICU knows the others. Converters are opened per
 * piece of text: ICU caches their tables. */
#include <unicode/ucnv.h>

#include "base/ascii.h"
#include "base/num.h"
#include "base/utf8.h"
#include "mail/message_private.h"

#define CHARSET_NAME_MAX 40
#define UNITS 1024

/* Whether 8 octets at a time are ASCII: the length of the ASCII prefix, in steps of 8. */
static size_t ascii_prefix(struct slice s)
{
    size_t i = 0;

    for (; i + 8 <= s.n; i += 8) {
        uint64_t eight;

        memcpy(&eight, s.p + i, 8);
        if (eight & 0x8080808080808080u)
            break;
    }
    while (i < s.n && s.p[i] < 0x80)
        i++;
    return i;
}

bool mail_has_8bit(struct slice s)
{
    uint64_t seen = 0, eight;
    size_t i = 0;

    for (; i + 8 <= s.n; i += 8) {
        memcpy(&eight, s.p + i, 8);
        seen |= eight;
    }
    for (; i < s.n; i++)
        seen |= s.p[i];
    return (seen & 0x8080808080808080u) != 0;
}

bool mail_text_is_utf8(struct slice s)
{
    while (s.n > 0) {
        size_t n = ascii_prefix(s);
        uint32_t code;

        s = slice_from(s, n);
        if (s.n == 0)
            return true;
        if (!utf8_decode(s, &code, &n))
            return false;
        s = slice_from(s, n);
    }
    return true;
}

static bool room_for(struct builder *out, size_t n)
{
    return out->max - out->n >= n;
}

static bool append_code(struct builder *out, uint32_t code)
{
    if (!room_for(out, code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4))
        return false;
    utf8_append(out, code);
    return true;
}

/* Octets that are no UTF-8: U+FFFD each, or themselves as Latin-1. */
static bool append_utf8(struct builder *out, struct slice in, bool latin1)
{
    while (in.n > 0) {
        size_t n = ascii_prefix(in), room = out->max - out->n;
        uint32_t code;

        build_bytes(out, slice_sub(in, 0, n < room ? n : room));
        if (n > room)
            return false;
        in = slice_from(in, n);
        if (in.n == 0)
            break;
        if (latin1) {
            code = in.p[0];
            n = 1;
        } else {
            (void)utf8_decode(in, &code, &n);
        }
        if (!append_code(out, code))
            return false;
        in = slice_from(in, n);
    }
    return true;
}

static bool is_utf8_name(struct slice name)
{
    return name.n == 0 || slice_eq_nocase(name, SLICE("utf-8")) ||
           slice_eq_nocase(name, SLICE("utf8"));
}

static bool is_ascii_name(struct slice name)
{
    return slice_eq_nocase(name, SLICE("us-ascii")) || slice_eq_nocase(name, SLICE("ascii")) ||
           slice_eq_nocase(name, SLICE("ansi_x3.4-1968"));
}

/* What senders mean: text that says it is ASCII and is not is UTF-8 or else windows-1252. Behind
 * other UTF-8 a character may be cut off at the end. */
static bool is_wrongly_ascii(struct slice in)
{
    const size_t cut_max = 3;

    if (mail_text_is_utf8(in))
        return false;
    for (size_t cut = 1; cut <= cut_max && cut < in.n; cut++) {
        struct slice rest = slice_sub(in, 0, in.n - cut);

        if (mail_has_8bit(rest) && mail_text_is_utf8(rest))
            return false;
    }
    return true;
}

static bool is_latin1_name(struct slice name)
{
    return slice_eq_nocase(name, SLICE("iso-8859-1")) || slice_eq_nocase(name, SLICE("latin1"));
}

/* Names that mean more in mail than in their registration, or that ICU does not know. */
static struct slice meant(struct slice name)
{
    static const struct {
        struct slice name, meant;
    } aliases[] = {
        {SLICE_INIT("gb2312"), SLICE_INIT("gb18030")},
        {SLICE_INIT("gb_2312-80"), SLICE_INIT("gb18030")},
        {SLICE_INIT("csgb2312"), SLICE_INIT("gb18030")},
        {SLICE_INIT("euc-cn"), SLICE_INIT("gb18030")},
        {SLICE_INIT("gbk"), SLICE_INIT("gb18030")},
        {SLICE_INIT("cp936"), SLICE_INIT("gb18030")},
        {SLICE_INIT("euc-kr"), SLICE_INIT("windows-949")},
        {SLICE_INIT("cp949"), SLICE_INIT("windows-949")},
        {SLICE_INIT("uhc"), SLICE_INIT("windows-949")},
        {SLICE_INIT("cp950"), SLICE_INIT("windows-950")},
        {SLICE_INIT("tis-620"), SLICE_INIT("windows-874")},
        {SLICE_INIT("x-user-defined"), SLICE_INIT("windows-1252")},
        {SLICE_INIT("win-1250"), SLICE_INIT("windows-1250")},
        {SLICE_INIT("win-1251"), SLICE_INIT("windows-1251")},
        {SLICE_INIT("win-1252"), SLICE_INIT("windows-1252")},
        {SLICE_INIT("ansi"), SLICE_INIT("windows-1252")},
        {SLICE_INIT("x-ansi"), SLICE_INIT("windows-1252")},
    };
    for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
        if (slice_eq_nocase(name, aliases[i].name))
            return aliases[i].meant;
    return name;
}

/* ICU reads options behind a comma or equals sign of the name: only plain names reach it. */
static UConverter *open_converter(struct slice name)
{
    char text[CHARSET_NAME_MAX + 1];
    UErrorCode status = U_ZERO_ERROR;

    name = meant(name);
    if (name.n == 0 || name.n > CHARSET_NAME_MAX)
        return NULL;
    for (size_t i = 0; i < name.n; i++) {
        int c = name.p[i];

        if (!ascii_is_alnum(c) && c != '-' && c != '_' && c != '.' && c != ':' && c != '+')
            return NULL;
        text[i] = (char)c;
    }
    text[name.n] = '\0';
    UConverter *converter = ucnv_open(text, &status);

    return U_SUCCESS(status) ? converter : NULL;
}

bool mail_charset_known(struct slice charset)
{
    if (charset.n > 0 &&
        (is_utf8_name(charset) || is_ascii_name(charset) || is_latin1_name(charset)))
        return true;
    UConverter *converter = open_converter(charset);

    if (!converter)
        return false;
    ucnv_close(converter);
    return true;
}

/* Appends UTF-16 and keeps a high surrogate at the end for the next call in *high. */
static bool append_units(struct builder *out, const UChar *units, size_t n, uint32_t *high)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t unit = units[i];

        /* ICU writes SUB for invalid octets of some charsets. */
        if (unit == 0x1a)
            unit = UTF8_REPLACEMENT;
        if (*high && U16_IS_TRAIL(unit)) {
            unit = (uint32_t)U16_GET_SUPPLEMENTARY(*high, unit);
            *high = 0;
        } else if (*high) {
            *high = 0;
            if (!append_code(out, UTF8_REPLACEMENT))
                return false;
        }
        if (U16_IS_LEAD(unit) && unit < 0x10000)
            *high = unit;
        else if (!append_code(out, U_IS_SURROGATE(unit) ? UTF8_REPLACEMENT : unit))
            return false;
    }
    return true;
}

static bool convert(struct builder *out, UConverter *converter, struct slice in)
{
    const char *source = (const char *)in.p;
    const char *source_end = source + in.n;
    uint32_t high = 0;
    bool more = true, room = true;

    while (more && room) {
        UChar units[UNITS];
        UChar *target = units;
        UErrorCode status = U_ZERO_ERROR;

        ucnv_toUnicode(converter, &target, units + UNITS, &source, source_end, NULL,
                       /* flush= */ true, &status);
        more = status == U_BUFFER_OVERFLOW_ERROR;
        room = append_units(out, units, (size_t)(target - units), &high);
        /* A character cut off by the end of the text. */
        if (room && U_FAILURE(status) && !more)
            room = append_code(out, UTF8_REPLACEMENT);
    }
    return room && (!high || append_code(out, UTF8_REPLACEMENT));
}

bool mail_decode_charset(struct builder *out, struct slice charset, struct slice in)
{
    if (in.n == 0)
        return true;
    if (is_utf8_name(charset))
        return append_utf8(out, in, /* latin1= */ false);
    if (is_latin1_name(charset))
        return append_utf8(out, in, /* latin1= */ true);
    if (is_ascii_name(charset))
        charset = is_wrongly_ascii(in) ? SLICE("windows-1252") : SLICE("");
    UConverter *converter = open_converter(charset);

    if (!converter)
        return append_utf8(out, in, /* latin1= */ false);
    bool room = convert(out, converter, in);

    ucnv_close(converter);
    return room;
}
