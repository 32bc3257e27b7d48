#include "imap/framer.h"

#include "base/ascii.h"
#include "base/num.h"

/* The largest command: a line around each literal, and the literals. */
#define HELD_MAX (IMAP_LITERALS_BYTES_MAX + 64u * IMAP_LINE_MAX)

void imap_framer_init(struct imap_framer *f)
{
    *f = (struct imap_framer){0};
    build_init(&f->held, HELD_MAX);
}

void imap_framer_reset(struct imap_framer *f)
{
    build_done(&f->held);
    imap_framer_init(f);
}

/* Looks for "{n}" or "{n+}", perhaps with "~", at the end of the last line. */
static bool find_literal(struct slice held, struct imap_literal *out)
{
    size_t end = held.n - 1;

    if (slice_at(held, end - 1) == '\r')
        end--;
    if (end < 3 || held.p[end - 1] != '}')
        return false;
    size_t digits_end = end - 1;

    out->sync = held.p[digits_end - 1] != '+';
    if (!out->sync)
        digits_end--;
    size_t digits = digits_end;

    while (digits > 0 && ascii_is_digit(held.p[digits - 1]))
        digits--;
    if (digits == digits_end || digits == 0 || held.p[digits - 1] != '{')
        return false;
    if (!num_parse(slice_sub(held, digits, digits_end - digits), INT64_MAX, &out->size))
        out->size = UINT64_MAX;
    out->at = digits - 1;
    out->binary = out->at > 0 && held.p[out->at - 1] == '~';
    if (out->binary)
        out->at--;
    return true;
}

enum imap_frame imap_framer_feed(struct imap_framer *f, struct slice in, size_t *used_out,
                                 struct imap_literal *literal_out)
{
    size_t take = in.n < f->need ? in.n : (size_t)f->need;

    build_bytes(&f->held, slice_sub(in, 0, take));
    f->need -= take;
    *used_out = take;
    if (f->need)
        return build_ok(&f->held) ? IMAP_FRAME_MORE : IMAP_FRAME_TOO_LONG;
    in = slice_from(in, take);
    size_t lf = slice_find_byte(slice_sub(in, 0, IMAP_LINE_MAX), '\n');

    if (lf == SIZE_MAX)
        return in.n >= IMAP_LINE_MAX ? IMAP_FRAME_TOO_LONG : IMAP_FRAME_MORE;
    build_bytes(&f->held, slice_sub(in, 0, lf + 1));
    *used_out += lf + 1;
    if (!build_ok(&f->held))
        return IMAP_FRAME_TOO_LONG;
    return find_literal(build_slice(&f->held), literal_out) ? IMAP_FRAME_LITERAL
                                                            : IMAP_FRAME_COMMAND;
}

bool imap_framer_accept(struct imap_framer *f, const struct imap_literal *literal)
{
    if (literal->size > IMAP_LITERAL_MAX || f->literals_n >= IMAP_LITERALS_MAX ||
        literal->size > IMAP_LITERALS_BYTES_MAX - f->literals_bytes)
        return false;
    f->need = literal->size;
    f->literals_n++;
    f->literals_bytes += (uint32_t)literal->size;
    return true;
}
