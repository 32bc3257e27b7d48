#include "base/utf8.h"

static bool is_tail(int c)
{
    return c >= 0x80 && c <= 0xbf;
}

bool utf8_decode(struct slice s, uint32_t *code_out, size_t *n_out)
{
    int a = slice_at(s, 0), b = slice_at(s, 1), c = slice_at(s, 2), d = slice_at(s, 3);

    *n_out = 1;
    *code_out = UTF8_REPLACEMENT;
    if (a >= 0 && a < 0x80) {
        *code_out = (uint32_t)a;
        return true;
    }
    if (a >= 0xc2 && a <= 0xdf && is_tail(b)) {
        *code_out = (uint32_t)((a & 0x1f) << 6 | (b & 0x3f));
        *n_out = 2;
        return true;
    }
    if (a >= 0xe0 && a <= 0xef && is_tail(b) && is_tail(c)) {
        uint32_t code = (uint32_t)((a & 0x0f) << 12 | (b & 0x3f) << 6 | (c & 0x3f));

        if (code < 0x800 || (code >= 0xd800 && code <= 0xdfff))
            return false;
        *code_out = code;
        *n_out = 3;
        return true;
    }
    if (a >= 0xf0 && a <= 0xf4 && is_tail(b) && is_tail(c) && is_tail(d)) {
        uint32_t code = (uint32_t)((a & 7) << 18 | (b & 0x3f) << 12 | (c & 0x3f) << 6 | (d & 0x3f));

        if (code < 0x10000 || code > 0x10ffff)
            return false;
        *code_out = code;
        *n_out = 4;
        return true;
    }
    return false;
}

bool utf8_valid(struct slice s)
{
    while (s.n > 0) {
        uint32_t code;
        size_t n;

        if (!utf8_decode(s, &code, &n))
            return false;
        s = slice_from(s, n);
    }
    return true;
}

bool utf8_is_ascii(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] >= 0x80)
            return false;
    return true;
}

void utf8_append(struct builder *out, uint32_t code)
{
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        code = UTF8_REPLACEMENT;
    if (code < 0x80) {
        build_byte(out, (uint8_t)code);
    } else if (code < 0x800) {
        build_byte(out, (uint8_t)(0xc0 | code >> 6));
        build_byte(out, (uint8_t)(0x80 | (code & 0x3f)));
    } else if (code < 0x10000) {
        build_byte(out, (uint8_t)(0xe0 | code >> 12));
        build_byte(out, (uint8_t)(0x80 | (code >> 6 & 0x3f)));
        build_byte(out, (uint8_t)(0x80 | (code & 0x3f)));
    } else {
        build_byte(out, (uint8_t)(0xf0 | code >> 18));
        build_byte(out, (uint8_t)(0x80 | (code >> 12 & 0x3f)));
        build_byte(out, (uint8_t)(0x80 | (code >> 6 & 0x3f)));
        build_byte(out, (uint8_t)(0x80 | (code & 0x3f)));
    }
}

void utf8_append_clean(struct builder *out, struct slice s)
{
    while (s.n > 0) {
        uint32_t code;
        size_t n;

        if (utf8_decode(s, &code, &n))
            build_bytes(out, slice_sub(s, 0, n));
        else
            utf8_append(out, UTF8_REPLACEMENT);
        s = slice_from(s, n);
    }
}

struct slice utf8_cut(struct slice s, size_t n)
{
    if (s.n <= n)
        return s;
    while (n > 0 && is_tail(slice_at(s, n)))
        n--;
    return slice_sub(s, 0, n);
}
