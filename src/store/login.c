/* Authenticate, SessionEnd, Watch: how a process comes to act for an account. */
#include "store/login.h"

#include "base/log.h"
#include "base/secret.h"
#include "base/unicode.h"
#include "rpc/call.h"
#include "store/directory.h"
#include "store/request.h"
#include "store/store_private.h"

struct login {
    bool known; /* the address belongs to an account */
    struct directory_account account;
    struct directory_target target;
    struct credential_stored stored;
    struct slice prepared; /* the password */
    uint64_t epoch;
};

/* The request's password must not stay in freed memory. */
static void login_done(void *state)
{
    struct login *login = state;

    if (login->prepared.n > 0)
        wipe((uint8_t *)login->prepared.p, login->prepared.n);
    wipe(&login->stored, sizeof(login->stored));
}

static int wrong(struct err *err)
{
    return err_set(err, ERR_DENIED, "wrong address or password");
}

int login_read_stored(struct db *db, int64_t account_id, struct credential_stored *out,
                      struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "SELECT salt, parameter, secret FROM credential WHERE account_id = ?1 AND "
                      "kind = 'password'",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    rc = db_step(&r, err);
    if (rc == 1) {
        struct slice salt = db_blob(&r, 0), secret = db_blob(&r, 2);

        if (salt.n == sizeof(out->salt) && secret.n == sizeof(out->secret)) {
            memcpy(out->salt, salt.p, salt.n);
            memcpy(out->secret, secret.p, secret.n);
            out->secret_n = secret.n;
            out->parameter = db_int(&r, 1);
        }
    }
    db_done(&r);
    return rc < 0 ? rc : 0;
}

/* Finds the account of the address and what is stored for it. */
static int look_up(struct call *c, struct login *login, struct err *err)
{
    struct db *db = shard_reader(c->store->directory, c->from.thread);
    struct slice user = rpc_slice(c->request->authenticate->user);
    int rc = directory_resolve(db, &c->in, user, slice_str(c->store->hostname), DIRECTORY_LOGIN,
                               &login->target, err);

    if (rc < 0 || login->target.where != DIRECTORY_LOCAL)
        return rc;
    rc = directory_account_by_id(db, &c->in, login->target.account_id, &login->account, err);
    if (rc == 1) {
        login->known = login->account.shard < c->store->shards_n;
        rc = login_read_stored(db, login->account.account_id, &login->stored, err);
    }
    return rc;
}

/* The credentials were right. */
static int admit(struct call *c, const struct login *login, struct err *err)
{
    struct session session = {login->account.account_id, login->account.shard};
    Gw__Authenticated *answer = call_message(c, &gw__authenticated__descriptor);

    if (!answer)
        return call_no_memory(err);
    c->response.result_case = GW__RESPONSE__RESULT_AUTHENTICATED;
    c->response.authenticated = answer;
    answer->disabled = rpc_bytes(login->account.login_disabled);
    if (answer->disabled.len > 0)
        return 0;
    int rc = sessions_add(c->store->sessions, c->from.group, &session, login->epoch,
                          &answer->session, err);

    if (rc < 0)
        return rc;
    answer->account = (uint64_t)session.account_id;
    answer->account_name = rpc_bytes(login->account.name);
    answer->address = rpc_bytes(login->target.canonical);
    return 0;
}

/* On a worker. Unknown addresses cost the same. */
static int check_password(struct call *c, struct err *err)
{
    const struct login *login = c->state;
    bool match;
    int rc = credential_check(&login->stored, login->prepared, &match, err);

    if (rc < 0)
        return rc;
    if (!match || !login->known)
        return wrong(err);
    credential_cache_put(c->store->credentials, login->account.account_id, &login->stored,
                         login->prepared);
    return admit(c, login, err);
}

int call_authenticate(struct call *c, struct err *err)
{
    const Gw__Authenticate *request = c->request->authenticate;
    struct slice mechanism = rpc_slice(request->mechanism);
    struct login *login = ARENA_NEW(&c->in, struct login);
    struct slice prepared;

    if (!login)
        return call_no_memory(err);
    if (!slice_eq(mechanism, SLICE("PLAIN")) && !slice_eq(mechanism, SLICE("LOGIN")))
        return err_set(err, ERR_INVALID, "there is no such mechanism");
    c->state = login;
    c->state_done = login_done;
    int rc = unicode_opaque_string(&c->in, rpc_slice(request->password), &prepared, err);

    if (rc == -ERR_NOMEM)
        return rc;
    /* A text that cannot be a password is checked like one that is wrong. */
    login->prepared = rc == 0 && prepared.n <= CREDENTIAL_PASSWORD_MAX
                          ? prepared
                          : arena_copy(&c->in, SLICE("\0"));
    login->epoch = sessions_epoch(c->store->sessions);
    rc = look_up(c, login, err);
    if (rc < 0)
        return rc;
    if (login->known && credential_cache_has(c->store->credentials, login->account.account_id,
                                             &login->stored, login->prepared))
        return admit(c, login, err);
    return call_work(c, check_password, err);
}

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
