#include "base/encode.h"

#include "base/ascii.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode(struct builder *out, struct slice in, const char *alphabet, bool pad)
{
    size_t odd = in.n % 3;
    uint8_t *p = build_reserve(out, in.n / 3 * 4 + (odd == 0 ? 0 : pad ? 4 : odd + 1));
    size_t n = 0;

    if (!p)
        return;
    for (size_t i = 0; i < in.n; i += 3) {
        size_t have = in.n - i < 3 ? in.n - i : 3;
        uint32_t bits = (uint32_t)in.p[i] << 16;

        if (have > 1)
            bits |= (uint32_t)in.p[i + 1] << 8;
        if (have > 2)
            bits |= in.p[i + 2];
        for (size_t k = 0; k < 4; k++) {
            if (k <= have)
                p[n++] = (uint8_t)alphabet[bits >> (18 - 6 * k) & 63];
            else if (pad)
                p[n++] = '=';
        }
    }
    build_advance(out, n);
}

void encode_base64(struct builder *out, struct slice in)
{
    encode(out, in, standard, true);
}

void encode_base64url(struct builder *out, struct slice in)
{
    encode(out, in, url_safe, false);
}

void encode_hex(struct builder *out, struct slice in)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < in.n; i++) {
        build_byte(out, (uint8_t)digits[in.p[i] >> 4]);
        build_byte(out, (uint8_t)digits[in.p[i] & 15]);
    }
}

int base64_value(int c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (ascii_is_digit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static int url_value(int c)
{
    if (c == '+' || c == '/')
        return -1;
    return base64_value(c == '-' ? '+' : c == '_' ? '/' : c);
}

static int bad_base64(struct err *err, size_t offset)
{
    int rc = err_set(err, ERR_SYNTAX, "invalid base64");

    if (err)
        err->offset = offset;
    return rc;
}

/* `in` without padding. */
static int decode(struct builder *out, struct slice in, int (*value_of)(int), struct err *err)
{
    uint32_t bits = 0;

    if (in.n % 4 == 1)
        return bad_base64(err, in.n);
    for (size_t i = 0; i < in.n; i++) {
        int value = value_of(in.p[i]);

        if (value < 0)
            return bad_base64(err, i);
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 == 3) {
            uint8_t three[3] = {(uint8_t)(bits >> 16), (uint8_t)(bits >> 8), (uint8_t)bits};

            build_bytes(out, slice_of(three, 3));
        }
    }
    uint32_t unused = in.n % 4 == 2 ? bits & 15 : in.n % 4 == 3 ? bits & 3 : 0;

    if (unused)
        return bad_base64(err, in.n - 1);
    if (in.n % 4 == 2)
        build_byte(out, (uint8_t)(bits >> 4));
    if (in.n % 4 == 3) {
        build_byte(out, (uint8_t)(bits >> 10));
        build_byte(out, (uint8_t)(bits >> 2));
    }
    return build_ok(out) ? 0 : err_set(err, ERR_LIMIT, "base64 data too long");
}

int decode_base64(struct builder *out, struct slice in, struct err *err)
{
    if (in.n % 4 != 0)
        return bad_base64(err, in.n);
    if (in.n && in.p[in.n - 1] == '=')
        in.n -= in.p[in.n - 2] == '=' ? 2 : 1;
    return decode(out, in, base64_value, err);
}

int decode_base64url(struct builder *out, struct slice in, struct err *err)
{
    return decode(out, in, url_value, err);
}

int decode_hex(struct builder *out, struct slice in, struct err *err)
{
    for (size_t i = 0; i < in.n; i += 2) {
        int high = ascii_hex_value(in.p[i]), low = ascii_hex_value(slice_at(in, i + 1));

        if (high < 0 || low < 0) {
            int rc = err_set(err, ERR_SYNTAX, "invalid hexadecimal digits");

            if (err)
                err->offset = i;
            return rc;
        }
        build_byte(out, (uint8_t)(high << 4 | low));
    }
    return build_ok(out) ? 0 : err_set(err, ERR_LIMIT, "hexadecimal data too long");
}
