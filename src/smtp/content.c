/* The content of a message: octets go in one pass from the command that brings them through the
 * filter of forged fields to the spool and to the parser. After something went wrong the rest is
 * only counted, and the reply is given when all has come. */
#include <stdlib.h>

#include "base/clock.h"
#include "mail/message.h"
#include "smtp/forged.h"
#include "smtp/judge.h"
#include "smtp/session_private.h"
#include "smtp/submit_header.h"

#define RECEIVED_MAX 100      /* RFC 5321 6.3 */
#define LINE_MAX_OCTETS 1000u /* with CRLF */
#define TOO_LARGE SMTP_REPLY(552, "5.3.4", "message is larger than the maximum")

struct smtp_content {
    struct spool spool;
    struct arena arena;         /* the parser's, and of everything made from the message */
    struct mail_parser *parser; /* NULL after a failure */
    struct smtp_reply failure;  /* code 0: none */
    struct smtp_line_check lines;
    struct smtp_forged forged;
    uint64_t size; /* octets of content, stored or not */
    uint64_t line; /* of them since the last LF; counted when long lines are refused */
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
        return TOO_LARGE;
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
    c->forged.host = smtp_settings(s)->hostname;
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

const struct smtp_reply *smtp_content_failure(const struct smtp_session *s)
{
    return s->content->failure.code != 0 ? &s->content->failure : NULL;
}

static void keep(struct smtp_session *s, struct slice octets)
{
    struct smtp_content *c = s->content;
    struct err err;

    if (c->failure.code != 0)
        return;
    if (spool_write(&c->spool, s->listener->edge, s->conn, octets, &err) < 0)
        smtp_content_refuse(s, reply_of_spool(s, &err));
    else
        mail_parser_feed(c->parser, octets);
}

/* RFC 5322 2.1.1, RFC 5321 4.5.3.1.6. */
static void check_line_length(struct smtp_session *s, struct slice octets)
{
    struct smtp_content *c = s->content;

    while (octets.n > 0) {
        size_t lf = slice_find_byte(octets, '\n');
        size_t n = lf == SIZE_MAX ? octets.n : lf + 1;

        c->line += n;
        if (c->line > LINE_MAX_OCTETS)
            smtp_content_refuse(
                s, SMTP_REPLY(550, "5.6.0", "a line of the message is longer than 998 octets"));
        if (lf != SIZE_MAX)
            c->line = 0;
        octets = slice_from(octets, n);
    }
}

void smtp_content_take(struct smtp_session *s, struct slice octets)
{
    struct smtp_content *c = s->content;
    struct slice run;

    c->size += octets.n;
    if (c->size > smtp_settings(s)->message_size_max)
        smtp_content_refuse(s, TOO_LARGE);
    if (c->failure.code != 0)
        return;
    if (s->submission && smtp_settings(s)->refuse_long_lines)
        check_line_length(s, octets);
    while (smtp_forged_next(&c->forged, &octets, &run))
        keep(s, run);
}

void smtp_content_take_lines(struct smtp_session *s, struct slice octets)
{
    smtp_line_check(&s->content->lines, octets);
    if (s->content->lines.bad)
        smtp_content_refuse(s, SMTP_BAD_LINES);
    smtp_content_take(s, octets);
}

/* RFC 6531 3.4: what is needed is what the addresses and the header are made of, whatever the
 * client said. Domains have another form, bodies need none. */
static bool needs_smtputf8(const struct smtp_session *s, const struct mail_message *m)
{
    if (!s->tx.smtputf8 && !s->submission && !smtp_settings(s)->pedantic)
        return false;
    if (s->tx.from.non_ascii || m->header_8bit)
        return true;
    for (size_t i = 0; i < s->tx.recipients_n; i++)
        if (s->tx.recipients[i].path.non_ascii)
            return true;
    return false;
}

/* For all recipients alike. Code 0: it may be delivered. */
static struct smtp_reply judge(struct smtp_session *s, struct smtp_message *m)
{
    if (m->parsed->received_n > RECEIVED_MAX)
        return SMTP_REPLY(550, "5.4.6", "too many Received fields, this looks like a loop");
    if (s->submission)
        return smtp_submit_check(s, m);
    const struct smtp_evidence evidence = {
        .arena = m->arena,
        .dns = conn_env(s->conn)->dns,
        .remote = smtp_remote(s),
        .ehlo = s->peer,
        .tls = conn_tls(s->conn).on,
        .tx = &s->tx,
        .parsed = m->parsed,
    };
    struct smtp_verdict verdict;

    smtp_judge(&evidence, &verdict);
    m->reverse = verdict.reverse;
    m->results = verdict.fields;
    return verdict.refusal;
}

static struct smtp_reply conclude(struct smtp_session *s, struct smtp_content *c)
{
    struct smtp_message m = {
        .arena = &c->arena,
        .spool = &c->spool,
        .parsed = mail_parser_finish(c->parser),
        .received_ns = clock_now_ns(conn_env(s->conn)->clock),
    };

    c->parser = NULL;
    if (m.parsed == NULL)
        return SMTP_REPLY(451, "4.3.0", "out of memory, try again later");
    if (s->submission && !m.parsed->has_body_separator)
        return SMTP_REPLY(554, "5.6.0", "no empty line after the header");
    m.smtputf8 = needs_smtputf8(s, m.parsed);
    /* RFC 8689 4.1: REQUIRETLS wins. */
    m.tls_optional = !s->tx.require_tls && smtp_tls_optional(m.parsed->root->header);
    s->bad_transactions++;
    struct smtp_reply reply = judge(s, &m);

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
    struct slice held;

    if (c->lines.cr) /* the last octet: it has no LF */
        smtp_content_refuse(s, SMTP_BAD_LINES);
    if (smtp_forged_end(&c->forged, &held))
        keep(s, held);
    struct smtp_reply reply = c->failure.code != 0 ? c->failure : conclude(s, c);

    smtp_measure_message(s, &reply);
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
