/* Authenticate, LoginReport, SessionEnd, Watch: how a process comes to act for an account. */
#include "store/login.h"

#include "base/clock.h"
#include "base/secret.h"
#include "base/unicode.h"
#include "rpc/call.h"
#include "sasl/scram.h"
#include "store/attempts.h"
#include "store/challenges.h"
#include "store/slowdown.h"
#include "store/store_private.h"
#include "store/tls_login.h"

static void record(struct call *c, const struct login *login, struct slice result)
{
    struct attempt attempt = {
        .account_id = login->known ? login->account.account_id : 0,
        .password_id = login->password_id,
        .account = login->account.name,
        .address = login->user,
        .mechanism = login->mechanism->label,
        .result = result,
        .origin = c->request->authenticate->origin,
        .cid = c->request->cid,
    };

    attempts_add(c->store->attempts, &attempt);
}

static int answer(struct call *c, const struct login *login, Gw__Authenticated__Result result,
                  Gw__Authenticated **out, struct err *err)
{
    Gw__Authenticated *a = call_message(c, &gw__authenticated__descriptor);

    if (!a)
        return call_no_memory(err);
    a->result = result;
    a->delay_s = login->delay_s;
    c->response.result_case = GW__RESPONSE__RESULT_AUTHENTICATED;
    c->response.authenticated = a;
    *out = a;
    return 0;
}

static int refuse(struct call *c, const struct login *login, struct err *err)
{
    bool by_password = login->mechanism->reveals;
    Gw__Authenticated *a;

    slowdown_failed(c->store->slowdown, login->slowdown_key, clock_mono_ns() / NS_PER_S);
    record(c, login,
           !login->known ? SLICE("baduser")
           : by_password ? SLICE("badpassword")
                         : SLICE("badcreds"));
    return answer(c, login, GW__AUTHENTICATED__RESULT__RESULT_WRONG, &a, err);
}

/* The credentials were right. signature: of SCRAM, else empty. */
static int admit(struct call *c, struct login *login, const struct credential *used,
                 struct slice signature, struct err *err)
{
    struct session session = {login->account.account_id, login->account.shard};
    Gw__Authenticated *a = NULL;
    bool off = login->account.login_disabled.n > 0;

    login->password_id = used ? used->password_id : 0;
    int rc = answer(c, login,
                    off ? GW__AUTHENTICATED__RESULT__RESULT_DISABLED
                        : GW__AUTHENTICATED__RESULT__RESULT_OK,
                    &a, err);

    if (rc < 0)
        return rc;
    a->signature = rpc_bytes(arena_copy(&c->out, signature));
    if (off) {
        a->disabled = rpc_bytes(login->account.login_disabled);
        record(c, login, SLICE("logindisabled"));
        return 0;
    }
    rc = sessions_add(c->store->sessions, c->from.group, &session, login->epoch, &a->session, err);
    record(c, login, rc < 0 ? SLICE("error") : SLICE("ok"));
    if (rc < 0)
        return rc;
    a->account = (uint64_t)session.account_id;
    a->account_name = rpc_bytes(login->account.name);
    a->address = rpc_bytes(login->target.canonical);
    return 0;
}

/* ---- PLAIN, LOGIN ---- */

/* On a worker. Unknown addresses cost the same. */
static int check_password(struct call *c, struct err *err)
{
    struct login *login = c->state;
    bool match;
    int rc = credential_check(&login->own, login->prepared, &match, err);

    if (rc < 0)
        return rc;
    if (!match || !login->known)
        return refuse(c, login, err);
    credential_cache_put(c->store->credentials, login->account.account_id, &login->own,
                         login->prepared);
    return admit(c, login, &login->own, SLICE(""), err);
}

static int by_password(struct call *c, struct login *login, struct err *err)
{
    struct slice prepared;
    int rc = unicode_opaque_string(&c->in, rpc_slice(c->request->authenticate->password), &prepared,
                                   err);

    if (rc == -ERR_NOMEM)
        return rc;
    /* A text that cannot be a password is checked like one that is wrong. */
    login->prepared = rc == 0 && prepared.n <= CREDENTIAL_PASSWORD_MAX
                          ? prepared
                          : arena_copy(&c->in, SLICE("\0"));
    const struct credential *app = credential_app_find(&login->set, login->prepared);
    bool remembered = credential_cache_has(c->store->credentials, login->account.account_id,
                                           &login->own, login->prepared);

    if (login->known && app)
        return admit(c, login, app, SLICE(""), err);
    if (login->known && remembered)
        return admit(c, login, &login->own, SLICE(""), err);
    return call_work(c, check_password, err);
}

/* ---- by challenge ---- */

static int by_cram(struct call *c, struct login *login, struct slice text, struct err *err)
{
    struct slice challenge = arena_printf(&c->in, "<%.*s@%s>", SLICE_FMT(text), c->store->hostname);
    const struct credential *used =
        credential_cram_find(&login->set, challenge, rpc_slice(c->request->authenticate->proof));
    Gw__Authenticated *a;

    if (used && login->known)
        return admit(c, login, used, SLICE(""), err);
    int rc = login_lacks_secret(c, login, err);

    if (rc < 0)
        return rc;
    if (rc == 1) {
        /* A password from before these secrets were kept: nobody has guessed. */
        record(c, login, SLICE("badcreds"));
        return answer(c, login, GW__AUTHENTICATED__RESULT__RESULT_NO_SECRET, &a, err);
    }
    return refuse(c, login, err);
}

static int by_scram(struct call *c, struct login *login, struct slice text, struct err *err)
{
    enum sasl_hash hash = login->mechanism->hash;
    struct slice message = rpc_slice(c->request->authenticate->message);
    const struct credential *used = credential_scram_find(
        &login->set, hash, message, rpc_slice(c->request->authenticate->proof));
    uint8_t signature[SCRAM_KEY_MAX];
    size_t n = scram_key_size(hash);

    /* The proof is about our nonce, so it is fresh. */
    if (slice_find(message, text) == SIZE_MAX || !used || !login->known)
        return refuse(c, login, err);
    int rc = scram_signature(hash, used->secret + n, message, signature, err);

    return rc < 0 ? rc : admit(c, login, used, slice_of(signature, n), err);
}

static int by_challenge(struct call *c, struct login *login, struct err *err)
{
    const Gw__Authenticate *request = c->request->authenticate;
    bool scram = login->mechanism->kind == SASL_SCRAM;
    struct slice user = scram ? rpc_slice(request->user) : SLICE("");
    char text[CHALLENGE_CHARS + 1];
    struct slice subject = login_subject(&c->in, login->mechanism, user);

    if (!challenges_take(c->store->challenges, c->from.group, request->challenge, subject, text))
        return err_set(err, ERR_UNAVAILABLE, "the login took too long, try again");
    return scram ? by_scram(c, login, slice_str(text), err)
                 : by_cram(c, login, slice_str(text), err);
}

/* ---- by the channel ---- */

/* Any address of the account that the key is of; the key's own when none is said. */
static int by_certificate(struct call *c, struct err *err)
{
    const Gw__Authenticate *request = c->request->authenticate;
    struct slice user = rpc_slice(request->user);
    struct tls_login key;
    struct login *login;
    int rc = tls_login_find(
        c, request->origin ? rpc_slice(request->origin->fingerprint) : SLICE(""), &key, err);

    if (rc == 0)
        rc = login_find(c, rpc_slice(request->mechanism), user.n > 0 ? user : key.address,
                        request->origin, &login, err);
    if (rc < 0)
        return rc;
    return key.valid && login->known && key.account.account_id == login->account.account_id
               ? admit(c, login, NULL, SLICE(""), err)
               : refuse(c, login, err);
}

int call_authenticate(struct call *c, struct err *err)
{
    const Gw__Authenticate *request = c->request->authenticate;
    struct slice name = rpc_slice(request->mechanism);
    const struct sasl_mechanism *mechanism = sasl_find(name);
    struct login *login;

    if (slice_eq(name, SLICE(TLS_LOGIN)))
        return tls_login_authenticate(c, err);
    if (mechanism && mechanism->kind == SASL_EXTERNAL)
        return by_certificate(c, err);
    int rc = login_find(c, name, rpc_slice(request->user), request->origin, &login, err);

    if (rc < 0)
        return rc;
    switch (login->mechanism->kind) {
    case SASL_PLAIN:
    case SASL_LOGIN:
        return by_password(c, login, err);
    case SASL_CRAM_MD5:
    case SASL_SCRAM:
        return by_challenge(c, login, err);
    case SASL_EXTERNAL:
        break;
    }
    return err_set(err, ERR_INVALID, "there is no such mechanism");
}

/* How the mechanism is recorded; a certificate says who the user would have been. */
static int report_label(struct call *c, struct slice *label, struct slice *user, struct err *err)
{
    const Gw__LoginReport *request = c->request->login_report;
    const struct sasl_mechanism *mechanism = sasl_find(rpc_slice(request->mechanism));
    struct tls_login key;
    int rc = 0;

    *label = mechanism ? mechanism->label : SLICE("(unrecognized)");
    if (!slice_eq(rpc_slice(request->mechanism), SLICE(TLS_LOGIN)) || !request->origin)
        return 0;
    *label = SLICE(TLS_LOGIN);
    rc = tls_login_find(c, rpc_slice(request->origin->fingerprint), &key, err);
    if (rc == 0)
        *user = key.address;
    return rc;
}

int call_login_report(struct call *c, struct err *err)
{
    static const struct slice results[] = {SLICE_INIT("aborted"), SLICE_INIT("badprotocol"),
                                           SLICE_INIT("badchanbind"), SLICE_INIT("badcreds"),
                                           SLICE_INIT("error")};
    const Gw__LoginReport *request = c->request->login_report;
    struct slice user = rpc_slice(request->user), result = {NULL, 0}, label = SLICE("");
    struct db *db = shard_reader(c->store->directory, c->from.thread);
    struct directory_account account = {.name = SLICE("-")};
    struct directory_target target;
    int rc = 0;

    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        if (slice_eq(rpc_slice(request->result), results[i]))
            result = results[i];
    }
    if (!result.p)
        return err_set(err, ERR_INVALID, "there is no such result");
    rc = report_label(c, &label, &user, err);
    if (rc == 0)
        rc = directory_resolve(db, &c->in, user, slice_str(c->store->hostname), DIRECTORY_LOGIN,
                               &target, err);
    if (rc == 0 && target.where == DIRECTORY_LOCAL)
        rc = directory_account_by_id(db, &c->in, target.account_id, &account, err);
    if (rc < 0)
        return rc;
    attempts_add(c->store->attempts, &(struct attempt){
                                         .account_id = account.account_id,
                                         .account = account.name,
                                         .address = user,
                                         .mechanism = label,
                                         .result = result,
                                         .origin = request->origin,
                                         .cid = c->request->cid,
                                     });
    return call_answer_done(c, err);
}

/* ---- sessions ---- */

static void session_ended(void *owner, uint32_t group, int64_t account_id, uint32_t watches)
{
    struct call *c = owner;

    events_unwatch(c->store->events, group, account_id, watches);
}

int call_session_end(struct call *c, struct err *err)
{
    sessions_end(c->store->sessions, c->from.group, c->request->session, session_ended, c);
    return call_answer_done(c, err);
}

int call_watch(struct call *c, struct err *err)
{
    struct store *s = c->store;
    int64_t account_id = c->session.account_id;
    bool on = c->request->watch->on;

    if (on && !events_watch(s->events, c->from.group, account_id))
        return err_set(err, ERR_UNAVAILABLE, "there is no event channel");
    if (!sessions_watch(s->sessions, c->from.group, c->request->session, on)) {
        if (on)
            events_unwatch(s->events, c->from.group, account_id, 1);
        return err_set(err, ERR_INVALID, "the session does not watch");
    }
    if (!on)
        events_unwatch(s->events, c->from.group, account_id, 1);
    return call_answer_done(c, err);
}
