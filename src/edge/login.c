/* An exchange ends in `finish` whatever happens: it is released, counted, delayed, and reported
 * when the store has not seen it. A session that the store has opened for SCRAM waits in the
 * exchange until the client has checked the server's signature. */
#include "edge/login_private.h"

#include <stdlib.h>

#include "base/encode.h"
#include "base/log.h"
#include "base/num.h"
#include "base/secret.h"
#include "net/channel_binding.h"
#include "runtime/metrics.h"
#include "sasl/server.h"

#define DELAY_MAX_S 60u

struct login_exchange {
    const struct sasl_mechanism *mechanism; /* NULL: none that we know */
    struct sasl_server server;
    uint64_t challenge; /* the store's handle */
    bool seen;          /* the store has recorded the attempt */
    uint32_t delay_s;   /* that the store asks for */
    /* SCRAM: what comes after the client's last line. */
    Gw__Authenticated__Result result;
    uint64_t session, account;
    struct secret address, disabled;
};

/* ---- what is offered ---- */

bool login_plain_allowed(const struct edge_listener *listener, const struct conn *c)
{
    return conn_tls(c).on || listener->settings->plain_auth;
}

bool login_offers(const struct edge_listener *listener, const struct conn *c,
                  const struct login *login, const struct sasl_mechanism *mechanism)
{
    if (mechanism->reveals)
        return login_plain_allowed(listener, c);
    /* PLUS is named without TLS too: a hint for clients that see no TLS where there should be some.
     */
    return mechanism->kind != SASL_EXTERNAL || login->certificate.account != 0;
}

void login_announce(struct builder *out, const struct edge_listener *listener, const struct conn *c,
                    const struct login *login, const char *prefix)
{
    for (size_t i = 0; i < SASL_MECHANISMS; i++) {
        if (!login_offers(listener, c, login, &sasl_mechanisms[i]))
            continue;
        build_byte(out, ' ');
        build_text(out, prefix);
        build_bytes(out, sasl_mechanisms[i].name);
    }
}

/* ---- how often ---- */

static bool refuse_too_many(const struct conn *c, const char *protocol)
{
    metrics_add(conn_env(c)->metrics, METRIC_AUTH_RATE_LIMITED, 1, protocol);
    return false;
}

bool login_has_room(const struct edge_listener *listener, const struct conn *c,
                    const char *protocol)
{
    struct limiter *failures = listener->auth_failures;

    return !failures || limiter_room(failures, conn_remote(c), 1) || refuse_too_many(c, protocol);
}

bool login_count(const struct edge_listener *listener, const struct conn *c, const char *protocol)
{
    struct limiter *failures = listener->auth_failures;

    return !failures || limiter_add(failures, conn_remote(c), 1) || refuse_too_many(c, protocol);
}

void login_uncount(const struct edge_listener *listener, const struct conn *c)
{
    if (listener->auth_failures)
        limiter_sub(listener->auth_failures, conn_remote(c), 1);
}

void login_count_reset(const struct edge_listener *listener, const struct conn *c)
{
    if (listener->auth_failures)
        limiter_reset(listener->auth_failures, conn_remote(c));
}

/* ---- talking to the store ---- */

void login_fill_origin(Gw__LoginOrigin *o, struct conn *c, const char *protocol,
                       const struct conn_key *key)
{
    struct conn_tls_info tls = conn_tls(c);

    gw__login_origin__init(o);
    o->protocol = rpc_bytes(slice_str(protocol));
    o->remote_ip = rpc_bytes(addr_ip_octets(conn_remote(c)));
    o->local_ip = rpc_bytes(addr_ip_octets(conn_local(c)));
    if (key)
        o->fingerprint = rpc_bytes(slice_of(key->fingerprint, sizeof(key->fingerprint)));
    if (tls.on)
        o->tls = rpc_bytes(arena_printf(conn_arena(c), "version=%s ciphersuite=%s",
                                        tls.version_name, tls.cipher_name));
}

static void fill_origin(const struct login *l, struct conn *c, Gw__LoginOrigin *o)
{
    login_fill_origin(o, c, l->protocol, l->certificate.account ? &l->certificate.key : NULL);
}

void login_end_session(const struct edge_listener *listener, struct conn *c, uint64_t session)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__SessionEnd end = GW__SESSION_END__INIT;
    const Gw__Response *response;
    struct err err;

    request.call_case = GW__REQUEST__CALL_SESSION_END;
    request.session_end = &end;
    request.session = session;
    /* A store that is away has forgotten the session. */
    (void)!edge_call(listener->edge, c, &request, NULL, 0, &response, NULL, &err);
}

void login_report(const struct edge_listener *listener, struct conn *c,
                  const Gw__LoginOrigin *origin, struct slice mechanism, struct slice user,
                  const char *result)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__LoginReport body = GW__LOGIN_REPORT__INIT;
    const Gw__Response *response;
    struct err err;

    body.origin = (Gw__LoginOrigin *)origin;
    body.mechanism = rpc_bytes(mechanism);
    body.user = rpc_bytes(user);
    body.result = rpc_bytes(slice_str(result));
    request.call_case = GW__REQUEST__CALL_LOGIN_REPORT;
    request.login_report = &body;
    if (edge_call(listener->edge, c, &request, NULL, 0, &response, NULL, &err) < 0)
        log_err(conn_env(c)->log, LOG_DEBUG, "login", conn_id(c), "attempt not recorded", &err);
}

static void report(const struct login *l, const struct edge_listener *listener, struct conn *c,
                   const char *result)
{
    const struct login_exchange *x = l->exchange;
    Gw__LoginOrigin origin;

    fill_origin(l, c, &origin);
    login_report(listener, c, &origin, x->mechanism ? x->mechanism->name : SLICE(""),
                 x->mechanism ? x->server.user : SLICE(""), result);
}

/* ---- the end of an attempt ---- */

static void exchange_free(struct login_exchange *x)
{
    if (!x)
        return;
    if (x->mechanism)
        sasl_server_done(&x->server);
    secret_done(&x->address);
    secret_done(&x->disabled);
    free(x);
}

/* For the record, of attempts that did not come to the store. */
static const char *result_of(enum login_outcome outcome)
{
    switch (outcome) {
    case LOGIN_ABORTED:
        return "aborted";
    case LOGIN_BINDING:
        return "badchanbind";
    case LOGIN_SYNTAX:
    case LOGIN_MESSAGE:
    case LOGIN_PROTOCOL:
    case LOGIN_UNKNOWN:
    case LOGIN_NO_TLS:
        return "badprotocol";
    case LOGIN_UNAVAILABLE:
        return "error";
    default:
        return "badcreds";
    }
}

/* What happened was no guess. */
static bool is_innocent(enum login_outcome outcome)
{
    return outcome == LOGIN_DISABLED || outcome == LOGIN_NO_SECRET || outcome == LOGIN_UNAVAILABLE;
}

static enum login_outcome finish(struct login *l, const struct edge_listener *listener,
                                 struct conn *c, enum login_outcome outcome)
{
    struct login_exchange *x = l->exchange;
    uint32_t delay_s = x->delay_s;

    if (!x->seen)
        report(l, listener, c, result_of(outcome));
    l->exchange = NULL;
    if (outcome == LOGIN_OK) {
        l->failures = 0;
        conn_set_slow(c, false);
        login_count_reset(listener, c);
    } else if (is_innocent(outcome)) {
        login_uncount(listener, c);
    } else {
        l->failures++;
        if (l->failures >= LOGIN_FREE)
            conn_set_slow(c, !listener->settings->no_delays);
        if (l->failures > LOGIN_FREE)
            delay_s = MAX(delay_s, MIN(l->failures - LOGIN_FREE, DELAY_MAX_S));
    }
    exchange_free(x);
    if (delay_s > 0 && !listener->settings->no_delays)
        conn_delay(c, delay_s);
    return outcome;
}

static enum login_outcome outcome_of(enum sasl_failure failure)
{
    switch (failure) {
    case SASL_FAIL_SYNTAX:
        return LOGIN_MESSAGE;
    case SASL_FAIL_INITIAL:
        return LOGIN_SYNTAX;
    case SASL_FAIL_AUTHZID:
        return LOGIN_AUTHZID;
    case SASL_FAIL_BINDING:
        return LOGIN_BINDING;
    case SASL_FAIL_PROTOCOL:
        return LOGIN_PROTOCOL;
    case SASL_FAIL_MEMORY:
        return LOGIN_UNAVAILABLE;
    default:
        return LOGIN_WRONG;
    }
}

static enum login_outcome unavailable(struct login_answer *answer, enum err_kind kind,
                                      const char *text)
{
    (void)!err_set(&answer->err, kind, "%s", text);
    return LOGIN_UNAVAILABLE;
}

/* The credentials were right, and the client has heard what it had to hear. */
static enum login_outcome arrive(struct login *l, const struct edge_listener *listener,
                                 struct conn *c, struct login_answer *answer)
{
    struct login_exchange *x = l->exchange;

    if (x->result == GW__AUTHENTICATED__RESULT__RESULT_DISABLED) {
        answer->text = arena_copy(conn_arena(c), secret_slice(&x->disabled));
        return finish(l, listener, c, LOGIN_DISABLED);
    }
    /* Another mechanism beside a certificate must be of the same account. */
    if (l->certificate.account != 0 && l->certificate.account != x->account) {
        login_end_session(listener, c, x->session);
        return finish(l, listener, c, LOGIN_WRONG);
    }
    answer->session = x->session;
    answer->account = x->account;
    answer->address = arena_copy(conn_arena(c), secret_slice(&x->address));
    conn_set_user(c, answer->address);
    return finish(l, listener, c, LOGIN_OK);
}

/* ---- steps ---- */

static int ask_challenge(struct login *l, const struct edge_listener *listener, struct conn *c,
                         const Gw__LoginChallenged **out, struct err *err)
{
    struct login_exchange *x = l->exchange;
    Gw__Request request = GW__REQUEST__INIT;
    Gw__LoginChallenge body = GW__LOGIN_CHALLENGE__INIT;
    Gw__LoginOrigin origin;
    const Gw__Response *response;

    fill_origin(l, c, &origin);
    body.mechanism = rpc_bytes(x->mechanism->name);
    body.user = rpc_bytes(x->server.user);
    body.origin = &origin;
    request.call_case = GW__REQUEST__CALL_LOGIN_CHALLENGE;
    request.login_challenge = &body;
    int rc = edge_call(listener->edge, c, &request, NULL, 0, &response, NULL, err);

    if (rc < 0)
        return rc;
    if (response->result_case != GW__RESPONSE__RESULT_LOGIN_CHALLENGED)
        return err_set(err, ERR_INTERNAL, "the mail store gave no challenge");
    *out = response->login_challenged;
    return 0;
}

static int ask_verify(struct login *l, const struct edge_listener *listener, struct conn *c,
                      const Gw__Authenticated **out, struct err *err)
{
    struct login_exchange *x = l->exchange;
    Gw__Request request = GW__REQUEST__INIT;
    Gw__Authenticate body = GW__AUTHENTICATE__INIT;
    Gw__LoginOrigin origin;
    const Gw__Response *response;

    fill_origin(l, c, &origin);
    body.mechanism = rpc_bytes(x->mechanism->name);
    body.user = rpc_bytes(x->server.user);
    body.password = rpc_bytes(x->server.password);
    body.challenge = x->challenge;
    body.message = rpc_bytes(x->mechanism->kind == SASL_SCRAM ? x->server.message : SLICE(""));
    body.proof = rpc_bytes(x->server.proof);
    body.origin = &origin;
    request.call_case = GW__REQUEST__CALL_AUTHENTICATE;
    request.authenticate = &body;
    int rc = edge_call(listener->edge, c, &request, NULL, 0, &response, NULL, err);

    if (rc < 0)
        return rc;
    if (response->result_case != GW__RESPONSE__RESULT_AUTHENTICATED)
        return err_set(err, ERR_INTERNAL, "the mail store gave no answer about a login");
    *out = response->authenticated;
    return 0;
}

/* The store's answer into the exchange. */
static bool keep(struct login_exchange *x, const Gw__Authenticated *a)
{
    x->seen = true;
    x->delay_s = a->delay_s;
    x->result = a->result;
    x->session = a->session;
    x->account = a->account;
    return secret_copy(&x->address, rpc_slice(a->address)) &&
           secret_copy(&x->disabled, rpc_slice(a->disabled));
}

/* Asks the store; *step is what the exchange does next. Else: the outcome. */
static enum login_outcome ask(struct login *l, const struct edge_listener *listener, struct conn *c,
                              enum sasl_step *step, struct login_answer *answer)
{
    struct login_exchange *x = l->exchange;
    const Gw__LoginChallenged *challenge;
    const Gw__Authenticated *a;

    if (*step == SASL_CHALLENGE) {
        if (ask_challenge(l, listener, c, &challenge, &answer->err) < 0)
            return LOGIN_UNAVAILABLE;
        answer->derived = challenge->no_secret;
        if (challenge->no_secret)
            return LOGIN_NO_SECRET;
        x->challenge = challenge->challenge;
        *step = sasl_server_challenge(&x->server, rpc_slice(challenge->text),
                                      rpc_slice(challenge->salt), challenge->iterations);
        return LOGIN_CHALLENGE;
    }
    if (x->mechanism->kind == SASL_EXTERNAL && l->certificate.account == 0)
        return LOGIN_WRONG;
    if (ask_verify(l, listener, c, &a, &answer->err) < 0)
        return LOGIN_UNAVAILABLE;
    if (!keep(x, a))
        return unavailable(answer, ERR_NOMEM, "out of memory");
    if (a->result == GW__AUTHENTICATED__RESULT__RESULT_NO_SECRET)
        return LOGIN_NO_SECRET;
    bool right = a->result == GW__AUTHENTICATED__RESULT__RESULT_OK ||
                 a->result == GW__AUTHENTICATED__RESULT__RESULT_DISABLED;

    *step = sasl_server_verified(&x->server, right, rpc_slice(a->signature));
    return LOGIN_CHALLENGE;
}

static enum login_outcome say(struct login *l, const struct edge_listener *listener, struct conn *c,
                              struct login_answer *answer)
{
    struct builder text;

    build_init(&text, 2 * SASL_MESSAGE_MAX);
    encode_base64(&text, build_slice(&l->exchange->server.out));
    answer->text = arena_copy(conn_arena(c), build_slice(&text));
    build_done(&text);
    if (!arena_failed(conn_arena(c)))
        return LOGIN_CHALLENGE;
    (void)unavailable(answer, ERR_NOMEM, "out of memory");
    return finish(l, listener, c, LOGIN_UNAVAILABLE);
}

static enum login_outcome run(struct login *l, const struct edge_listener *listener, struct conn *c,
                              enum sasl_step step, struct login_answer *answer)
{
    while (step == SASL_CHALLENGE || step == SASL_VERIFY) {
        enum login_outcome outcome = ask(l, listener, c, &step, answer);

        if (outcome != LOGIN_CHALLENGE)
            return finish(l, listener, c, outcome);
    }
    if (step == SASL_SEND)
        return say(l, listener, c, answer);
    if (step == SASL_DONE)
        return arrive(l, listener, c, answer);
    enum login_outcome outcome = outcome_of(l->exchange->server.failure);

    if (outcome == LOGIN_UNAVAILABLE)
        (void)unavailable(answer, ERR_NOMEM, "out of memory");
    return finish(l, listener, c, outcome);
}

/* Decodes into memory that is wiped afterwards, and takes the step. */
static enum login_outcome take(struct login *l, const struct edge_listener *listener,
                               struct conn *c, struct slice base64, struct login_answer *answer)
{
    struct builder decoded;
    struct err err;

    build_init(&decoded, SASL_MESSAGE_MAX);
    /* All at once: no copies are left behind. */
    if (base64.n >= SASL_MESSAGE_MAX || !build_reserve(&decoded, base64.n + 1)) {
        build_done(&decoded);
        (void)unavailable(answer, ERR_LIMIT, "the message is too long");
        return finish(l, listener, c, LOGIN_SYNTAX);
    }
    int rc = decode_base64(&decoded, base64, &err);
    enum login_outcome outcome =
        rc < 0 ? finish(l, listener, c, LOGIN_SYNTAX)
               : run(l, listener, c, sasl_server_take(&l->exchange->server, build_slice(&decoded)),
                     answer);

    wipe(decoded.p, decoded.cap);
    build_done(&decoded);
    return outcome;
}

/* ---- attempts ---- */

/* A new exchange, counted. LOGIN_CHALLENGE: it may go on. */
static enum login_outcome start(struct login *l, const struct edge_listener *listener,
                                struct conn *c, const struct sasl_mechanism *mechanism,
                                struct login_answer *answer)
{
    struct channel_binding bound = conn_channel_binding(c);
    struct sasl_binding binding = {slice_str(bound.name), slice_of(bound.data, bound.n)};

    *answer = (struct login_answer){0};
    if (!login_count(listener, c, l->protocol))
        return LOGIN_TOO_MANY;
    l->exchange = calloc(1, sizeof(*l->exchange));
    if (!l->exchange) {
        login_uncount(listener, c);
        return unavailable(answer, ERR_NOMEM, "out of memory");
    }
    l->exchange->mechanism = mechanism;
    if (mechanism)
        sasl_server_init(&l->exchange->server, mechanism, bound.name ? &binding : NULL);
    return LOGIN_CHALLENGE;
}

enum login_outcome login_begin(struct login *l, const struct edge_listener *listener,
                               struct conn *c, struct slice name, struct slice initial,
                               struct login_answer *answer)
{
    const struct sasl_mechanism *mechanism = sasl_find(name);
    enum login_outcome outcome = start(l, listener, c, mechanism, answer);

    if (outcome != LOGIN_CHALLENGE)
        return outcome;
    if (!mechanism)
        return finish(l, listener, c, name.n > 0 ? LOGIN_UNKNOWN : LOGIN_SYNTAX);
    if ((mechanism->needs_tls && !conn_tls(c).on) ||
        (mechanism->reveals && !login_plain_allowed(listener, c)))
        return finish(l, listener, c, LOGIN_NO_TLS);
    if (!initial.p)
        return run(l, listener, c, sasl_server_start(&l->exchange->server), answer);
    /* RFC 4954 4, RFC 4959 3: "=" is the empty response. */
    return take(l, listener, c, slice_eq(initial, SLICE("=")) ? SLICE("") : initial, answer);
}

enum login_outcome login_continue(struct login *l, const struct edge_listener *listener,
                                  struct conn *c, struct slice line, struct login_answer *answer)
{
    struct login_exchange *x = l->exchange;

    *answer = (struct login_answer){0};
    if (!slice_eq(line, SLICE("*")))
        return take(l, listener, c, line, answer);
    /* RFC 4954 4, RFC 9051 6.2.2: the client gives up; perhaps the server's signature was wrong. */
    if (x->session != 0)
        login_end_session(listener, c, x->session);
    x->seen = x->seen && x->session == 0;
    return finish(l, listener, c, LOGIN_ABORTED);
}

enum login_outcome login_password(struct login *l, const struct edge_listener *listener,
                                  struct conn *c, struct slice user, struct slice password,
                                  struct login_answer *answer)
{
    enum login_outcome outcome = start(l, listener, c, sasl_find(SLICE("LOGIN")), answer);

    if (outcome != LOGIN_CHALLENGE)
        return outcome;
    if (!login_plain_allowed(listener, c))
        return finish(l, listener, c, LOGIN_NO_TLS);
    (void)sasl_server_take(&l->exchange->server, user); /* memory: said with the password */
    return run(l, listener, c, sasl_server_take(&l->exchange->server, password), answer);
}

void login_abandon(struct login *l, const struct edge_listener *listener, struct conn *c)
{
    if (!l->exchange)
        return;
    if (l->exchange->session != 0)
        login_end_session(listener, c, l->exchange->session);
    l->failures = 0; /* nobody is there to be held up */
    (void)finish(l, listener, c, LOGIN_ABORTED);
}
