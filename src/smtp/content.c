/* The content of a message: octets go in one pass from the command that brings them to the spool
 * and to the parser. After something went wrong the rest is only counted, and the reply is given
 * when all has come. */
#include <stdlib.h>

#include "base/clock.h"
#include "mail/message.h"
#include "smtp/session_private.h"

#define RECEIVED_MAX 100 /* RFC 5321 6.3 */

struct smtp_content {
    struct spool spool;
    struct arena arena;         /* the parser's, and of everything made from the message */
    struct mail_parser *parser; /* NULL after a failure */
    struct smtp_reply failure;  /* code 0: none */
    struct smtp_line_check lines;
    uint64_t size; /* octets of content, stored or not */
    int64_t started_ns;
};

/* Gives back all memory that grows with the message. */
static void drop(struct smtp_content *c)
{
    mail_parser_free(c->parser);
    c->parser = NULL;
    spool_done(&c->spool);
    arena_done(&c->arena);
}

void smtp_content_free(struct smtp_content *c)
{
    if (c == NULL)
        return;
    drop(c);
    free(c);
}

static struct smtp_reply reply_of_spool(struct smtp_session *s, const struct err *err)
{
    if (err->kind == ERR_LIMIT)
        return SMTP_REPLY(552, "5.3.4", "message is larger than the maximum");
    smtp_log_failure(s, "spool message", err);
    return smtp_reply_of_err(err);
}

bool smtp_content_start(struct smtp_session *s, struct smtp_reply *reply_out)
{
    struct smtp_content *c = calloc(1, sizeof(*c));
    struct err err;
    int rc;

    *reply_out = SMTP_REPLY(451, "4.3.0", "out of memory, try again later");
    if (c == NULL)
        return false;
    spool_init(&c->spool, smtp_settings(s)->message_size_max);
    arena_init(&c->arena, 2 * MAIL_ARENA_MAX);
    c->started_ns = clock_mono_ns();
    c->parser = mail_parser_new(&c->arena, &err);
    if (c->parser == NULL) {
        smtp_content_free(c);
        return false;
    }
    rc = spool_expect(&c->spool, s->listener->edge, s->conn, s->tx.has_size ? s->tx.size : 0, &err);
    if (rc < 0) {
        *reply_out = reply_of_spool(s, &err);
        smtp_content_free(c);
        return false;
    }
    s->content = c;
    return true;
}

void smtp_content_refuse(struct smtp_session *s, struct smtp_reply reply)
{
    if (s->content->failure.code != 0)
        return;
    s->content->failure = reply;
    drop(s->content);
}

void smtp_content_take(struct smtp_session *s, struct slice octets)
{
    struct smtp_content *c = s->content;
    struct err err;

    c->size += octets.n;
    if (c->failure.code != 0)
        return;
    if (spool_write(&c->spool, s->listener->edge, s->conn, octets, &err) < 0)
        smtp_content_refuse(s, reply_of_spool(s, &err));
    else
        mail_parser_feed(c->parser, octets);
}

void smtp_content_take_lines(struct smtp_session *s, struct slice octets)
{
    smtp_line_check(&s->content->lines, octets);
    if (s->content->lines.bad)
        smtp_content_refuse(s, SMTP_BAD_LINES);
    smtp_content_take(s, octets);
}

/* One function decides about a complete message. */
static struct smtp_reply judge(struct smtp_session *s, struct smtp_content *c)
{
    struct smtp_message m = {
        .arena = &c->arena,
        .spool = &c->spool,
        .parsed = mail_parser_finish(c->parser),
        .received_ns = clock_now_ns(conn_env(s->conn)->clock),
    };
    struct smtp_reply reply = {0};

    c->parser = NULL;
    if (m.parsed == NULL)
        return SMTP_REPLY(451, "4.3.0", "out of memory, try again later");
    if (s->submission && !m.parsed->has_body_separator)
        return SMTP_REPLY(554, "5.6.0", "no empty line after the header");
    s->bad_transactions++;
    if (m.parsed->received_n > RECEIVED_MAX)
        return SMTP_REPLY(550, "5.4.6", "too many Received fields, this looks like a loop");
    if (s->submission)
        reply = smtp_submit_check(s, &m);
    if (reply.code == 0)
        reply = smtp_deliver(s, &m);
    if (reply.code < 400) {
        s->bad_transactions--;
        s->good_transactions++;
    }
    return reply;
}

static void leave(struct smtp_session *s)
{
    smtp_content_free(s->content);
    s->content = NULL;
    s->mode = SMTP_MODE_COMMAND;
    /* RFC 5321 4.1.1.4: whatever was answered. */
    smtp_session_reset(s);
    smtp_wait_for_command(s);
}

enum smtp_next smtp_content_end(struct smtp_session *s)
{
    struct smtp_content *c = s->content;

    if (c->lines.cr) /* the last octet: it has no LF */
        smtp_content_refuse(s, SMTP_BAD_LINES);
    struct smtp_reply reply = c->failure.code != 0 ? c->failure : judge(s, c);

    s->bad_commands = 0; /* refused messages are counted elsewhere */
    enum smtp_next next = smtp_answer(s, &reply);

    leave(s);
    return next == SMTP_HOLD ? SMTP_FLUSH : next;
}

static enum smtp_next give_up(struct smtp_session *s, unsigned code, const char *ecode,
                              const char *text)
{
    leave(s);
    return smtp_say_and_close(s, code, ecode, text);
}

enum smtp_next smtp_content_bounds(struct smtp_session *s)
{
    const struct smtp_content *c = s->content;

    if (c->size / 2 > smtp_settings(s)->message_size_max)
        return give_up(s, 552, "5.3.4", "message is larger than the maximum");
    if (clock_mono_ns() - c->started_ns > smtp_settings(s)->message_timeout_s * NS_PER_S)
        return give_up(s, 421, "4.4.2", "the message took too long");
    return SMTP_HOLD;
}
