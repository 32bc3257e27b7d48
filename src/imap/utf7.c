/* A run "&…-" holds UTF-16 in big-endian order, base64 with "," for "/", without padding. */
#include "imap/utf7.h"

#include "base/ascii.h"
#include "base/encode.h"
#include "base/utf8.h"

static int value_of(int c)
{
    if (c == ',')
        return 63;
    return c == '/' ? -1 : base64_value(c);
}

/* The UTF-16 of one run, on its way to UTF-8. */
struct units {
    struct builder *out;
    uint32_t high; /* a high surrogate that waits for its partner; 0: none */
    const char *wrong;
};

static void add_unit(struct units *u, uint32_t unit)
{
    if (u->high) {
        if (unit < 0xdc00 || unit > 0xdfff) {
            u->wrong = "a low surrogate";
            return;
        }
        utf8_append(u->out, 0x10000 + ((u->high - 0xd800) << 10) + (unit - 0xdc00));
        u->high = 0;
    } else if (unit >= 0xd800 && unit <= 0xdbff) {
        u->high = unit;
    } else if (unit >= 0xdc00 && unit <= 0xdfff) {
        u->wrong = "a high surrogate first";
    } else if (unit >= 0x20 && unit <= 0x7e) {
        u->wrong = "printable ASCII as itself";
    } else {
        utf8_append(u->out, unit);
    }
}

static const char *decode_run(struct builder *out, struct slice run)
{
    struct units u = {.out = out};
    uint32_t bits = 0;
    unsigned n = 0;

    for (size_t i = 0; i < run.n; i++) {
        int value = value_of(run.p[i]);

        if (value < 0)
            return "base64";
        bits = bits << 6 | (uint32_t)value;
        n += 6;
        if (n >= 16) {
            n -= 16;
            add_unit(&u, bits >> n & 0xffff);
            bits &= (1u << n) - 1;
        }
        if (u.wrong)
            return u.wrong;
    }
    if (n >= 6 || bits != 0)
        return "a whole number of UTF-16 units";
    return u.high ? "a low surrogate" : NULL;
}

int imap_utf7_decode(struct builder *out, struct slice in, struct err *err)
{
    bool after_run = false;
    const char *wrong = NULL;
    size_t i = 0;

    while (i < in.n && !wrong) {
        size_t at = i;

        if (in.p[i] < 0x20 || in.p[i] > 0x7e) {
            wrong = "printable ASCII";
        } else if (in.p[i] != '&') {
            build_byte(out, in.p[i++]);
            after_run = false;
        } else {
            size_t n = slice_find_byte(slice_from(in, i + 1), '-');

            if (n == SIZE_MAX)
                wrong = "the end of a shift";
            else if (n == 0)
                build_byte(out, '&');
            else if (after_run)
                wrong = "one run instead of two";
            else
                wrong = decode_run(out, slice_sub(in, i + 1, n));
            /* "&-" is a character like any other; it does not end a run. */
            after_run = n != 0;
            i += n == SIZE_MAX ? 0 : n + 2;
        }
        if (wrong) {
            int rc = err_set(err, ERR_SYNTAX, "mailbox name in UTF-7: expected %s", wrong);

            if (err)
                err->offset = at;
            return rc;
        }
    }
    return build_ok(out) ? 0 : err_set(err, ERR_LIMIT, "mailbox name too long");
}

struct run_writer {
    struct builder *out;
    uint32_t bits;
    unsigned n;
    bool open;
};

static void put_sextet(struct run_writer *w, uint32_t value)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

    build_byte(w->out, (uint8_t)alphabet[value & 63]);
}

static void put_unit(struct run_writer *w, uint32_t unit)
{
    w->bits = w->bits << 16 | unit;
    w->n += 16;
    while (w->n >= 6) {
        w->n -= 6;
        put_sextet(w, w->bits >> w->n);
    }
    w->bits &= (1u << w->n) - 1;
}

static void close_run(struct run_writer *w)
{
    if (!w->open)
        return;
    if (w->n)
        put_sextet(w, w->bits << (6 - w->n));
    build_byte(w->out, '-');
    *w = (struct run_writer){.out = w->out};
}

void imap_utf7_encode(struct builder *out, struct slice in)
{
    struct run_writer w = {.out = out};

    for (size_t i = 0, n; i < in.n; i += n) {
        uint32_t code;

        (void)utf8_decode(slice_from(in, i), &code, &n);
        if (code >= 0x20 && code <= 0x7e) {
            close_run(&w);
            build_byte(out, (uint8_t)code);
            if (code == '&')
                build_byte(out, '-');
            continue;
        }
        if (!w.open)
            build_byte(out, '&');
        w.open = true;
        if (code > 0xffff) {
            put_unit(&w, 0xd800 + ((code - 0x10000) >> 10));
            put_unit(&w, 0xdc00 + ((code - 0x10000) & 0x3ff));
        } else {
            put_unit(&w, code);
        }
    }
    close_run(&w);
}
