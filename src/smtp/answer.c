#include <stdarg.h>
#include <stdio.h>

#include "base/num.h"
#include "smtp/session_private.h"

#define TEXT_MAX 2048

enum smtp_next smtp_answer(struct smtp_session *s, const struct smtp_reply *reply)
{
    bool error = reply->code >= 400 || reply->code == 252;
    struct slice id = error ? smtp_session_id(s) : (struct slice){NULL, 0};
    struct slice octets = smtp_reply_encode(conn_arena(s->conn), reply, id);

    if (octets.n == 0)
        return SMTP_ABORT;
    smtp_measure_reply(s, reply->code, reply->ecode);
    conn_write(s->conn, octets);
    if (reply->code < 500) {
        s->bad_commands = reply->code < 400 ? 0 : s->bad_commands;
        return error ? SMTP_FLUSH : SMTP_HOLD;
    }
    if (++s->bad_commands < SMTP_BAD_COMMANDS_MAX)
        return SMTP_FLUSH;
    return smtp_say_and_close(s, 421, "4.7.0", "too many errors");
}

enum smtp_next smtp_say(struct smtp_session *s, unsigned code, const char *ecode,
                        const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;

    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);

    va_end(args);
    struct smtp_reply reply = {code, ecode,
                               slice_of(text, MIN((size_t)MAX(n, 0), sizeof(text) - 1))};

    return smtp_answer(s, &reply);
}

enum smtp_next smtp_say_syntax(struct smtp_session *s, const struct cursor *c)
{
    struct slice rest = slice_sub(slice_from(c->in, c->at), 0, 200);

    if (smtp_logged_in(s))
        return smtp_say(s, 501, "5.5.2", "syntax error: %s expected at \"%.*s\"", c->rule,
                        SLICE_FMT(rest));
    return smtp_say(s, 501, "5.5.2", "syntax error: %s", c->rule);
}

struct smtp_reply smtp_reply_of_err(const struct err *err)
{
    switch (err->kind) {
    case ERR_NOT_FOUND:
        return SMTP_REPLY(550, "5.1.1", "no such user");
    case ERR_QUOTA:
        return SMTP_REPLY(452, "4.2.2", "mailbox is full");
    case ERR_FULL:
        return SMTP_REPLY(452, "4.3.1", "no room for the message now, try again later");
    default:
        return SMTP_REPLY(451, "4.3.0", "cannot do this now, try again later");
    }
}

enum smtp_next smtp_say_and_close(struct smtp_session *s, unsigned code, const char *ecode,
                                  const char *text)
{
    struct smtp_reply reply = {code, ecode, slice_str(text)};
    struct slice octets = smtp_reply_encode(conn_arena(s->conn), &reply, (struct slice){NULL, 0});

    smtp_measure_reply(s, code, ecode);
    conn_write(s->conn, octets);
    return SMTP_CLOSE;
}
