/* KeyLookup, and Authenticate with "tlsclientauth". The edge says which key a client has shown, and
 * then that it has proven to have it; TLS is not spoken here. So each attempt is asked about twice:
 * the first time only a refusal is recorded, since that ends it. */
#include "store/tls_login.h"

#include "rpc/call.h"
#include "store/attempts.h"
#include "store/store_private.h"

static int read_row(struct call *c, struct db *db, struct slice fingerprint, struct tls_login *out,
                    int64_t *account_id, struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "SELECT account_id, address, no_imap_preauth FROM tls_key "
                      "WHERE fingerprint = ?1",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_blob(&r, 1, fingerprint);
    rc = db_step(&r, err);
    if (rc == 1) {
        out->known = true;
        *account_id = db_int(&r, 0);
        out->address = arena_copy(&c->in, db_blob(&r, 1));
        out->no_imap_preauth = db_int(&r, 2) != 0;
    }
    db_done(&r);
    return rc;
}

int tls_login_find(struct call *c, struct slice fingerprint, struct tls_login *out, struct err *err)
{
    struct db *db = shard_reader(c->store->directory, c->from.thread);
    struct directory_target target;
    int64_t account_id = 0;

    *out = (struct tls_login){.account = {.name = SLICE("-")}};
    int rc = read_row(c, db, fingerprint, out, &account_id, err);

    if (rc <= 0)
        return rc;
    rc = directory_account_by_id(db, &c->in, account_id, &out->account, err);
    if (rc <= 0)
        return rc;
    rc = directory_resolve(db, &c->in, out->address, slice_str(c->store->hostname), DIRECTORY_LOGIN,
                           &target, err);
    if (rc < 0)
        return rc;
    out->valid = target.where == DIRECTORY_LOCAL && target.account_id == account_id &&
                 out->account.shard < c->store->shards_n;
    return 0;
}

static void record(struct call *c, const struct tls_login *key, const Gw__LoginOrigin *origin,
                   const char *result)
{
    attempts_add(c->store->attempts, &(struct attempt){
                                         .account_id = key->account.account_id,
                                         .account = key->account.name,
                                         .address = key->address,
                                         .mechanism = SLICE(TLS_LOGIN),
                                         .result = slice_str(result),
                                         .origin = origin,
                                         .cid = c->request->cid,
                                     });
}

/* A key that always logs in explicitly is let through also when that will be refused, with the
 * reason. */
static Gw__Authenticated__Result judge(struct call *c, const struct tls_login *key,
                                       const Gw__LoginOrigin *origin)
{
    if (!key->valid) {
        record(c, key, origin, key->known ? "error" : "badcreds");
        return GW__AUTHENTICATED__RESULT__RESULT_WRONG;
    }
    if (key->account.login_disabled.n == 0 || key->no_imap_preauth)
        return GW__AUTHENTICATED__RESULT__RESULT_OK;
    record(c, key, origin, "logindisabled");
    return GW__AUTHENTICATED__RESULT__RESULT_DISABLED;
}

/* Finds the key of the origin, and begins the answer. */
static int begin(struct call *c, const Gw__LoginOrigin *origin, struct tls_login *key,
                 Gw__Authenticated **out, struct err *err)
{
    Gw__Authenticated *a = call_message(c, &gw__authenticated__descriptor);

    if (!a)
        return call_no_memory(err);
    if (!origin)
        return err_set(err, ERR_INVALID, "there is no key");
    int rc = tls_login_find(c, rpc_slice(origin->fingerprint), key, err);

    if (rc < 0)
        return rc;
    a->result = judge(c, key, origin);
    c->response.result_case = GW__RESPONSE__RESULT_AUTHENTICATED;
    c->response.authenticated = a;
    *out = a;
    return 0;
}

int call_key_lookup(struct call *c, struct err *err)
{
    struct tls_login key;
    Gw__Authenticated *a = NULL;

    return begin(c, c->request->key_lookup->origin, &key, &a, err);
}

static bool opens_session(const struct tls_login *key, const Gw__Authenticate *request)
{
    return !request->bind && key->account.login_disabled.n == 0 &&
           !(key->no_imap_preauth && slice_eq(rpc_slice(request->origin->protocol), SLICE("imap")));
}

int tls_login_authenticate(struct call *c, struct err *err)
{
    const Gw__Authenticate *request = c->request->authenticate;
    uint64_t epoch = sessions_epoch(c->store->sessions);
    struct tls_login key;
    Gw__Authenticated *a = NULL;
    int rc = begin(c, request->origin, &key, &a, err);

    if (rc < 0 || a->result != GW__AUTHENTICATED__RESULT__RESULT_OK)
        return rc;
    const struct session session = {key.account.account_id, key.account.shard};

    if (opens_session(&key, request))
        rc = sessions_add(c->store->sessions, c->from.group, &session, epoch, &a->session, err);
    record(c, &key, request->origin, rc < 0 ? "error" : "ok");
    if (rc < 0)
        return rc;
    a->account = (uint64_t)session.account_id;
    a->account_name = rpc_bytes(key.account.name);
    a->address = rpc_bytes(key.address);
    return 0;
}
