/* Whom a login is about, and what is stored for him. */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/clock.h"
#include "base/secret.h"
#include "rpc/call.h"
#include "store/login.h"
#include "store/slowdown.h"
#include "store/store_private.h"

/* ---- the directory's own key ---- */

void login_keyed(const struct store *s, char purpose, struct slice text, uint8_t out[32])
{
    uint8_t prefixed[1 + 512];
    size_t n = text.n < sizeof(prefixed) ? text.n : sizeof(prefixed) - 1;
    unsigned out_n = 0;

    prefixed[0] = (uint8_t)purpose;
    if (n > 0)
        memcpy(prefixed + 1, text.p, n);
    memset(out, 0, 32);
    (void)HMAC(EVP_sha256(), s->login_key, sizeof(s->login_key), prefixed, 1 + n, out, &out_n);
}

struct key_write {
    struct write write;
    uint8_t *key;
};

static int key_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    const struct key_write *k = (struct key_write *)w;
    struct db_row r;
    int rc = db_query(ctx->db, "INSERT INTO meta (key, value) VALUES ('login_key', ?1)", &r, err);

    if (rc < 0)
        return rc;
    db_bind_blob(&r, 1, slice_of(k->key, 32));
    return db_run(&r, err);
}

int login_key_open(struct store *s, struct err *err)
{
    struct key_write k = {.write = {.apply = key_apply}, .key = s->login_key};
    struct db_row r;
    int rc = db_query(shard_reader(s->directory, 0),
                      "SELECT value FROM meta WHERE key = 'login_key'", &r, err);

    if (rc == 0)
        rc = db_step(&r, err);
    bool found = rc == 1 && db_blob(&r, 0).n == sizeof(s->login_key);

    if (found)
        memcpy(s->login_key, db_blob(&r, 0).p, sizeof(s->login_key));
    db_done(&r);
    if (rc < 0 || found)
        return rc < 0 ? rc : 0;
    random_bytes(s->login_key, sizeof(s->login_key));
    return shard_write(s->directory, &k.write, err);
}

/* ---- who ---- */

/* The request's password must not stay in freed memory. */
static void login_done(void *state)
{
    struct login *login = state;

    if (login->prepared.n > 0)
        wipe((uint8_t *)login->prepared.p, login->prepared.n);
    wipe(&login->own, sizeof(login->own));
    wipe(&login->set, sizeof(login->set));
}

static int64_t scope_of(const Gw__LoginOrigin *origin)
{
    struct slice protocol = origin ? rpc_slice(origin->protocol) : SLICE("");

    if (slice_eq(protocol, SLICE("imap")))
        return LOGIN_IMAP;
    if (slice_eq(protocol, SLICE("submission")))
        return LOGIN_SUBMISSION;
    return slice_eq(protocol, SLICE("web")) ? LOGIN_WEB : 0;
}

static bool read_credential(struct db_row *r, struct credential *out)
{
    struct slice salt = db_blob(r, 1), secret = db_blob(r, 3);

    *out = (struct credential){.password_id = db_int(r, 0), .parameter = db_int(r, 2)};
    if (salt.n > sizeof(out->salt) || secret.n > sizeof(out->secret) || secret.n == 0)
        return false;
    if (salt.n > 0)
        memcpy(out->salt, salt.p, salt.n);
    memcpy(out->secret, secret.p, secret.n);
    out->secret_n = secret.n;
    return true;
}

static int read_set(struct db *db, int64_t account_id, enum credential_kind kind, int64_t scope,
                    int64_t now_ns, struct credential_set *out, struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "SELECT c.password_id, c.salt, c.parameter, c.secret FROM credential c "
                      "LEFT JOIN app_password a ON a.account_id = c.account_id AND "
                      "a.password_id = c.password_id WHERE c.account_id = ?1 AND c.kind = ?2 AND "
                      "(c.password_id = 0 OR ((a.scope & ?3) <> 0 AND "
                      "(a.expires_ns = 0 OR a.expires_ns > ?4))) ORDER BY c.password_id",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_text(&r, 2, credential_kind_name(kind));
    db_bind_int(&r, 3, scope);
    db_bind_int(&r, 4, now_ns);
    while (out->n < CREDENTIAL_CANDIDATES && (rc = db_step(&r, err)) == 1)
        out->n += read_credential(&r, &out->rows[out->n]);
    db_done(&r);
    return rc < 0 ? rc : 0;
}

int login_read_own(struct db *db, int64_t account_id, struct credential *out, struct err *err)
{
    struct credential_set set = {.n = 0};
    int rc =
        read_set(db, account_id, CREDENTIAL_PASSWORD, /* scope= */ 0, /* now_ns= */ 0, &set, err);

    if (rc == 0 && set.n > 0)
        *out = set.rows[0];
    wipe(&set, sizeof(set));
    return rc;
}

/* Account 0 has nothing, but is asked for all the same. */
static int look_up(struct call *c, struct login *login, struct slice user,
                   const Gw__LoginOrigin *origin, struct err *err)
{
    struct db *db = shard_reader(c->store->directory, c->from.thread);
    int rc = directory_resolve(db, &c->in, user, slice_str(c->store->hostname), DIRECTORY_LOGIN,
                               &login->target, err);

    if (rc < 0)
        return rc;
    int64_t account_id = login->target.where == DIRECTORY_LOCAL ? login->target.account_id : 0;

    rc = directory_account_by_id(db, &c->in, account_id, &login->account, err);
    if (rc < 0)
        return rc;
    login->known = rc == 1 && login->account.shard < c->store->shards_n;
    rc = read_set(db, account_id, credential_kind_of(login->mechanism), scope_of(origin),
                  clock_now_ns(c->store->env->clock), &login->set, err);
    if (rc == 0 && login->mechanism->reveals && login->set.n > 0 &&
        login->set.rows[0].password_id == 0)
        login->own = login->set.rows[0];
    return rc;
}

int login_lacks_secret(struct call *c, const struct login *login, struct err *err)
{
    struct db_row r;

    if (!login->known || login->set.n > 0)
        return 0;
    int rc = db_query(shard_reader(c->store->directory, c->from.thread),
                      "SELECT 1 FROM credential c WHERE c.account_id = ?1 AND c.kind = 'password' "
                      "AND NOT EXISTS (SELECT 1 FROM credential d WHERE d.account_id = ?1 AND "
                      "d.password_id = c.password_id AND d.kind = ?2) LIMIT 1",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, login->account.account_id);
    db_bind_text(&r, 2, credential_kind_name(credential_kind_of(login->mechanism)));
    rc = db_step(&r, err);
    db_done(&r);
    return rc;
}

/* ---- how fast ---- */

/* The last address of the network that a client's address is in. RFC 4291 2.5.4: /64. */
static struct slice network_end(struct arena *a, struct slice ip, uint8_t fill)
{
    uint8_t *end = arena_alloc(a, ip.n + 1);

    if (!end)
        return ip;
    if (ip.n > 0)
        memcpy(end, ip.p, ip.n);
    for (size_t i = 8; i < ip.n; i++)
        end[i] = fill;
    return slice_of(end, ip.n);
}

/* 1: the account has logged in from there before. */
static int familiar(struct call *c, const struct login *login, struct slice ip, struct err *err)
{
    struct db_row r;
    int rc = db_query(shard_reader(c->store->directory, c->from.thread),
                      "SELECT 1 FROM login_attempt WHERE account_id = ?1 AND result = 'ok' AND "
                      "remote_ip >= ?2 AND remote_ip <= ?3 LIMIT 1",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, login->known ? login->account.account_id : 0);
    db_bind_blob(&r, 2, network_end(&c->in, ip, 0));
    db_bind_blob(&r, 3, network_end(&c->in, ip, 0xff));
    rc = db_step(&r, err);
    db_done(&r);
    return rc;
}

static int set_delay(struct call *c, struct login *login, struct slice user,
                     const Gw__LoginOrigin *origin, struct err *err)
{
    struct slice name = login->known ? slice_of(&login->account.account_id, sizeof(int64_t))
                                     : (login->target.canonical.n ? login->target.canonical : user);
    uint8_t hash[32];

    login_keyed(c->store, login->known ? 'a' : 'n', name, hash);
    memcpy(&login->slowdown_key, hash, sizeof(login->slowdown_key));
    login->delay_s =
        slowdown_delay_s(c->store->slowdown, login->slowdown_key, clock_mono_ns() / NS_PER_S);
    if (login->delay_s == 0)
        return 0;
    int rc = familiar(c, login, origin ? rpc_slice(origin->remote_ip) : SLICE(""), err);

    if (rc == 1)
        login->delay_s = 0;
    return rc < 0 ? rc : 0;
}

int login_find(struct call *c, struct slice mechanism, struct slice user,
               const Gw__LoginOrigin *origin, struct login **out, struct err *err)
{
    struct login *login = ARENA_NEW(&c->in, struct login);

    if (!login)
        return call_no_memory(err);
    login->mechanism = sasl_find(mechanism);
    if (!login->mechanism)
        return err_set(err, ERR_INVALID, "there is no such mechanism");
    login->user = user;
    c->state = login;
    c->state_done = login_done;
    login->epoch = sessions_epoch(c->store->sessions);
    int rc = look_up(c, login, user, origin, err);

    if (rc == 0)
        rc = set_delay(c, login, user, origin, err);
    if (rc == 0)
        *out = login;
    return rc;
}
