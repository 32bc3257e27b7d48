/* base64: characters outside the alphabet are skipped, '=' closes a group (so that concatenated
 * encodings decode), a lone last character is dropped. quoted-printable: white space before a line
 * end is dropped, "=" before it joins lines, a broken escape stays as written. */
#include "mail/decode.h"

#include "base/ascii.h"
#include "base/encode.h"
#include "mail/message_private.h"

#define BLOCK 64

/* ---- base64 ---- */

/* Room for up to `want` octets, less when the builder's maximum is near; NULL without any. */
static uint8_t *reserve_some(struct builder *out, size_t want, size_t *got)
{
    size_t room = out->max - out->n;

    *got = want < room ? want : room;
    return *got > 0 ? build_reserve(out, *got) : NULL;
}

struct base64_state {
    uint32_t bits;
    unsigned n; /* characters in bits */
};

/* Octets of a group of n characters. */
static unsigned base64_flush(const struct base64_state *s, uint8_t *octets)
{
    uint32_t bits = s->bits << (6 * (4 - s->n));

    octets[0] = (uint8_t)(bits >> 16);
    octets[1] = (uint8_t)(bits >> 8);
    octets[2] = (uint8_t)bits;
    return s->n * 6 / 8;
}

/* Values of the alphabet; 64 for all other octets. */
static void base64_table(uint8_t table[256])
{
    for (int c = 0; c < 256; c++) {
        int value = base64_value(c);

        table[c] = value < 0 ? 64 : (uint8_t)value;
    }
}

static bool decode_base64_body(struct builder *out, struct slice in)
{
    struct base64_state s = {0, 0};
    uint8_t table[256], octets[3];
    size_t room, n = 0;
    uint8_t *p = reserve_some(out, in.n / 4 * 3 + 3, &room);

    if (!p) {
        struct transfer_count none = {.encoding = PART_BASE64};

        transfer_count_feed(&none, in);
        return transfer_count_finish(&none, 0) == 0;
    }
    base64_table(table);
    for (size_t i = 0; i <= in.n; i++) {
        bool end = i == in.n || in.p[i] == '=';

        if (!end) {
            uint8_t value = table[in.p[i]];

            if (value == 64)
                continue;
            s.bits = s.bits << 6 | value;
            s.n++;
        }
        if (s.n == 4 || (end && s.n > 0)) {
            unsigned k = base64_flush(&s, octets);

            for (unsigned j = 0; j < k; j++) {
                if (n == room) {
                    build_advance(out, n);
                    return false;
                }
                p[n++] = octets[j];
            }
            s = (struct base64_state){0, 0};
        }
    }
    build_advance(out, n);
    return true;
}

static unsigned is_base64(uint8_t c)
{
    return (unsigned)((uint8_t)(c - 'A') < 26) | (unsigned)((uint8_t)(c - 'a') < 26) |
           (unsigned)((uint8_t)(c - '0') < 10) | (unsigned)(c == '+') | (unsigned)(c == '/');
}

/* Blocks of fixed size let the compiler use vector instructions. */
static uint64_t count_base64(struct slice in)
{
    uint64_t n = 0;
    size_t i = 0;

    for (; i + BLOCK <= in.n; i += BLOCK) {
        uint8_t block = 0;

        for (size_t j = 0; j < BLOCK; j++)
            block = (uint8_t)(block + is_base64(in.p[i + j]));
        n += block;
    }
    for (; i < in.n; i++)
        n += is_base64(in.p[i]);
    return n;
}

static void count_feed_base64(struct transfer_count *t, struct slice in)
{
    while (in.n > 0) {
        size_t equals = slice_find_byte(in, '=');
        struct slice run = slice_sub(in, 0, equals);
        uint64_t good = count_base64(run), n = t->quantum + good;

        t->good += good + (equals != SIZE_MAX);

        t->decoded += n / 4 * 3;
        t->quantum = (unsigned)(n % 4);
        if (equals == SIZE_MAX)
            return;
        t->decoded += t->quantum * 6 / 8;
        t->quantum = 0;
        in = slice_from(in, equals + 1);
    }
}

/* ---- quoted-printable ---- */

static bool put(struct builder *out, struct slice s)
{
    size_t room = out->max - out->n;

    build_bytes(out, slice_sub(s, 0, room));
    return s.n <= room;
}

/* One line with its line end; the last one may have none. */
static bool decode_qp_line(struct builder *out, struct slice line)
{
    size_t eol = line.n > 0 && line.p[line.n - 1] == '\n';
    bool soft = false;

    if (eol && line.n > 1 && line.p[line.n - 2] == '\r')
        eol = 2;
    struct slice end = slice_from(line, line.n - eol);
    struct slice text = slice_sub(line, 0, line.n - eol);

    /* Without a line end a CR may be the first half of one. */
    if (eol == 0 && text.n > 0 && text.p[text.n - 1] == '\r')
        text.n--;
    while (text.n > 0 && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t'))
        text.n--;
    if (text.n > 0 && text.p[text.n - 1] == '=') {
        text.n--;
        soft = true;
    }
    while (text.n > 0) {
        size_t equals = slice_find_byte(text, '=');
        int high = ascii_hex_value(slice_at(text, equals + 1));
        int low = ascii_hex_value(slice_at(text, equals + 2));

        if (!put(out, slice_sub(text, 0, equals)))
            return false;
        if (equals == SIZE_MAX)
            break;
        uint8_t octet = '=';
        size_t used = 1;

        if (high >= 0 && low >= 0) {
            octet = (uint8_t)(high << 4 | low);
            used = 3;
        }
        if (!put(out, slice_of(&octet, 1)))
            return false;
        text = slice_from(text, equals + used);
    }
    return soft || put(out, end);
}

static bool decode_qp(struct builder *out, struct slice in)
{
    while (in.n > 0) {
        size_t nl = slice_find_byte(in, '\n');
        struct slice line = nl == SIZE_MAX ? in : slice_sub(in, 0, nl + 1);

        if (!decode_qp_line(out, line))
            return false;
        in = slice_from(in, line.n);
    }
    return true;
}

static void qp_release(struct transfer_count *t)
{
    t->decoded += t->pending;
    t->pending = 0;
    t->pending_cr = false;
}

static void qp_text(struct transfer_count *t, uint8_t c)
{
    switch (c) {
    case '\n':
        t->last_eol = 1 + t->pending_cr;
        t->decoded += t->last_eol;
        t->pending = 0;
        t->pending_cr = false;
        break;
    case ' ':
    case '\t':
        if (t->pending_cr)
            qp_release(t);
        t->pending++;
        break;
    case '\r':
        if (t->pending_cr)
            qp_release(t);
        t->pending++;
        t->pending_cr = true;
        break;
    case '=':
        qp_release(t);
        t->state = QP_ESCAPE;
        break;
    default:
        qp_release(t);
        t->decoded++;
        break;
    }
}

/* Behind "=", "=H" or "= ": a hexadecimal pair, a soft line break, or nothing of the kind. The "="
 * is counted when it turns out to be text; what followed it is then text as well. */
static void qp_escape(struct transfer_count *t, uint8_t c)
{
    bool space = (c == ' ' || c == '\t' || c == '\r') && !t->pending_cr;

    if (t->state == QP_ESCAPE_HEX) {
        t->state = QP_TEXT;
        t->decoded += ascii_hex_value(c) >= 0 ? 1 : 2;
        t->broken += ascii_hex_value(c) < 0;
        if (ascii_hex_value(c) < 0)
            qp_text(t, c);
    } else if (t->state == QP_ESCAPE && ascii_hex_value(c) >= 0) {
        t->state = QP_ESCAPE_HEX;
    } else if (c == '\n') {
        t->state = QP_TEXT;
        t->pending = 0;
        t->pending_cr = false;
        t->last_eol = 0;
    } else if (space) {
        t->state = QP_ESCAPE_SPACE;
        t->pending++;
        t->pending_cr = c == '\r';
    } else {
        t->state = QP_TEXT;
        t->decoded++;
        t->broken++;
        qp_text(t, c);
    }
}

/* Without "=" and line ends. White space may turn out to stand at the end of a line. */
static void count_qp_run(struct transfer_count *t, struct slice run)
{
    size_t n = run.n;

    while (n > 0 && (run.p[n - 1] == ' ' || run.p[n - 1] == '\t' || run.p[n - 1] == '\r'))
        n--;
    if (n > 0)
        qp_release(t);
    t->decoded += n;
    for (; n < run.n; n++)
        qp_text(t, run.p[n]);
}

static void count_qp_octet(struct transfer_count *t, uint8_t c)
{
    if (t->state == QP_TEXT)
        qp_text(t, c);
    else
        qp_escape(t, c);
}

/* Without its line end. */
static void count_qp_line(struct transfer_count *t, struct slice line)
{
    while (line.n > 0) {
        size_t n = 1;

        if (t->state == QP_TEXT) {
            size_t equals = slice_find_byte(line, '=');

            count_qp_run(t, slice_sub(line, 0, equals));
            if (equals == SIZE_MAX)
                return;
            n = equals + 1;
        }
        count_qp_octet(t, line.p[n - 1]);
        line = slice_from(line, n);
    }
}

static void count_feed_qp(struct transfer_count *t, struct slice in)
{
    while (in.n > 0) {
        size_t nl = slice_find_byte(in, '\n');

        count_qp_line(t, slice_sub(in, 0, nl));
        if (nl == SIZE_MAX)
            return;
        count_qp_octet(t, '\n');
        in = slice_from(in, nl + 1);
    }
}

/* ---- any encoding ---- */

void transfer_count_feed(struct transfer_count *t, struct slice in)
{
    if (in.n > 0 && in.p[in.n - 1] != '\n')
        t->last_eol = 0;
    if (t->encoding == PART_BASE64)
        count_feed_base64(t, in);
    else if (t->encoding == PART_QUOTED_PRINTABLE)
        count_feed_qp(t, in);
    else
        t->decoded += in.n;
}

uint64_t transfer_count_finish(struct transfer_count *t, unsigned eol_n)
{
    switch (t->encoding) {
    case PART_BASE64:
        return t->decoded + t->quantum * 6 / 8;
    case PART_QUOTED_PRINTABLE:
        if (eol_n > 0)
            return t->decoded - t->last_eol;
        /* "=H" at the end is text; "=" and white space there are not. */
        return t->decoded + (t->state == QP_ESCAPE_HEX ? 2 : 0);
    default:
        return t->decoded - eol_n;
    }
}

bool mail_decode_transfer(struct builder *out, enum part_encoding encoding, struct slice in)
{
    if (encoding == PART_BASE64)
        return decode_base64_body(out, in);
    if (encoding == PART_QUOTED_PRINTABLE)
        return decode_qp(out, in);
    return put(out, in);
}
