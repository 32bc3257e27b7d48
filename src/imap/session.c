/* The session: from octets to commands, from commands to replies.
 *
 *   COMMAND --line--> run --------> (produce …) --> changes --> tagged reply --> COMMAND
 *           --APPEND's literal--> MESSAGE --rest of the line--> changes --> tagged reply -->
 * COMMAND
 *           --AUTHENTICATE--> SASL --line--> tagged reply --> COMMAND
 *           --IDLE--> IDLE --DONE--> changes --> tagged reply --> COMMAND
 *
 * Invariants:
 * 1. s->cmd is set from the moment a command's line is whole until its tagged reply is written; it
 *    and everything in s->arena then go together. In SASL and IDLE only the tag is kept.
 * 2. Untagged responses about the mailbox are written only by imap_changes_step and by the command
 *    that runs. */
#include "imap/session.h"

#include <stdlib.h>

#include "base/ascii.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "imap/commands.h"
#include "imap/imap.h"
#include "runtime/metrics.h"

/* ---- commands ---- */

struct imap_cmd *imap_cmd_new(struct imap_session *s, struct slice tag)
{
    struct imap_cmd *cmd = ARENA_NEW(&s->arena, struct imap_cmd);

    if (!cmd)
        return NULL;
    cmd->s = s;
    cmd->c = s->c;
    cmd->a = &s->arena;
    cmd->tag = arena_copy(&s->arena, tag);
    cmd->since_ns = clock_mono_ns();
    s->cmd = cmd;
    return cmd;
}

static void cmd_free(struct imap_session *s)
{
    if (s->cmd && s->cmd->release)
        s->cmd->release(s->cmd);
    s->cmd = NULL;
    arena_trim(&s->arena);
}

static void write_reply(struct imap_cmd *cmd)
{
    static const char *const words[] = {" OK ", " NO ", " BAD "};

    conn_write(cmd->c, cmd->tag.n ? cmd->tag : SLICE("*"));
    conn_write(cmd->c, slice_str(words[cmd->status]));
    if (cmd->code.n) {
        conn_write(cmd->c, SLICE("["));
        conn_write(cmd->c, cmd->code);
        conn_write(cmd->c, SLICE("] "));
    }
    conn_write(cmd->c, slice_str(cmd->text ? cmd->text : "done"));
    conn_write(cmd->c, SLICE("\r\n"));
}

static void measure(const struct imap_cmd *cmd)
{
    static const char *const results[] = {"ok", "no", "bad"};
    struct slice verb = cmd->entry ? cmd->entry->name : SLICE("(unknown)");
    int64_t duration_ns = clock_mono_ns() - cmd->since_ns;
    char name[24] = "";

    for (size_t i = 0; i < verb.n && i + 1 < sizeof(name); i++)
        name[i] = (char)ascii_lower(verb.p[i]);
    metrics_observe(conn_env(cmd->c)->metrics, METRIC_IMAP_COMMAND, duration_ns, name,
                    results[cmd->status]);
    conn_log(cmd->c, LOG_DEBUG, "command", LOG_STR("cmd", name),
             LOG_STR("result", results[cmd->status]), LOG_NUM("duration_us", duration_ns / 1000));
}

/* Changes, then the tagged reply. false: the output is full, to be called again. */
static bool cmd_finish(struct imap_cmd *cmd)
{
    struct imap_session *s = cmd->s;

    if (s->state != IMAP_LOGGED_OUT && !cmd->hold_changes &&
        imap_changes_step(s, cmd->quiet_lists) == IMAP_STEP_MORE)
        return false;
    write_reply(cmd);
    measure(cmd);
    cmd_free(s);
    return true;
}

static bool finish_later(struct imap_cmd *cmd)
{
    (void)cmd;
    return false;
}

/* What the connection does after a command that has run as far as it could. */
static enum conn_next after_run(struct imap_session *s)
{
    struct imap_cmd *cmd = s->cmd;

    if (s->broken)
        return CONN_ABORT;
    if (cmd && cmd->parked) {
        cmd_free(s);
        cmd = NULL;
    }
    if (cmd && !cmd->produce && !cmd_finish(cmd))
        cmd->produce = finish_later;
    if (s->cmd) {
        conn_set_producer(s->c);
        return CONN_AGAIN;
    }
    if (s->closing)
        return CONN_CLOSE;
    if (s->start_tls) {
        s->start_tls = false;
        return CONN_TLS;
    }
    return CONN_AGAIN;
}

/* RFC 9051 7.1.5. A peer that has not said one IMAP command yet speaks something else: HTTP in
 * another's browser, for example. */
static enum conn_next not_imap(struct imap_session *s)
{
    conn_write(s->c, SLICE("* BYE this is an IMAP server\r\n"));
    return CONN_CLOSE;
}

static struct slice without_line_end(struct slice line)
{
    if (slice_at(line, line.n - 1) == '\n')
        line.n--;
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

/* "FETCH" or "UID FETCH". */
static struct slice parse_name(struct cursor *args)
{
    size_t from = args->at;
    struct slice name = imap_parse_atom(args);

    if (slice_eq_nocase(name, SLICE("UID"))) {
        imap_parse_space(args);
        (void)imap_parse_atom(args);
        name = slice_sub(args->in, from, args->at - from);
    }
    return name;
}

/* The rules of the command's row. */
static bool allowed(struct imap_cmd *cmd)
{
    const struct imap_session *s = cmd->s;
    uint8_t flags = cmd->entry->flags;

    if (!(cmd->entry->states & s->state)) {
        imap_reply(cmd, IMAP_NO,
                   s->state == IMAP_LOGGED_OUT            ? "log in first"
                   : cmd->entry->states & IMAP_LOGGED_OUT ? "already logged in"
                                                          : "no mailbox is selected");
        return false;
    }
    if ((flags & IMAP_LIVE) && s->view.gone) {
        imap_reply(cmd, IMAP_NO, "the selected mailbox was deleted");
        cmd->code = SLICE("NONEXISTENT");
        return false;
    }
    if ((flags & IMAP_WRITES) && s->view.read_only) {
        imap_reply(cmd, IMAP_NO, "the mailbox is selected read-only");
        return false;
    }
    return true;
}

static enum conn_next run_line(struct imap_session *s)
{
    struct slice line = arena_copy(&s->arena, without_line_end(imap_framer_held(&s->framer)));
    struct cursor args = cur_init(line);
    struct slice tag = imap_parse_tag(&args);
    bool has_tag = cur_ok(&args);

    imap_framer_reset(&s->framer);
    imap_parse_space(&args);
    struct slice name = parse_name(&args);
    struct imap_cmd *cmd = imap_cmd_new(s, has_tag ? tag : SLICE("*"));

    if (!cmd)
        return CONN_ABORT;
    cmd->entry = cur_ok(&args) ? imap_command_find(name) : NULL;
    if (!cmd->entry) {
        if (!s->spoke)
            return not_imap(s);
        imap_reply(cmd, IMAP_BAD, cur_ok(&args) ? "unknown command" : "expected tag and command");
        return after_run(s);
    }
    s->spoke = true;
    cmd->args = args;
    cmd->hold_changes = cmd->entry->flags & IMAP_HOLDS_CHANGES;
    imap_changes_restart(s);
    if (allowed(cmd))
        cmd->entry->run(cmd);
    return after_run(s);
}

bool imap_wait(struct imap_cmd *cmd, enum imap_input input)
{
    char *tag = malloc(cmd->tag.n + 1);

    if (!tag) {
        imap_reply(cmd, IMAP_NO, "out of memory");
        return false;
    }
    memcpy(tag, cmd->tag.p, cmd->tag.n);
    tag[cmd->tag.n] = '\0';
    free(cmd->s->wait_tag);
    cmd->s->wait_tag = tag;
    cmd->s->input = input;
    cmd->parked = true;
    return true;
}

/* The line for which AUTHENTICATE or IDLE waits. */
static enum conn_next run_waiting(struct imap_session *s)
{
    struct slice line = arena_copy(&s->arena, without_line_end(imap_framer_held(&s->framer)));
    bool idle = s->input == IMAP_INPUT_IDLE;
    struct imap_cmd *cmd = imap_cmd_new(s, slice_str(s->wait_tag));

    imap_framer_reset(&s->framer);
    free(TAKE_PTR(s->wait_tag));
    s->input = IMAP_INPUT_COMMAND;
    if (!cmd)
        return CONN_ABORT;
    cmd->entry = imap_command_find(idle ? SLICE("IDLE") : SLICE("AUTHENTICATE"));
    imap_changes_restart(s);
    if (!idle) {
        imap_authenticate_response(cmd, line);
    } else if (!slice_eq_nocase(line, SLICE("DONE"))) {
        imap_reply(cmd, IMAP_BAD, "expected DONE");
        s->closing = true;
    }
    return after_run(s);
}

/* ---- input ---- */

/* RFC 7888 4: a literal that is refused but comes anyway ends the connection. */
static enum conn_next refuse_literal(struct imap_session *s, bool sync)
{
    struct cursor c = cur_init(imap_framer_held(&s->framer));
    struct slice tag = imap_parse_tag(&c);
    struct imap_cmd *cmd;

    if (!s->spoke && sync)
        return not_imap(s);
    cmd = imap_cmd_new(s, cur_ok(&c) ? tag : SLICE("*"));
    imap_framer_reset(&s->framer);
    if (!cmd)
        return CONN_ABORT;
    if (!sync) {
        conn_write(s->c, SLICE("* BYE [ALERT] literal too large\r\n"));
        s->closing = true;
    }
    cmd->hold_changes = true;
    imap_reply(cmd, IMAP_BAD, "literal too large");
    cmd->code = SLICE("TOOBIG");
    return after_run(s);
}

static bool may_hold(const struct imap_session *s, const struct imap_literal *literal)
{
    return s->state != IMAP_LOGGED_OUT ||
           (literal->size <= IMAP_LOGIN_MAX &&
            imap_framer_held(&s->framer).n <= IMAP_LOGIN_MAX - literal->size);
}

static enum conn_next on_literal(struct imap_session *s, const struct imap_literal *literal)
{
    enum imap_append_start start =
        s->state == IMAP_LOGGED_OUT ? IMAP_APPEND_NOT : imap_append_begin(s, literal);

    if (start == IMAP_APPEND_DONE) {
        imap_framer_reset(&s->framer);
        return after_run(s);
    }
    if (start == IMAP_APPEND_TAKEN)
        imap_framer_reset(&s->framer);
    else if (!may_hold(s, literal) || !imap_framer_accept(&s->framer, literal))
        return refuse_literal(s, literal->sync);
    conn_set_timeout(s->c, IMAP_TIMEOUT_LOGIN_S);
    if (literal->sync)
        conn_write(s->c, SLICE("+ go on\r\n"));
    return CONN_AGAIN;
}

static void set_timeout(struct imap_session *s)
{
    conn_set_timeout(s->c, s->state == IMAP_LOGGED_OUT ? IMAP_TIMEOUT_LOGIN_S : IMAP_TIMEOUT_S);
}

static enum conn_next on_message(struct imap_session *s, struct slice in, size_t *used_out)
{
    if (!imap_append_feed(s, in, used_out))
        return *used_out ? CONN_AGAIN : CONN_MORE;
    size_t used = 0;
    struct imap_literal literal;
    enum imap_frame frame =
        imap_framer_feed(&s->framer, slice_from(in, *used_out), &used, &literal);

    *used_out += used;
    if (frame == IMAP_FRAME_TOO_LONG)
        return CONN_ABORT;
    if (frame == IMAP_FRAME_MORE)
        return CONN_MORE;
    imap_changes_restart(s);
    imap_append_end(s, without_line_end(imap_framer_held(&s->framer)));
    /* A second message (MULTIAPPEND, not announced) would follow: its octets are no commands. */
    s->closing = s->closing || (frame == IMAP_FRAME_LITERAL && !literal.sync);
    imap_framer_reset(&s->framer);
    set_timeout(s);
    return after_run(s);
}

static enum conn_next session_input(struct conn *c, void *session, struct slice in,
                                    size_t *used_out)
{
    struct imap_session *s = session;
    struct imap_literal literal;

    (void)c;
    if (s->input == IMAP_INPUT_MESSAGE)
        return on_message(s, in, used_out);
    enum imap_frame frame = imap_framer_feed(&s->framer, in, used_out, &literal);

    if (frame == IMAP_FRAME_TOO_LONG)
        return s->spoke ? CONN_ABORT : not_imap(s);
    if (frame == IMAP_FRAME_MORE)
        return CONN_MORE;
    if (frame == IMAP_FRAME_LITERAL && s->input == IMAP_INPUT_COMMAND)
        return on_literal(s, &literal);
    enum conn_next next = s->input == IMAP_INPUT_COMMAND ? run_line(s) : run_waiting(s);

    set_timeout(s);
    return next;
}

/* ---- output that continues ---- */

/* In IDLE: what is new. */
static enum conn_next idle_news(struct imap_session *s)
{
    enum imap_step step = imap_changes_step(s, false);

    arena_trim(&s->arena);
    if (step == IMAP_STEP_MORE) {
        conn_set_producer(s->c);
        return CONN_AGAIN;
    }
    return s->closing ? CONN_CLOSE : CONN_MORE;
}

static enum conn_next session_produce(struct conn *c, void *session)
{
    struct imap_session *s = session;
    struct imap_cmd *cmd = s->cmd;

    (void)c;
    if (!cmd)
        return idle_news(s);
    if (cmd->produce && cmd->produce != finish_later) {
        if (cmd->produce(cmd))
            return CONN_AGAIN;
        cmd->produce = NULL;
    }
    if (s->broken)
        return CONN_ABORT;
    if (!cmd_finish(cmd)) {
        cmd->produce = finish_later;
        return CONN_AGAIN;
    }
    return s->closing ? CONN_CLOSE : CONN_MORE;
}

static enum conn_next session_wake(struct conn *c, void *session, unsigned events)
{
    struct imap_session *s = session;

    if (events & EDGE_WAKE_ENDED) {
        conn_write(c, SLICE("* BYE your credentials have changed, log in again\r\n"));
        return CONN_CLOSE;
    }
    if (events & EDGE_WAKE_LOST) {
        conn_write(c, SLICE("* BYE [UNAVAILABLE] the mail store was restarted, connect again\r\n"));
        return CONN_CLOSE;
    }
    if (!(events & EDGE_WAKE_CHANGES) || s->input != IMAP_INPUT_IDLE)
        return CONN_MORE;
    imap_changes_restart(s);
    return idle_news(s);
}

/* ---- life ---- */

void imap_deselect(struct imap_session *s)
{
    imap_view_done(&s->view);
    ranges_done(&s->saved);
    ranges_done(&s->changes.gone);
    ranges_done(&s->changes.added);
    ranges_done(&s->changes.tell);
    s->changes.keywords = false;
    s->state = IMAP_LOGGED_IN;
}

static void session_close(struct conn *c, void *session);

static void greet(struct imap_session *s)
{
    _cleanup_(build_done) struct builder greeting = {0};

    /* RFC 9051 7.1.4: PREAUTH when there is nothing left to prove. */
    build_init(&greeting, IMAP_LINE_OUT_MAX);
    build_text(&greeting, s->state == IMAP_LOGGED_OUT ? "* OK [" : "* PREAUTH [");
    imap_write_capability(&greeting, s);
    build_text(&greeting, "] godwit\r\n");
    conn_write(s->c, build_slice(&greeting));
}

/* The client's certificate, when TLS has begun: NULL, or why the connection has to end. preauth: it
 * may log in at once. */
static const char *take_certificate(struct imap_session *s, bool preauth)
{
    struct login_answer answer;
    struct err err;

    switch (login_by_key(&s->login, s->listener, s->c, !preauth, &answer)) {
    case LOGIN_NO_KEY:
        return NULL;
    case LOGIN_OK:
        if (answer.session == 0 || imap_login_begin(s, &answer, &err) == 0)
            return NULL;
        log_err(conn_env(s->c)->log, LOG_INFO, "imap", conn_id(s->c), "login by certificate", &err);
        return "[UNAVAILABLE] cannot log in now, try again later";
    case LOGIN_UNAVAILABLE:
        return "[UNAVAILABLE] cannot log in now, try again later";
    default:
        return "[ALERT] the key of your certificate may not log in any more";
    }
}

static void *session_open(struct conn *c, const void *service)
{
    const struct edge_listener *listener = service;
    struct imap_session *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->c = c;
    s->listener = listener;
    s->state = IMAP_LOGGED_OUT;
    s->login.protocol = "imap";
    imap_framer_init(&s->framer);
    arena_init(&s->arena, IMAP_COMMAND_ARENA_MAX);
    /* A success makes room. */
    const char *why = take_certificate(s, /* preauth= */ true);

    if (!why && !login_has_room(listener, c, s->login.protocol))
        why = "[UNAVAILABLE] too many failed logins, try again later";
    if (why) {
        conn_printf(c, "* BYE %s\r\n", why);
        session_close(c, s);
        return NULL;
    }
    set_timeout(s);
    greet(s);
    return s;
}

static enum conn_next session_secured(struct conn *c, void *session)
{
    struct imap_session *s = session;
    const char *why = take_certificate(s, /* preauth= */ false);

    if (why) {
        conn_printf(c, "* BYE %s\r\n", why);
        return CONN_CLOSE;
    }
    set_timeout(s);
    return CONN_MORE;
}

static enum conn_next session_timeout(struct conn *c, void *session)
{
    (void)session;
    conn_write(c, SLICE("* BYE too long idle\r\n"));
    return CONN_CLOSE;
}

static enum conn_next session_stopping(struct conn *c, void *session)
{
    (void)session;
    conn_write(c, SLICE("* BYE [UNAVAILABLE] the server is restarting\r\n"));
    return CONN_CLOSE;
}

static void end_store_session(struct imap_session *s)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__SessionEnd end = GW__SESSION_END__INIT;
    const Gw__Response *response;
    struct err err;

    if (!s->session)
        return;
    if (s->watching)
        edge_unwatch(s->listener->edge, s->c, s->session, s->account);
    request.session = s->session;
    request.call_case = GW__REQUEST__CALL_SESSION_END;
    request.session_end = &end;
    /* A store that is away has forgotten the session. */
    (void)!edge_call(s->listener->edge, s->c, &request, NULL, 0, &response, NULL, &err);
}

static void session_close(struct conn *c, void *session)
{
    struct imap_session *s = session;

    (void)c;
    cmd_free(s);
    imap_append_free(s->append);
    login_abandon(&s->login, s->listener, s->c);
    end_store_session(s);
    imap_deselect(s);
    imap_changes_done(&s->changes);
    imap_framer_reset(&s->framer);
    free(s->wait_tag);
    free(s);
}

const struct protocol imap_protocol = {
    .name = "imap",
    .open = session_open,
    .input = session_input,
    .secured = session_secured,
    .produce = session_produce,
    .wake = session_wake,
    .timeout = session_timeout,
    .stopping = session_stopping,
    .close = session_close,
};
