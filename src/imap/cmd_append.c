/* APPEND (RFC 9051 6.3.12, RFC 7889).
 *
 * The message is never held as part of the command: when the line that announces it arrives, the
 * arguments are read and the mailbox is looked up; then the octets go to the spool and through the
 * message parser in one pass. A message that is refused but comes anyway (LITERAL+) is read and
 * dropped. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "edge/facts.h"
#include "imap/commands.h"
#include "imap/store_call.h"
#include "mail/message.h"

#define APPEND_ARENA_MAX (MAIL_ARENA_MAX + 1024u * 1024)

struct imap_append {
    struct arena a; /* all below, and what the parser makes */
    struct slice tag;
    struct slice mailbox;
    struct imap_flags flags;
    struct imap_date_time date;
    bool has_date;
    bool utf8;     /* "UTF8 (" stands before the message, ")" must follow it (RFC 6855 4) */
    uint64_t need; /* octets still to come */
    uint64_t size;
    bool after_cr;
    struct spool spool;
    struct mail_parser *parser;
    struct err err; /* kind not 0: refused, the rest is dropped */
};

void imap_append_free(struct imap_append *append)
{
    if (!append)
        return;
    mail_parser_free(append->parser);
    spool_done(&append->spool);
    arena_done(&append->a);
    free(append);
}

/* Everything before the literal; false when it is not an APPEND whose message this literal is. */
static bool parse_head(const struct imap_session *s, const struct imap_literal *literal,
                       struct imap_append *append)
{
    struct cursor c = cur_init(slice_sub(imap_framer_held(&s->framer), 0, literal->at));
    struct arena *a = &append->a;

    append->tag = arena_copy(a, imap_parse_tag(&c));
    cur_text_nocase(&c, SLICE(" APPEND "), "APPEND");
    append->mailbox = imap_parse_mailbox(&c, a, imap_utf8(s));
    imap_parse_space(&c);
    if (cur_peek(&c) == '(') {
        imap_parse_flag_list(&c, a, &append->flags);
        for (size_t i = 0; cur_ok(&c) && i < append->flags.n; i++)
            append->flags.keywords[i] = arena_copy(a, append->flags.keywords[i]);
        imap_parse_space(&c);
    }
    if (cur_peek(&c) == '"') {
        append->date = imap_parse_date_time(&c);
        append->has_date = true;
        imap_parse_space(&c);
    }
    append->utf8 = literal->binary && cur_eat_nocase(&c, SLICE("UTF8 ("));
    return cur_at_end(&c) && !arena_failed(a);
}

static struct imap_append *append_new(const struct imap_session *s,
                                      const struct imap_literal *literal)
{
    struct imap_append *append = calloc(1, sizeof(*append));

    if (!append)
        return NULL;
    arena_init(&append->a, APPEND_ARENA_MAX);
    /* Line ends that are repaired grow. */
    spool_init(&append->spool, 2 * (literal->size + 1));
    append->need = append->size = literal->size;
    if (parse_head(s, literal, append))
        return append;
    imap_append_free(append);
    return NULL;
}

/* Whether there is room, before a long message is sent for nothing; the store asks again when it
 * stores. */
static int check_quota(struct imap_session *s, uint64_t size, struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__MailboxList list = GW__MAILBOX_LIST__INIT;
    const Gw__Response *response;

    if (size <= EDGE_SPOOL_INLINE)
        return 0;
    /* After every name: only the account's figures. */
    list.after = rpc_bytes(SLICE("\xff"));
    request.call_case = GW__REQUEST__CALL_MAILBOX_LIST;
    request.mailbox_list = &list;
    int rc = imap_call(s, &request, GW__RESPONSE__RESULT_MAILBOXES, &response, err);

    if (rc < 0)
        return rc;
    uint64_t used = response->mailboxes->quota_used, limit = response->mailboxes->quota_limit;

    if (limit && (used > limit || size > limit - used))
        return err_set(err, ERR_QUOTA, "the account is over its quota");
    return 0;
}

static void check(struct imap_session *s, struct imap_append *append)
{
    const Gw__MailboxOpened *opened;

    if (append->size == 0)
        (void)err_set(&append->err, ERR_INVALID, "the message is empty");
    else if (imap_mailbox_open(s, append->mailbox, 0, &opened, &append->err) == 0 &&
             check_quota(s, append->size, &append->err) == 0)
        append->parser = mail_parser_new(&append->a, &append->err);
}

enum imap_append_start imap_append_begin(struct imap_session *s, const struct imap_literal *lit)
{
    uint64_t max = s->listener->settings->message_size_max;
    bool too_big = lit->size > max;
    struct imap_literal bounded = *lit;

    if (too_big)
        bounded.size = 0;
    struct imap_append *append = append_new(s, &bounded);

    if (!append)
        return IMAP_APPEND_NOT;
    s->spoke = true;
    append->err.kind = ERR_NONE;
    if (!too_big)
        check(s, append);
    if (!too_big && (append->err.kind == ERR_NONE || !lit->sync)) {
        s->append = append;
        s->input = IMAP_INPUT_MESSAGE;
        return IMAP_APPEND_TAKEN;
    }
    struct imap_cmd *cmd = imap_cmd_new(s, append->tag);

    if (cmd) {
        cmd->entry = imap_command_find(SLICE("APPEND"));
        imap_changes_restart(s);
    }
    if (cmd && too_big) {
        imap_reply(cmd, IMAP_NO, "message too large");
        cmd->code = SLICE("TOOBIG");
    } else if (cmd) {
        imap_reply_err(cmd, &append->err);
    }
    /* RFC 7888 4: what comes now cannot be told from commands. */
    if (!lit->sync)
        conn_write(s->c, SLICE("* BYE [ALERT] message too large\r\n"));
    s->closing = s->closing || !lit->sync || !cmd;
    imap_append_free(append);
    return IMAP_APPEND_DONE;
}

/* CR, LF and CRLF all end a line; in the store they are CRLF. */
static void repair_line_ends(struct imap_append *append, struct slice in, struct builder *out)
{
    size_t from = 0;

    for (size_t i = 0; i < in.n; i++) {
        uint8_t c = in.p[i];

        if (c != '\r' && c != '\n') {
            if (append->after_cr)
                build_text(out, "\r\n");
            append->after_cr = false;
            continue;
        }
        if (i > from)
            build_bytes(out, slice_sub(in, from, i - from));
        from = i + 1;
        if (append->after_cr || c == '\n')
            build_text(out, "\r\n");
        append->after_cr = c == '\r';
    }
    build_bytes(out, slice_from(in, from));
}

static void take_octets(struct imap_session *s, struct imap_append *append, struct slice in)
{
    _cleanup_(build_done) struct builder out = {0};

    build_init(&out, 2 * in.n + 4);
    repair_line_ends(append, in, &out);
    if (append->need == 0 && append->after_cr)
        build_text(&out, "\r\n");
    if (!build_ok(&out)) {
        (void)err_set(&append->err, ERR_NOMEM, "out of memory");
        return;
    }
    mail_parser_feed(append->parser, build_slice(&out));
    (void)!spool_write(&append->spool, s->listener->edge, s->c, build_slice(&out), &append->err);
}

bool imap_append_feed(struct imap_session *s, struct slice in, size_t *used_out)
{
    struct imap_append *append = s->append;
    struct slice octets = slice_sub(in, 0, in.n < append->need ? in.n : (size_t)append->need);

    append->need -= octets.n;
    *used_out = octets.n;
    if (append->err.kind == ERR_NONE && octets.n)
        take_octets(s, append, octets);
    return append->need == 0;
}

static int store_message(struct imap_cmd *cmd, struct imap_append *append, const Gw__Appended **out,
                         struct err *err)
{
    const struct mail_message *m = mail_parser_finish(TAKE_PTR(append->parser));
    Gw__Request request = GW__REQUEST__INIT;
    Gw__Append call = GW__APPEND__INIT;
    Gw__AppendMessage message = GW__APPEND_MESSAGE__INIT, *messages[1] = {&message};
    Gw__Content content = GW__CONTENT__INIT;
    Gw__Facts facts = GW__FACTS__INIT;
    ProtobufCBinaryData *keywords = ARENA_ARRAY(cmd->a, append->flags.n, ProtobufCBinaryData);
    const Gw__Response *response;
    int fd, rc;

    if (!m || !keywords)
        return err_set(err, ERR_NOMEM, "out of memory");
    rc = facts_of_message(&append->a, m, &facts, err);
    if (rc == 0)
        rc = spool_finish(&append->spool, &content, &fd, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < append->flags.n; i++)
        keywords[i] = rpc_bytes(append->flags.keywords[i]);
    content.facts = &facts;
    message.content = &content;
    message.flags = append->flags.bits;
    message.keywords = keywords;
    message.n_keywords = append->flags.n;
    message.zone_minutes = append->date.zone_minutes;
    message.received_ns = append->has_date ? append->date.unix_s * NS_PER_S : 0;
    call.mailbox = rpc_bytes(append->mailbox);
    call.messages = messages;
    call.n_messages = 1;
    request.call_case = GW__REQUEST__CALL_APPEND;
    request.append = &call;
    rc = imap_call_fds(cmd->s, &request, &fd, fd >= 0 ? 1 : 0, GW__RESPONSE__RESULT_APPENDED,
                       &response, NULL, err);
    if (rc == 0)
        *out = response->appended;
    return rc;
}

void imap_append_end(struct imap_session *s, struct slice rest)
{
    struct imap_append *append = TAKE_PTR(s->append);
    struct imap_cmd *cmd = imap_cmd_new(s, append->tag);
    const Gw__Appended *appended;
    struct err err = append->err;

    s->input = IMAP_INPUT_COMMAND;
    if (!cmd) {
        s->closing = true;
    } else {
        cmd->entry = imap_command_find(SLICE("APPEND"));
        if (!slice_eq(rest, append->utf8 ? SLICE(")") : SLICE(""))) {
            imap_reply(cmd, IMAP_BAD, "syntax error: expected the end of the command");
        } else if (err.kind == ERR_NONE && store_message(cmd, append, &appended, &err) == 0) {
            imap_reply_code(cmd, "APPENDUID %u %u", appended->uidvalidity, appended->uid_first);
            if (appended->mailbox == s->view.mailbox)
                imap_changes_own(s, appended->modseq);
        } else {
            imap_reply_err(cmd, &err);
        }
    }
    imap_append_free(append);
}

/* Only a command without a message comes here. */
void imap_cmd_append(struct imap_cmd *cmd)
{
    imap_reply(cmd, IMAP_BAD, "syntax error: expected mailbox, flags, date and a message");
}
