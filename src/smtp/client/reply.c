#include "smtp/client/reply.h"

#include "base/ascii.h"
#include "base/cursor.h"
#include "base/num.h"
#include "base/utf8.h"

void smtpc_reply_init(struct smtpc_reply_reader *r)
{
    *r = (struct smtpc_reply_reader){.reply = {.code = 0}};
    build_init(&r->text, SMTPC_TEXT_MAX);
}

void smtpc_reply_done(struct smtpc_reply_reader *r)
{
    build_done(&r->text);
}

static void begin(struct smtpc_reply_reader *r)
{
    build_reset(&r->text);
    r->reply = (struct smtpc_reply){.code = 0};
    r->line_n = r->lines = 0;
    r->whole = false;
}

/* RFC 3463 2: class "." subject "." detail, of at most three digits each. The class is not kept. */
static void take_ecode(struct smtpc_reply *reply, struct cursor *c)
{
    struct cursor look = *c;
    size_t from = look.at + 2;

    if (!cur_eat(&look, (uint8_t)('0' + reply->code / 100)) || !cur_eat(&look, '.'))
        return;
    (void)cur_number(&look, 999, "subject");
    cur_byte(&look, '.', "dot");
    (void)cur_number(&look, 999, "detail");
    struct slice code = slice_sub(look.in, from, look.at - from);

    if (!cur_ok(&look) || code.n >= sizeof(reply->ecode) ||
        (!cur_eat(&look, ' ') && !cur_at_end(&look)))
        return;
    memcpy(reply->ecode, code.p, code.n);
    reply->ecode[code.n] = '\0';
    *c = look;
}

/* The text may end up in a log, a delivery report, a terminal. Once it is full the rest is dropped.
 */
static void keep_text(struct smtpc_reply_reader *r, struct slice text)
{
    bool readable = utf8_valid(text);
    size_t room = SMTPC_TEXT_MAX - r->text.n;

    if (text.n + 1 > room)
        return;
    if (r->lines > 1)
        build_byte(&r->text, '\n');
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];

        build_byte(&r->text, c < 0x20 || c == 0x7f || (c > 0x7f && !readable) ? '?' : c);
    }
}

/* RFC 5321 4.2: three digits, then "-" when more lines follow, else a space or nothing. */
static int take_line(struct smtpc_reply_reader *r, struct slice line, bool enhanced,
                     struct err *err)
{
    struct cursor c = cur_init(line);
    struct slice digits = cur_take(&c, 3, "code");
    uint64_t code = 0;

    if (!cur_ok(&c) || !num_parse(digits, 599, &code) || code < 200)
        return err_set(err, ERR_SYNTAX, "the server's answer is not SMTP");
    if (r->lines > 0 && code != r->reply.code)
        return err_set(err, ERR_SYNTAX, "the lines of the server's answer have different codes");
    bool more = cur_eat(&c, '-');

    if (!more && !cur_eat(&c, ' ') && !cur_at_end(&c))
        return err_set(err, ERR_SYNTAX, "the server's answer is not SMTP");
    r->reply.code = (unsigned)code;
    if (++r->lines > SMTPC_LINES_MAX)
        return err_set(err, ERR_LIMIT, "the server's answer does not end");
    if (enhanced && r->lines == 1)
        take_ecode(&r->reply, &c);
    else if (enhanced) {
        /* RFC 2034 4: each line repeats it. */
        struct smtpc_reply again = r->reply;

        take_ecode(&again, &c);
    }
    keep_text(r, cur_rest(&c));
    r->whole = !more;
    return build_ok(&r->text) ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

/* The line that ends with this LF; its CR does not belong to it. */
static int end_line(struct smtpc_reply_reader *r, bool enhanced, struct err *err)
{
    struct slice line = slice_of(r->line, r->line_n);

    r->line_n = 0;
    if (slice_at(line, line.n - 1) == '\r')
        line = slice_sub(line, 0, line.n - 1);
    return take_line(r, line, enhanced, err);
}

int smtpc_reply_feed(struct smtpc_reply_reader *r, struct slice octets, bool enhanced,
                     size_t *used_out, bool *whole_out, struct err *err)
{
    size_t used = 0;

    if (r->whole)
        begin(r);
    while (used < octets.n && !r->whole) {
        struct slice rest = slice_from(octets, used);
        size_t lf = slice_find_byte(rest, '\n');
        struct slice part = slice_sub(rest, 0, lf);
        int rc = 0;

        if (part.n > SMTPC_LINE_MAX - r->line_n)
            return err_set(err, ERR_LIMIT, "a line of the server's answer is too long");
        if (slice_find_byte(part, 0) != SIZE_MAX)
            return err_set(err, ERR_SYNTAX, "the server's answer has a NUL");
        if (part.n > 0)
            memcpy(r->line + r->line_n, part.p, part.n);
        r->line_n += part.n;
        used += part.n + (lf != SIZE_MAX);
        if (lf != SIZE_MAX)
            rc = end_line(r, enhanced, err);
        if (rc < 0)
            return rc;
    }
    r->reply.text = build_slice(&r->text);
    *used_out = used;
    *whole_out = r->whole;
    return 0;
}
