/* The reader walks from line to line with memchr and makes the run as long as it can: it ends where
 * a dot must be left out, or at the end of the chunk. A CR at the end of a chunk goes out with the
 * run, since it is content whatever follows, except behind a dot at the start of a line: there CR
 * LF is the end, and all else is refused anyway. */
#include "smtp/data_reader.h"

/* One octet in a state other than within a line. Returns whether it is content. */
static bool step(struct smtp_data_reader *r, uint8_t byte)
{
    switch (r->state) {
    case SMTP_DATA_CR:
        if (byte == '\n') {
            r->state = SMTP_DATA_LINE_START;
            return true;
        }
        break;
    case SMTP_DATA_LINE_START:
        if (byte == '.') {
            r->state = SMTP_DATA_DOT;
            return false;
        }
        break;
    case SMTP_DATA_DOT:
        if (byte == '\r') {
            r->state = SMTP_DATA_DOT_CR;
            return false;
        }
        break;
    case SMTP_DATA_DOT_CR:
        if (byte == '\n') {
            r->ended = true;
            return false;
        }
        break;
    case SMTP_DATA_IN_LINE:
        break;
    }
    /* Now it is an octet somewhere in a line; a CR that waited for its LF stands alone. */
    if (r->state == SMTP_DATA_CR || r->state == SMTP_DATA_DOT_CR || byte == '\n' || byte == '\0')
        r->bad = true;
    r->state = byte == '\r' ? SMTP_DATA_CR : SMTP_DATA_IN_LINE;
    return true;
}

/* Within a line: how many octets up to and including its CR, or all. */
static size_t line_rest(struct smtp_data_reader *r, struct slice s)
{
    size_t cr = slice_find_byte(s, '\r');
    size_t n = cr == SIZE_MAX ? s.n : cr + 1;
    struct slice line = slice_sub(s, 0, n);

    if (slice_find_byte(line, '\n') != SIZE_MAX || slice_find_byte(line, '\0') != SIZE_MAX)
        r->bad = true;
    if (cr != SIZE_MAX)
        r->state = SMTP_DATA_CR;
    return n;
}

bool smtp_data_next(struct smtp_data_reader *r, struct slice *in, struct slice *run_out)
{
    size_t from = 0, at = 0;

    while (at < in->n && !r->ended) {
        if (r->state == SMTP_DATA_IN_LINE) {
            at += line_rest(r, slice_from(*in, at));
            continue;
        }
        bool content = step(r, in->p[at]);

        if (!content && at > from) {
            /* The octet is not content but was taken: give what was before it. */
            *run_out = slice_sub(*in, from, at - from);
            *in = slice_from(*in, at + 1);
            return true;
        }
        at++;
        if (!content)
            from = at;
    }
    *run_out = slice_sub(*in, from, at - from);
    *in = slice_from(*in, at);
    return run_out->n > 0;
}

void smtp_line_check(struct smtp_line_check *l, struct slice octets)
{
    l->bad = l->bad || slice_find_byte(octets, '\0') != SIZE_MAX;
    while (octets.n > 0 && !l->bad) {
        if (l->cr != (octets.p[0] == '\n')) {
            l->bad = true;
            return;
        }
        octets = slice_from(octets, l->cr ? 1 : 0);
        l->cr = false;
        size_t cr = slice_find_byte(octets, '\r');
        struct slice line = slice_sub(octets, 0, cr);

        l->bad = slice_find_byte(line, '\n') != SIZE_MAX;
        l->cr = cr != SIZE_MAX;
        octets = slice_from(octets, l->cr ? cr + 1 : octets.n);
    }
}
