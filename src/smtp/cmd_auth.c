/* AUTH (RFC 4954), with PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login). The store
 * verifies; what is kept here of an exchange ends with it, and passwords are wiped. */
#include <stdlib.h>

#include "base/ascii.h"
#include "base/encode.h"
#include "base/num.h"
#include "base/secret.h"
#include "smtp/command.h"
#include "smtp/session_private.h"

#define MECHANISM_MAX 20 /* RFC 4422 3.1 */

struct mechanism {
    struct slice name;
    /* The client's next message, decoded. */
    enum smtp_next (*step)(struct smtp_session *s, struct slice message);
    const char *challenge; /* what starts the exchange, in base64 */
};

struct smtp_auth {
    const struct mechanism *mechanism;
    struct secret user; /* LOGIN: after the first message */
};

void smtp_auth_free(struct smtp_auth *auth)
{
    if (auth == NULL)
        return;
    secret_done(&auth->user);
    free(auth);
}

static void leave(struct smtp_session *s)
{
    smtp_auth_free(s->auth);
    s->auth = NULL;
    s->mode = SMTP_MODE_COMMAND;
}

/* The exchange ends without a login. Who fails often waits longer and longer. */
static enum smtp_next fail(struct smtp_session *s, unsigned code, const char *ecode,
                           const char *text)
{
    leave(s);
    s->auth_failures++;
    s->slow = s->slow || s->auth_failures >= SMTP_AUTH_FAILURES_FREE;
    enum smtp_next next = smtp_say(s, code, ecode, "%s", text);

    if (s->auth_failures > SMTP_AUTH_FAILURES_FREE && !smtp_settings(s)->no_delays)
        conn_delay(s->conn, MIN(s->auth_failures - SMTP_AUTH_FAILURES_FREE, 60u));
    return next;
}

/* X.7.13 of the registry of RFC 5248. Nothing was guessed: it does not count as a failure. */
static enum smtp_next disabled(struct smtp_session *s, struct slice reason)
{
    leave(s);
    if (s->listener->auth_failures != NULL)
        limiter_sub(s->listener->auth_failures, conn_remote(s->conn), 1);
    log_event(conn_env(s->conn)->log, LOG_INFO, "smtp", conn_id(s->conn), "login is disabled");
    return smtp_say(s, 525, "5.7.13", "%.*s", SLICE_FMT(reason));
}

static enum smtp_next logged_in(struct smtp_session *s, const Gw__Authenticated *a)
{
    struct err err;

    if (!smtp_session_set_text(&s->login, rpc_slice(a->address)))
        return smtp_say_and_close(s, 421, "4.3.0", "out of memory");
    s->store_session = a->session;
    s->account = a->account;
    s->auth_failures = 0;
    s->slow = false;
    if (s->listener->auth_failures != NULL)
        limiter_reset(s->listener->auth_failures, conn_remote(s->conn));
    if (edge_watch(s->listener->edge, s->conn, s->store_session, s->account, &err) < 0) {
        smtp_log_failure(s, "watch account", &err);
        return smtp_say_and_close(s, 421, "4.3.0", "cannot log in now, try again later");
    }
    s->watching = true;
    log_event(conn_env(s->conn)->log, LOG_INFO, "smtp", conn_id(s->conn), "login",
              LOG_SLICE("address", s->login));
    return smtp_say(s, 235, "2.7.0", "welcome");
}

static enum smtp_next verify(struct smtp_session *s, struct slice user, struct slice password)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__Authenticate authenticate = GW__AUTHENTICATE__INIT;
    const Gw__Response *response;
    struct err err;

    authenticate.mechanism = rpc_bytes(s->auth->mechanism->name);
    authenticate.user = rpc_bytes(user);
    authenticate.password = rpc_bytes(password);
    authenticate.remote_ip = rpc_bytes(addr_ip_octets(conn_remote(s->conn)));
    authenticate.protocol = rpc_bytes(SLICE("submission"));
    request.call_case = GW__REQUEST__CALL_AUTHENTICATE;
    request.authenticate = &authenticate;
    request.cid = conn_id(s->conn);
    int rc = edge_call(s->listener->edge, s->conn, &request, NULL, 0, &response, NULL, &err);

    if (rc == 0 && response->result_case == GW__RESPONSE__RESULT_AUTHENTICATED &&
        response->authenticated->disabled.len > 0)
        return disabled(s, rpc_slice(response->authenticated->disabled));
    if (rc == 0 && response->result_case == GW__RESPONSE__RESULT_AUTHENTICATED &&
        response->authenticated->address.len > 0) {
        leave(s);
        return logged_in(s, response->authenticated);
    }
    if (rc == 0)
        rc = err_set(&err, ERR_INTERNAL, "the mail store gave no answer about a login");
    smtp_log_failure(s, "failed login", &err);
    if (rc == -ERR_DENIED || rc == -ERR_NOT_FOUND || rc == -ERR_SYNTAX || rc == -ERR_LIMIT)
        return fail(s, 535, "5.7.8", "bad user or password");
    leave(s);
    return smtp_say(s, 451, "4.3.0", "cannot log in now, try again later");
}

/* RFC 4616 2: authorisation identity NUL authentication identity NUL password. */
static enum smtp_next step_plain(struct smtp_session *s, struct slice message)
{
    size_t first = slice_find_byte(message, 0);
    struct slice rest = slice_from(message, first == SIZE_MAX ? message.n : first + 1);
    size_t second = slice_find_byte(rest, 0);

    if (first == SIZE_MAX || second == SIZE_MAX)
        return fail(s, 501, "5.5.4", "malformed message");
    struct slice authorise = slice_sub(message, 0, first), user = slice_sub(rest, 0, second),
                 password = slice_from(rest, second + 1);

    if (slice_find_byte(password, 0) != SIZE_MAX)
        return fail(s, 501, "5.5.4", "malformed message");
    if (authorise.n > 0 && !slice_eq(authorise, user))
        return fail(s, 535, "5.7.8", "acting for another user is not possible");
    return verify(s, user, password);
}

static enum smtp_next step_login(struct smtp_session *s, struct slice message)
{
    if (s->auth->user.p != NULL)
        return verify(s, secret_slice(&s->auth->user), message);
    if (!secret_copy(&s->auth->user, message))
        return fail(s, 451, "4.3.0", "out of memory");
    conn_printf(s->conn, "334 UGFzc3dvcmQ6\r\n"); /* Password: */
    return SMTP_FLUSH;
}

static const struct mechanism mechanisms[] = {
    {SLICE_INIT("PLAIN"), step_plain, ""},
    {SLICE_INIT("LOGIN"), step_login, "VXNlcm5hbWU6" /* Username: */},
};

/* Decodes into memory that is wiped afterwards, and takes the step. */
static enum smtp_next take_message(struct smtp_session *s, struct slice base64)
{
    struct builder decoded;
    struct err err;

    build_init(&decoded, SMTP_AUTH_LINE_MAX);
    if (build_reserve(&decoded, base64.n + 1) ==
        NULL) { /* all at once: no copies are left behind */
        build_done(&decoded);
        return fail(s, 451, "4.3.0", "out of memory");
    }
    int rc = decode_base64(&decoded, base64, &err);
    enum smtp_next next = rc < 0 ? fail(s, 501, "5.5.2", "malformed base64")
                                 : s->auth->mechanism->step(s, build_slice(&decoded));

    wipe(decoded.p, decoded.cap);
    build_done(&decoded);
    return next;
}

enum smtp_next smtp_auth_continue(struct smtp_session *s, struct slice line)
{
    /* RFC 4954 4: the client gives up. */
    if (slice_eq(line, SLICE("*")))
        return fail(s, 501, "5.5.0", "aborted");
    return take_message(s, line);
}

static bool is_mechanism(int byte)
{
    return ascii_is_alnum(byte) || byte == '-' || byte == '_';
}

/* " MECHANISM [ initial]"; *initial_out has p == NULL without an initial response. */
static struct slice parse(struct cursor *c, struct slice *initial_out)
{
    cur_byte(c, ' ', "space and a mechanism");
    struct slice name = cur_span(c, is_mechanism, 1, "mechanism");

    *initial_out = (struct slice){NULL, 0};
    if (cur_ok(c) && !cur_at_end(c)) {
        cur_byte(c, ' ', "space before the response");
        while (cur_eat(c, ' ')) /* a common client sends two */
            ;
        *initial_out = cur_rest(c);
        if (cur_at_end(c))
            cur_reject(c, "response");
    }
    return name;
}

static enum smtp_next begin(struct smtp_session *s, const struct mechanism *mechanism,
                            struct slice initial)
{
    s->auth = calloc(1, sizeof(*s->auth));
    if (s->auth == NULL)
        return smtp_say(s, 451, "4.3.0", "out of memory");
    s->auth->mechanism = mechanism;
    s->mode = SMTP_MODE_AUTH;
    if (initial.p == NULL) {
        conn_printf(s->conn, "334 %s\r\n", mechanism->challenge);
        return SMTP_FLUSH;
    }
    /* RFC 4954 4: "=" is the empty response. */
    return take_message(s, slice_eq(initial, SLICE("=")) ? SLICE("") : initial);
}

enum smtp_next smtp_cmd_auth(struct smtp_session *s, struct slice args)
{
    struct cursor c = cur_init(args);
    struct limiter *limiter = s->listener->auth_failures;
    struct slice initial;

    if (!s->submission)
        return smtp_say(s, 503, "5.5.1", "no login here, use the submission port");
    if (smtp_logged_in(s))
        return smtp_say(s, 503, "5.5.1", "logged in already");
    /* Counted now, and taken back by a success. */
    if (limiter != NULL && !limiter_add(limiter, conn_remote(s->conn), 1))
        return smtp_say_and_close(s, 421, "4.7.0",
                                  "too many failed logins from your address, try again later");
    struct slice name = parse(&c, &initial);

    if (!cur_ok(&c))
        return fail(s, 501, "5.5.2", "syntax error: AUTH and a mechanism");
    if (name.n > MECHANISM_MAX)
        return fail(s, 504, "5.5.4", "mechanism not known");
    for (size_t i = 0; i < ARRAY_SIZE(mechanisms); i++) {
        if (!slice_eq_nocase(name, mechanisms[i].name))
            continue;
        if (!smtp_auth_allowed(s))
            return fail(s, 538, "5.7.11", "only over TLS");
        return begin(s, &mechanisms[i], initial);
    }
    return fail(s, 504, "5.5.4", "mechanism not known");
}
