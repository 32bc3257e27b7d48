/* The state follows the header octet by octet only where a name could be one of ours; the rest of
 * each line, and the body, go by in one piece. A held field is decided when it has ended, or when
 * there is no more room to hold it; until then nothing behind it is given. */
#include "smtp/forged.h"

#include "base/ascii.h"
#include "mail/header.h"

static const struct slice reason = SLICE_INIT(SMTP_REASON_FIELD);
static const struct slice results = SLICE_INIT("Authentication-Results");

static bool is_blank(int byte)
{
    return byte == ' ' || byte == '\t';
}

/* Whether the held octets are the beginning of "name WSP* :". */
static bool may_be(struct slice held, struct slice name)
{
    if (held.n <= name.n)
        return slice_starts_nocase(name, held);
    if (!slice_starts_nocase(held, name))
        return false;
    for (size_t i = name.n; i < held.n; i++)
        if (!is_blank(held.p[i]))
            return false;
    return true;
}

/* RFC 5322 3.2.2: comments and folding white space. */
static struct slice skip_cfws(struct slice s)
{
    for (;;) {
        size_t n = 0;

        while (n < s.n && (is_blank(s.p[n]) || s.p[n] == '\r' || s.p[n] == '\n'))
            n++;
        s = slice_from(s, n);
        if (slice_at(s, 0) != '(')
            return s;
        s = slice_from(s, mail_comment_end(s, 0, NULL));
    }
}

static bool is_id_octet(int byte)
{
    return (ascii_is_graph(byte) && byte != ';' && byte != '(') || byte > 0x7f;
}

/* RFC 8601 2.2: authserv-id is a token or a quoted string. Empty when it is neither, or does not
 * end within `s`. */
static struct slice read_id(struct slice s)
{
    size_t n = 0;

    if (slice_at(s, 0) == '"') {
        s = slice_from(s, 1);
        n = slice_find_byte(s, '"');
        return n == SIZE_MAX || slice_find_byte(slice_sub(s, 0, n), '\\') != SIZE_MAX
                   ? (struct slice){NULL, 0}
                   : slice_sub(s, 0, n);
    }
    while (is_id_octet(slice_at(s, n)))
        n++;
    return n < s.n ? slice_sub(s, 0, n) : (struct slice){NULL, 0};
}

static bool is_ours(const struct smtp_forged *f)
{
    struct slice held = slice_of(f->hold, f->hold_n);
    struct slice id = read_id(skip_cfws(slice_from(held, slice_find_byte(held, ':') + 1)));

    if (slice_ends(id, SLICE(".")))
        id = slice_sub(id, 0, id.n - 1);
    if (id.n == 0 || slice_eq_nocase(id, f->host))
        return true;
    if (slice_find(f->host, SLICE("xn--")) == SIZE_MAX)
        return false;
    /* Our name in another writing? Nobody else's is missed when it is not. */
    for (size_t i = 0; i < id.n; i++)
        if (id.p[i] > 0x7f)
            return true;
    return false;
}

static bool give_held(struct smtp_forged *f, struct slice *run_out)
{
    *run_out = slice_of(f->hold, f->hold_n);
    f->hold_n = 0;
    return run_out->n > 0;
}

/* The held field has ended, or fills the room. True: it is given. */
static bool decide(struct smtp_forged *f, struct slice *run_out)
{
    bool line_ended = f->hold[f->hold_n - 1] == '\n';

    if (is_ours(f)) {
        f->hold_n = 0;
        f->state = line_ended ? SMTP_FORGED_CUT_LINE : SMTP_FORGED_CUT;
        return false;
    }
    f->state = line_ended ? SMTP_FORGED_LINE : SMTP_FORGED_PASS;
    return give_held(f, run_out);
}

/* An octet of what may be the name of such a field. True: it is none, and given. */
static bool hold_name(struct smtp_forged *f, uint8_t byte, struct slice *run_out)
{
    struct slice before = slice_of(f->hold, f->hold_n - 1), now = slice_of(f->hold, f->hold_n);
    bool full = f->hold_n == sizeof(f->hold);

    if (!full && byte == ':' && before.n >= results.n && may_be(before, results)) {
        f->state = SMTP_FORGED_VALUE;
    } else if (full || (byte == ':' && before.n >= reason.n && may_be(before, reason))) {
        f->hold_n = 0;
        f->state = byte == '\n' ? SMTP_FORGED_CUT_LINE : SMTP_FORGED_CUT;
    } else if (!may_be(now, results) && !may_be(now, reason)) {
        f->state = byte == '\n' ? SMTP_FORGED_LINE : SMTP_FORGED_PASS;
        return give_held(f, run_out);
    }
    return false;
}

/* An octet of a held field. True: the field is given. */
static bool hold(struct smtp_forged *f, uint8_t byte, struct slice *run_out)
{
    f->hold[f->hold_n++] = byte;
    if (f->state == SMTP_FORGED_NAME)
        return hold_name(f, byte, run_out);
    if (f->hold_n == sizeof(f->hold))
        return decide(f, run_out);
    f->state = byte == '\n' ? SMTP_FORGED_VALUE_LINE : SMTP_FORGED_VALUE;
    return false;
}

/* The state for the octet that begins a line or follows a CR at its begin; the octet is not taken.
 */
static void begin(struct smtp_forged *f, uint8_t byte)
{
    uint8_t lower = (uint8_t)ascii_lower(byte);

    if (f->state == SMTP_FORGED_CUT_LINE && is_blank(byte))
        f->state = SMTP_FORGED_CUT;
    else if (byte == '\n')
        f->state = SMTP_FORGED_BODY;
    else if (f->state == SMTP_FORGED_BLANK)
        f->state = SMTP_FORGED_PASS;
    else if (byte == '\r')
        f->state = SMTP_FORGED_BLANK;
    else
        f->state = lower == 'a' || lower == 'x' ? SMTP_FORGED_NAME : SMTP_FORGED_PASS;
}

/* Octets up to and with the end of the line, or all. */
static size_t line_rest(struct smtp_forged *f, struct slice s)
{
    size_t lf = slice_find_byte(s, '\n');
    bool cut = f->state == SMTP_FORGED_CUT;

    if (lf == SIZE_MAX)
        return s.n;
    f->state = cut ? SMTP_FORGED_CUT_LINE : SMTP_FORGED_LINE;
    return lf + 1;
}

/* What the state does with the octet at `at`. Returns how many octets it takes; *kept_out: they are
 * given as they stand in the chunk. */
static size_t step(struct smtp_forged *f, struct slice rest, bool *kept_out, struct slice *run_out)
{
    *kept_out = true;
    switch (f->state) {
    case SMTP_FORGED_BODY:
        return rest.n;
    case SMTP_FORGED_PASS:
        return line_rest(f, rest);
    case SMTP_FORGED_CUT:
        *kept_out = false;
        return line_rest(f, rest);
    case SMTP_FORGED_VALUE_LINE:
        if (!is_blank(rest.p[0])) {
            (void)decide(f, run_out);
            return 0;
        }
        break;
    case SMTP_FORGED_LINE:
    case SMTP_FORGED_BLANK:
    case SMTP_FORGED_CUT_LINE:
        begin(f, rest.p[0]);
        return f->state == SMTP_FORGED_BLANK || f->state == SMTP_FORGED_BODY ? 1 : 0;
    case SMTP_FORGED_NAME:
    case SMTP_FORGED_VALUE:
        break;
    }
    *kept_out = false;
    (void)hold(f, rest.p[0], run_out);
    return 1;
}

bool smtp_forged_next(struct smtp_forged *f, struct slice *in, struct slice *run_out)
{
    size_t from = 0, at = 0;

    while (at < in->n) {
        struct slice held = {NULL, 0};
        bool kept;
        size_t n;

        /* What stands before a field that is held or left out goes first. */
        if (at > from && f->state != SMTP_FORGED_PASS && f->state != SMTP_FORGED_BODY &&
            f->state != SMTP_FORGED_LINE && f->state != SMTP_FORGED_BLANK)
            break;
        n = step(f, slice_from(*in, at), &kept, &held);
        at += n;
        if (!kept)
            from = at;
        if (held.n > 0) {
            *run_out = held;
            *in = slice_from(*in, at);
            return true;
        }
    }
    *run_out = slice_sub(*in, from, at - from);
    *in = slice_from(*in, at);
    return run_out->n > 0;
}

bool smtp_forged_end(struct smtp_forged *f, struct slice *run_out)
{
    if (f->state == SMTP_FORGED_VALUE || f->state == SMTP_FORGED_VALUE_LINE)
        return f->hold_n > 0 && decide(f, run_out);
    return give_held(f, run_out);
}
