/* The content of a message: octets go in one pass from the connection through the reader of DATA to
 * the spool and to the parser. After something went wrong the rest is only read, to find the end,
 * and the reply is given there. */
#include <stdlib.h>

#include "base/clock.h"
#include "mail/message.h"
#include "smtp/data_reader.h"
#include "smtp/session_private.h"

#define RECEIVED_MAX 100 /* RFC 5321 6.3 */

struct smtp_data {
    struct smtp_data_reader reader;
    struct spool spool;
    struct arena arena;         /* the parser's, and of everything made from the message */
    struct mail_parser *parser; /* NULL after a failure */
    struct smtp_reply failure;  /* code 0: none */
    uint64_t size;              /* octets of content, stored or not */
    int64_t started_ns;
};

struct smtp_data *smtp_data_new(struct smtp_session *s)
{
    struct smtp_data *d = calloc(1, sizeof(*d));
    struct err err;

    if (d == NULL)
        return NULL;
    spool_init(&d->spool, smtp_settings(s)->message_size_max);
    arena_init(&d->arena, 2 * MAIL_ARENA_MAX);
    d->started_ns = clock_mono_ns();
    d->parser = mail_parser_new(&d->arena, &err);
    if (d->parser == NULL) {
        smtp_data_free(d);
        return NULL;
    }
    return d;
}

/* Gives back all memory that grows with the message. */
static void drop_content(struct smtp_data *d)
{
    mail_parser_free(d->parser);
    d->parser = NULL;
    spool_done(&d->spool);
    arena_done(&d->arena);
}

void smtp_data_free(struct smtp_data *d)
{
    if (d == NULL)
        return;
    drop_content(d);
    free(d);
}

static void take(struct smtp_session *s, struct smtp_data *d, struct slice run)
{
    struct err err;

    d->size += run.n;
    if (d->reader.bad && d->failure.code == 0) {
        d->failure =
            SMTP_REPLY(500, "5.5.2", "bare CR or LF, or NUL, in the message: could be smuggling");
        drop_content(d);
    }
    if (d->failure.code != 0)
        return;
    int rc = spool_write(&d->spool, s->listener->edge, s->conn, run, &err);

    if (rc == 0) {
        mail_parser_feed(d->parser, run);
        return;
    }
    if (rc == -ERR_LIMIT) {
        d->failure = SMTP_REPLY(552, "5.3.4", "message is larger than the maximum");
    } else {
        smtp_log_failure(s, "spool message", &err);
        d->failure = smtp_reply_of_err(&err);
    }
    drop_content(d);
}

/* One function decides about a complete message. */
static struct smtp_reply judge(struct smtp_session *s, struct smtp_data *d)
{
    struct smtp_message m = {
        .arena = &d->arena,
        .spool = &d->spool,
        .parsed = mail_parser_finish(d->parser),
        .received_ns = clock_now_ns(conn_env(s->conn)->clock),
    };
    struct smtp_reply reply = {0};

    d->parser = NULL;
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
    smtp_data_free(s->data);
    s->data = NULL;
    s->mode = SMTP_MODE_COMMAND;
    /* RFC 5321 4.1.1.4: whatever was answered. */
    smtp_session_reset(s);
    conn_set_timeout(s->conn, SMTP_COMMAND_TIMEOUT_S);
}

static enum smtp_next finish(struct smtp_session *s)
{
    struct smtp_data *d = s->data;

    if (d->reader.bad && d->failure.code == 0)
        take(s, d, (struct slice){NULL, 0});
    struct smtp_reply reply = d->failure.code != 0 ? d->failure : judge(s, d);
    bool smuggling = d->reader.bad;

    s->bad_commands = 0; /* refused messages are counted elsewhere */
    enum smtp_next next = smtp_answer(s, &reply);

    leave(s);
    /* What follows may have been written to look like commands. */
    if (smuggling)
        return SMTP_CLOSE;
    return next == SMTP_HOLD ? SMTP_FLUSH : next;
}

static enum smtp_next give_up(struct smtp_session *s, unsigned code, const char *ecode,
                              const char *text)
{
    leave(s);
    return smtp_say_and_close(s, code, ecode, text);
}

enum smtp_next smtp_data_input(struct smtp_session *s, struct slice in, size_t *used_out)
{
    struct smtp_data *d = s->data;
    struct slice rest = in, run;

    while (smtp_data_next(&d->reader, &rest, &run))
        take(s, d, run);
    *used_out = in.n - rest.n;
    if (d->reader.ended)
        return finish(s);
    if (d->size / 2 > smtp_settings(s)->message_size_max)
        return give_up(s, 552, "5.3.4", "message is larger than the maximum");
    if (clock_mono_ns() - d->started_ns > SMTP_DATA_OVERALL_S * NS_PER_S)
        return give_up(s, 421, "4.4.2", "the message took too long");
    return SMTP_HOLD;
}
