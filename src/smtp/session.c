/* How a session runs.
 *
 * Input is taken for commands, for lines of an authentication exchange, or for the content of a
 * message (`mode`). A command runs to its end and has answered when it returns. Replies that may
 * wait collect in the connection's output while further complete commands are here; everything else
 * ends the call, so that the output goes out.
 *
 *   COMMAND --AUTH answered 334--> AUTH --last line--> COMMAND
 *   COMMAND --DATA answered 354--> DATA --end of data--> COMMAND
 *   COMMAND --BDAT--> CHUNK --its last octet, answered--> COMMAND
 *
 * Invariants: 1. mode is AUTH exactly while `auth` has an exchange; `content` is set in DATA, and
 * from the first chunk of BDAT to the end of the last. 2. The transaction, and its content, are
 * gone after the end of the content, whatever was answered, and after EHLO, RSET, STARTTLS,
 * XCLIENT. 3. Nothing the peer said before STARTTLS is known afterwards, except how often it
 * failed. */
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/encode.h"
#include "smtp/command.h"
#include "smtp/session_private.h"
#include "smtp/smtp.h"

#define COMMANDS_PER_CALL 100 /* then others get a turn */

const struct edge_settings *smtp_settings(const struct smtp_session *s)
{
    return s->listener->settings;
}

/* One block of AES makes an id that says nothing about how many connections there were, and from
 * which the operator gets the connection's number back. */
struct slice smtp_session_id(struct smtp_session *s)
{
    if (s->id[0] != '\0')
        return slice_str(s->id);
    const uint8_t *key = smtp_settings(s)->id_key;
    uint64_t number = conn_id(s->conn);
    uint8_t block[16], sealed[32];
    int n = 0;
    struct builder text;

    memcpy(block, key + 16, 8);
    for (size_t i = 0; i < 8; i++)
        block[8 + i] = (uint8_t)(number >> (56 - 8 * i));
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

    if (ctx == NULL || EVP_EncryptInit_ex(ctx, EVP_aes_128_ecb(), NULL, key, NULL) != 1 ||
        EVP_EncryptUpdate(ctx, sealed, &n, block, sizeof(block)) != 1 || n != sizeof(block)) {
        EVP_CIPHER_CTX_free(ctx);
        return SLICE("-");
    }
    EVP_CIPHER_CTX_free(ctx);
    build_init(&text, sizeof(s->id) - 1);
    encode_base64url(&text, slice_of(sealed, sizeof(block)));
    if (build_ok(&text))
        memcpy(s->id, text.p, text.n);
    build_done(&text);
    return slice_str(s->id);
}

bool smtp_session_set_text(struct slice *field, struct slice value)
{
    uint8_t *copy = malloc(value.n + 1);

    if (copy == NULL)
        return false;
    if (value.n > 0)
        memcpy(copy, value.p, value.n);
    free((void *)field->p);
    *field = slice_of(copy, value.n);
    return true;
}

void smtp_wait_for_command(struct smtp_session *s)
{
    conn_set_timeout(s->conn, smtp_settings(s)->command_timeout_s);
    conn_set_min_rate(s->conn, 0);
}

void smtp_wait_for_content(struct smtp_session *s)
{
    conn_set_timeout(s->conn, smtp_settings(s)->content_timeout_s);
    conn_set_min_rate(s->conn, smtp_settings(s)->content_rate_min);
}

const struct addr *smtp_remote(const struct smtp_session *s)
{
    const struct addr *told = smtp_client_addr(s->told);

    return told != NULL ? told : conn_remote(s->conn);
}

bool smtp_dsn_offered(const struct smtp_session *s)
{
    return s->submission || s->listener->dsn;
}

size_t smtp_localpart_max(const struct smtp_session *s)
{
    return smtp_settings(s)->pedantic ? SMTP_LOCALPART_STRICT_MAX : SMTP_LOCALPART_MAX;
}

bool smtp_trailing_space(const struct smtp_session *s)
{
    return !s->submission;
}

struct smtp_parameter_rules smtp_parameter_rules(const struct smtp_session *s)
{
    return (struct smtp_parameter_rules){
        .size_max = smtp_settings(s)->message_size_max,
        .trailing_space = smtp_trailing_space(s),
        .future_release = s->submission,
        .dsn = smtp_dsn_offered(s) && s->extended,
        .require_tls = !s->listener->no_require_tls,
        .tls = conn_tls(s->conn).on,
        .now_ns = clock_now_ns(conn_env(s->conn)->clock),
    };
}

void smtp_session_reset(struct smtp_session *s)
{
    smtp_content_free(s->content);
    s->content = NULL;
    smtp_transaction_reset(&s->tx);
}

void smtp_greet(struct smtp_session *s)
{
    conn_printf(s->conn, "220 %.*s ESMTP godwit\r\n", SLICE_FMT(smtp_settings(s)->hostname));
}

static void forget_peer(struct smtp_session *s)
{
    s->greeted = s->extended = false;
    free((void *)s->peer.p);
    s->peer = (struct slice){NULL, 0};
}

void smtp_session_restart(struct smtp_session *s)
{
    smtp_session_reset(s);
    forget_peer(s);
}

int smtp_resolve(struct smtp_session *s, struct slice address, Gw__Resolve__Use use,
                 const Gw__Resolution **out, struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__Resolve resolve = GW__RESOLVE__INIT;
    ProtobufCBinaryData asked = rpc_bytes(address);
    const Gw__Response *response;

    resolve.addresses = &asked;
    resolve.n_addresses = 1;
    resolve.use = use;
    request.call_case = GW__REQUEST__CALL_RESOLVE;
    request.resolve = &resolve;
    request.session = s->store_session;
    request.cid = conn_id(s->conn);
    int rc = edge_call(s->listener->edge, s->conn, &request, NULL, 0, &response, NULL, err);

    if (rc < 0)
        return rc;
    if (response->result_case != GW__RESPONSE__RESULT_RESOLVED ||
        response->resolved->n_resolutions != 1)
        return err_set(err, ERR_INTERNAL, "the mail store gave no answer about the address");
    *out = response->resolved->resolutions[0];
    return 0;
}

void smtp_log_failure(struct smtp_session *s, const char *what, const struct err *err)
{
    log_err(conn_env(s->conn)->log, LOG_INFO, "smtp", conn_id(s->conn), what, err);
}

/* ---- logins ---- */

static void end_login(struct smtp_session *s)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__SessionEnd end = GW__SESSION_END__INIT;
    const Gw__Response *response;
    struct err err;

    if (s->watching)
        edge_unwatch(s->listener->edge, s->conn, s->store_session, s->account);
    request.call_case = GW__REQUEST__CALL_SESSION_END;
    request.session_end = &end;
    request.session = s->store_session;
    request.cid = conn_id(s->conn);
    if (edge_call(s->listener->edge, s->conn, &request, NULL, 0, &response, NULL, &err) < 0)
        log_err(conn_env(s->conn)->log, LOG_DEBUG, "smtp", conn_id(s->conn), "end of login", &err);
}

int smtp_log_in(struct smtp_session *s, const struct login_answer *answer, struct err *err)
{
    if (smtp_logged_in(s))
        end_login(s);
    s->watching = false;
    s->store_session = answer->session;
    s->account = answer->account;
    if (!smtp_session_set_text(&s->login, answer->address))
        return err_set(err, ERR_NOMEM, "out of memory");
    int rc = edge_watch(s->listener->edge, s->conn, s->store_session, s->account, err);

    s->watching = rc == 0;
    return rc;
}

/* The client's certificate, when TLS has begun. False: the connection has to end. */
static bool take_certificate(struct smtp_session *s)
{
    struct login_answer answer;
    struct err err;

    if (!s->submission)
        return true;
    switch (login_by_key(&s->auth, s->listener, s->conn, /* bind= */ false, &answer)) {
    case LOGIN_NO_KEY:
        return true;
    case LOGIN_OK:
        if (answer.session == 0 || smtp_log_in(s, &answer, &err) == 0)
            return true;
        smtp_log_failure(s, "login by certificate", &err);
        return false;
    default:
        return false;
    }
}

/* ---- what the connection calls ---- */

static void session_free(struct smtp_session *s)
{
    smtp_content_free(s->content);
    smtp_client_free(s->told);
    smtp_transaction_done(&s->tx);
    free((void *)s->peer.p);
    free((void *)s->login.p);
    free(s);
}

static void session_close(struct conn *c, void *session);

static void *session_open(struct conn *c, const void *service)
{
    const struct edge_listener *listener = service;
    struct smtp_session *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return NULL;
    s->listener = listener;
    s->conn = c;
    s->submission = listener->service != EDGE_SMTP;
    s->auth.protocol = "submission";
    smtp_transaction_init(&s->tx);
    if (!take_certificate(s)) {
        session_close(c, s);
        return NULL;
    }
    if (s->submission && !login_has_room(listener, c, s->auth.protocol)) {
        (void)smtp_say_and_close(s, 421, "4.7.0",
                                 "too many failed logins from your address, try again later");
        session_close(c, s);
        return NULL;
    }
    smtp_wait_for_command(s);
    smtp_expect_reverse_name(s);
    smtp_greet(s);
    return s;
}

static enum conn_next conn_next_of(enum smtp_next next)
{
    switch (next) {
    case SMTP_TLS:
        return CONN_TLS;
    case SMTP_CLOSE:
        return CONN_CLOSE;
    case SMTP_ABORT:
        return CONN_ABORT;
    case SMTP_HOLD:
    case SMTP_FLUSH:
        break;
    }
    return CONN_AGAIN;
}

/* Somebody who sends a line octet by octet keeps a connection as long as one who says nothing. */
static enum conn_next wait_for_line(struct smtp_session *s, size_t pending)
{
    int64_t now = clock_mono_ns();

    if (pending == 0) {
        s->line_since_ns = 0;
    } else if (s->line_since_ns == 0) {
        s->line_since_ns = now;
    } else if (now - s->line_since_ns > smtp_settings(s)->command_timeout_s * NS_PER_S) {
        (void)smtp_say_and_close(s, 421, "4.4.2", "timeout within a line");
        return CONN_CLOSE;
    }
    return CONN_MORE;
}

static enum smtp_next run_line(struct smtp_session *s, struct slice line)
{
    if (s->stopping)
        return smtp_say_and_close(s, 421, "4.3.2", "shutting down");
    if (s->mode == SMTP_MODE_AUTH)
        return smtp_auth_continue(s, line);
    return smtp_command_dispatch(s, line);
}

static enum smtp_next line_too_long(struct smtp_session *s)
{
    /* RFC 4954 4: 5.5.6 is for authentication exchanges. */
    return smtp_say_and_close(s, 500, s->mode == SMTP_MODE_AUTH ? "5.5.6" : "5.5.0",
                              "line too long");
}

/* A message that was under way when the shutdown began was the last. */
static enum smtp_next after_step(struct smtp_session *s, enum smtp_next next)
{
    if (s->mode != SMTP_MODE_COMMAND)
        return next;
    smtp_measure_end(s);
    if (s->stopping && (next == SMTP_HOLD || next == SMTP_FLUSH))
        return smtp_say_and_close(s, 421, "4.3.2", "shutting down");
    return next;
}

static enum conn_next session_input(struct conn *c, void *session, struct slice in,
                                    size_t *used_out)
{
    struct smtp_session *s = session;
    size_t used = 0;

    s->conn = c;
    if (!s->spoke && smtp_input_is_tls(in))
        return CONN_ABORT;
    for (unsigned n = 0; n < COMMANDS_PER_CALL; n++) {
        struct slice rest = slice_from(in, used), line;
        size_t taken = 0;
        enum smtp_next next = SMTP_HOLD;

        if (s->mode == SMTP_MODE_DATA) {
            next = smtp_data_input(s, rest, &taken);
        } else if (s->mode == SMTP_MODE_CHUNK) {
            next = smtp_chunk_input(s, rest, &taken);
        } else {
            bool too_long;

            taken =
                smtp_line_find(rest, s->mode == SMTP_MODE_AUTH ? SMTP_AUTH_LINE_MAX : SMTP_LINE_MAX,
                               &line, &too_long);
            if (too_long) {
                next = line_too_long(s);
            } else if (taken == 0) {
                *used_out = used;
                return wait_for_line(s, rest.n);
            } else {
                s->line_since_ns = 0;
                next = run_line(s, line);
            }
        }
        next = after_step(s, next);
        used += taken;
        *used_out = used;
        if (next != SMTP_HOLD || conn_is_slow(c))
            return conn_next_of(next);
        if (used == in.n)
            return CONN_MORE;
    }
    return CONN_AGAIN;
}

static enum conn_next session_secured(struct conn *c, void *session)
{
    struct smtp_session *s = session;

    s->conn = c;
    smtp_session_restart(s);
    return take_certificate(s) ? CONN_MORE : CONN_CLOSE;
}

static enum conn_next session_produce(struct conn *c, void *session)
{
    (void)c;
    (void)session;
    return CONN_MORE; /* no answer here is long */
}

static enum conn_next session_wake(struct conn *c, void *session, unsigned events)
{
    struct smtp_session *s = session;

    if (!(events & (EDGE_WAKE_ENDED | EDGE_WAKE_LOST)))
        return CONN_MORE;
    s->conn = c;
    s->watching = false;
    (void)smtp_say_and_close(s, 421, "4.7.0", "your login has ended, connect again");
    return CONN_CLOSE;
}

static enum conn_next session_timeout(struct conn *c, void *session)
{
    struct smtp_session *s = session;

    s->conn = c;
    (void)smtp_say_and_close(s, 421, "4.4.2", "timeout");
    return CONN_CLOSE;
}

static enum conn_next session_stopping(struct conn *c, void *session)
{
    struct smtp_session *s = session;

    s->conn = c;
    s->stopping = true;
    /* The message may still get through. */
    if (s->mode == SMTP_MODE_DATA || s->mode == SMTP_MODE_CHUNK)
        return CONN_MORE;
    (void)smtp_say_and_close(s, 421, "4.3.2", "shutting down");
    return CONN_CLOSE;
}

static void session_close(struct conn *c, void *session)
{
    struct smtp_session *s = session;

    if (s == NULL)
        return;
    s->conn = c;
    login_abandon(&s->auth, s->listener, c);
    if (smtp_logged_in(s))
        end_login(s);
    session_free(s);
}

const struct protocol smtp_protocol = {
    .name = "smtp",
    .open = session_open,
    .input = session_input,
    .secured = session_secured,
    .produce = session_produce,
    .wake = session_wake,
    .timeout = session_timeout,
    .stopping = session_stopping,
    .close = session_close,
};
