/* Logins by TLS client certificate. A certificate that is shown counts as an attempt before it is
 * known how it ends, like a password that is sent; the count is given back when the handshake has
 * proven that the client has the key. Sessions that are resumed were not asked about, so their
 * attempt begins after the handshake. */
#include "base/log.h"
#include "edge/login_private.h"

#define MECHANISM "tlsclientauth" /* as in proto/store.proto */

static const char *protocol_of(const struct edge_listener *listener)
{
    return listener->service == EDGE_IMAP || listener->service == EDGE_IMAPS ? "imap"
                                                                             : "submission";
}

static void log_unavailable(struct conn *c, const struct err *err)
{
    log_err(conn_env(c)->log, LOG_INFO, "login", conn_id(c), "login by certificate", err);
}

/* ---- during the handshake ---- */

static int look_up(const struct edge_listener *listener, struct conn *c, const struct conn_key *key,
                   Gw__Authenticated__Result *out, struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__KeyLookup body = GW__KEY_LOOKUP__INIT;
    Gw__LoginOrigin origin;
    const Gw__Response *response;

    login_fill_origin(&origin, c, protocol_of(listener), key);
    body.origin = &origin;
    request.call_case = GW__REQUEST__CALL_KEY_LOOKUP;
    request.key_lookup = &body;
    int rc = edge_call(listener->edge, c, &request, NULL, 0, &response, NULL, err);

    if (rc == 0 && response->result_case != GW__RESPONSE__RESULT_AUTHENTICATED)
        rc = err_set(err, ERR_INTERNAL, "the mail store gave no answer about a key");
    if (rc == 0)
        *out = response->authenticated->result;
    return rc;
}

static enum conn_key_answer key_shown(struct conn *c, const void *service,
                                      const struct conn_key *key)
{
    const struct edge_listener *listener = service;
    Gw__Authenticated__Result result = GW__AUTHENTICATED__RESULT__RESULT_WRONG;
    struct err err;

    if (!login_count(listener, c, protocol_of(listener)))
        return CONN_KEY_IGNORE;
    if (look_up(listener, c, key, &result, &err) < 0) {
        login_uncount(listener, c);
        log_unavailable(c, &err);
        return CONN_KEY_UNAVAILABLE;
    }
    if (result == GW__AUTHENTICATED__RESULT__RESULT_OK)
        return CONN_KEY_GO_ON;
    if (result == GW__AUTHENTICATED__RESULT__RESULT_DISABLED)
        login_uncount(listener, c);
    return CONN_KEY_REFUSE;
}

static void key_unproven(struct conn *c, const void *service, const struct conn_key *key, bool lost)
{
    const struct edge_listener *listener = service;
    Gw__LoginOrigin origin;

    login_fill_origin(&origin, c, protocol_of(listener), key);
    login_report(listener, c, &origin, SLICE(MECHANISM), SLICE(""), lost ? "aborted" : "badcreds");
}

const struct conn_client_keys login_client_keys = {.shown = key_shown, .unproven = key_unproven};

/* ---- after it ---- */

static int log_in(struct login *l, const struct edge_listener *listener, struct conn *c,
                  const struct conn_key *key, bool bind, const Gw__Authenticated **out,
                  struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__Authenticate body = GW__AUTHENTICATE__INIT;
    Gw__LoginOrigin origin;
    const Gw__Response *response;

    login_fill_origin(&origin, c, l->protocol, key);
    body.mechanism = rpc_bytes(SLICE(MECHANISM));
    body.origin = &origin;
    body.bind = bind;
    request.call_case = GW__REQUEST__CALL_AUTHENTICATE;
    request.authenticate = &body;
    int rc = edge_call(listener->edge, c, &request, NULL, 0, &response, NULL, err);

    if (rc == 0 && response->result_case != GW__RESPONSE__RESULT_AUTHENTICATED)
        rc = err_set(err, ERR_INTERNAL, "the mail store gave no answer about a key");
    if (rc == 0)
        *out = response->authenticated;
    return rc;
}

static enum login_outcome admit(struct login *l, const struct edge_listener *listener,
                                struct conn *c, const struct conn_key *key,
                                const Gw__Authenticated *a, struct login_answer *answer)
{
    l->failures = 0;
    l->certificate = (struct login_certificate){.account = a->account, .key = *key};
    login_count_reset(listener, c);
    answer->session = a->session;
    answer->account = a->account;
    answer->address = arena_copy(conn_arena(c), rpc_slice(a->address));
    conn_set_user(c, answer->address);
    conn_log(c, LOG_DEBUG, "login by certificate", LOG_NUM("session", a->session != 0),
             LOG_NUM("resumed", key->resumed));
    return LOGIN_OK;
}

enum login_outcome login_by_key(struct login *l, const struct edge_listener *listener,
                                struct conn *c, bool bind, struct login_answer *answer)
{
    const Gw__Authenticated *a = NULL;
    struct conn_key key;

    *answer = (struct login_answer){0};
    if (!conn_client_key(c, &key) ||
        (key.resumed && !login_count(listener, c, protocol_of(listener))))
        return LOGIN_NO_KEY;
    if (log_in(l, listener, c, &key, bind, &a, &answer->err) < 0) {
        login_uncount(listener, c);
        log_unavailable(c, &answer->err);
        return LOGIN_UNAVAILABLE;
    }
    if (a->result == GW__AUTHENTICATED__RESULT__RESULT_OK)
        return admit(l, listener, c, &key, a, answer);
    if (a->result != GW__AUTHENTICATED__RESULT__RESULT_DISABLED)
        return LOGIN_WRONG;
    login_uncount(listener, c);
    return LOGIN_DISABLED;
}
