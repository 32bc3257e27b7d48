/* WebSessionOpen, WebSessionUse, WebSessionClose.
 *
 * A use moves the end of the session, but at most once in five minutes: that write is nobody's to
 * wait for, and when it fails the session ends a little earlier. */
#include "store/web_session.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "rpc/call.h"
#include "store/directory.h"
#include "store/request.h"
#include "store/store_private.h"

#define EXTEND_NS (5 * 60 * NS_PER_S)

int web_session_hash(struct slice token, uint8_t out[WEB_SESSION_HASH], struct err *err)
{
    if (EVP_Digest(token.p, token.n, out, NULL, EVP_sha256(), NULL) != 1)
        return err_set(err, ERR_NOMEM, "out of memory");
    return 0;
}

int web_session_end_account(struct write_ctx *ctx, int64_t account_id, struct slice keep,
                            struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db, "DELETE FROM web_session WHERE account_id = ?1 AND token_hash <> ?2",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_blob(&r, 2, keep.n ? keep : SLICE("none"));
    return db_run(&r, err);
}

/* ---- open ---- */

struct opening {
    uint8_t token[WEB_SESSION_TOKEN], csrf[WEB_SESSION_TOKEN];
    uint8_t token_hash[WEB_SESSION_HASH], csrf_hash[WEB_SESSION_HASH];
};

static void opening_done(void *state)
{
    wipe(state, sizeof(struct opening));
}

/* Makes room for one more: what has expired, then the oldest. */
static int make_room(struct write_ctx *ctx, int64_t account_id, struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db,
                      "DELETE FROM web_session WHERE account_id = ?1 AND (expires_ns <= ?2 OR "
                      "token_hash IN (SELECT token_hash FROM web_session WHERE account_id = ?1 "
                      "ORDER BY expires_ns DESC LIMIT -1 OFFSET ?3))",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_int(&r, 2, ctx->now_ns);
    db_bind_int(&r, 3, WEB_SESSIONS_MAX - 1);
    return db_run(&r, err);
}

static int open_apply(struct call *c, struct write_ctx *ctx, struct err *err)
{
    const struct opening *o = c->state;
    Gw__WebSessionOpened *answer = call_message(c, &gw__web_session_opened__descriptor);
    struct db_row r;

    if (!answer)
        return call_no_memory(err);
    answer->token = rpc_bytes(slice_of(o->token, sizeof(o->token)));
    answer->csrf = rpc_bytes(slice_of(o->csrf, sizeof(o->csrf)));
    c->response.result_case = GW__RESPONSE__RESULT_WEB_SESSION_OPENED;
    c->response.web_session_opened = answer;
    int rc = make_room(ctx, c->session.account_id, err);

    if (rc == 0)
        rc = db_query(ctx->db,
                      "INSERT INTO web_session (token_hash, csrf_hash, account_id, address, "
                      "expires_ns) SELECT ?1, ?2, account_id, ?4, ?5 FROM account "
                      "WHERE account_id = ?3",
                      &r, err);
    if (rc < 0)
        return rc;
    db_bind_blob(&r, 1, slice_of(o->token_hash, sizeof(o->token_hash)));
    db_bind_blob(&r, 2, slice_of(o->csrf_hash, sizeof(o->csrf_hash)));
    db_bind_int(&r, 3, c->session.account_id);
    db_bind_text(&r, 4, rpc_slice(c->request->web_session_open->address));
    db_bind_int(&r, 5, ctx->now_ns + WEB_SESSION_NS);
    return db_run(&r, err);
}

int call_web_session_open(struct call *c, struct err *err)
{
    struct opening *o = ARENA_NEW(&c->in, struct opening);

    if (!o)
        return call_no_memory(err);
    if (c->request->web_session_open->address.len > 512)
        return err_set(err, ERR_LIMIT, "the address is too long");
    c->state = o;
    c->state_done = opening_done;
    random_bytes(o->token, sizeof(o->token));
    random_bytes(o->csrf, sizeof(o->csrf));
    int rc = web_session_hash(slice_of(o->token, sizeof(o->token)), o->token_hash, err);

    if (rc == 0)
        rc = web_session_hash(slice_of(o->csrf, sizeof(o->csrf)), o->csrf_hash, err);
    return rc < 0 ? rc : call_write(c, c->store->directory, open_apply);
}

/* ---- use ---- */

struct extension {
    struct write write;
    struct log *log;
    uint8_t token_hash[WEB_SESSION_HASH];
};

static int extend_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    const struct extension *e = (struct extension *)w;
    struct db_row r;
    int rc =
        db_query(ctx->db, "UPDATE web_session SET expires_ns = ?2 WHERE token_hash = ?1", &r, err);

    if (rc < 0)
        return rc;
    db_bind_blob(&r, 1, slice_of(e->token_hash, sizeof(e->token_hash)));
    db_bind_int(&r, 2, ctx->now_ns + WEB_SESSION_NS);
    return db_run(&r, err);
}

static void extend_done(struct write *w, int rc, const struct err *err)
{
    struct extension *e = (struct extension *)w;

    if (rc < 0)
        log_err(e->log, LOG_ERROR, "store", 0, "cannot extend a web session", err);
    free(e);
}

static void extend(struct call *c, const uint8_t token_hash[WEB_SESSION_HASH])
{
    struct extension *e = calloc(1, sizeof(*e));

    if (!e)
        return;
    e->write = (struct write){.apply = extend_apply, .done = extend_done};
    e->log = c->store->env->log;
    memcpy(e->token_hash, token_hash, sizeof(e->token_hash));
    shard_submit(c->store->directory, &e->write);
}

struct found {
    int64_t account_id;
    int64_t expires_ns;
    struct slice address;
};

static int ended(struct err *err)
{
    return err_set(err, ERR_DENIED, "the session has ended, log in again");
}

/* fails: ERR_DENIED when there is no such session now, or the second token is not its own. */
static int find(struct call *c, const uint8_t token_hash[WEB_SESSION_HASH], struct found *out,
                struct err *err)
{
    struct db *db = shard_reader(c->store->directory, c->from.thread);
    uint8_t csrf_hash[WEB_SESSION_HASH];
    struct db_row r;
    int rc = web_session_hash(rpc_slice(c->request->web_session_use->csrf), csrf_hash, err);

    if (rc == 0)
        rc = db_query(db,
                      "SELECT account_id, expires_ns, address, csrf_hash FROM web_session "
                      "WHERE token_hash = ?1 AND expires_ns > ?2",
                      &r, err);
    if (rc < 0)
        return rc;
    db_bind_blob(&r, 1, slice_of(token_hash, WEB_SESSION_HASH));
    db_bind_int(&r, 2, clock_now_ns(c->store->env->clock));
    rc = db_step(&r, err);
    bool match = rc == 1 && ct_equal(db_blob(&r, 3), slice_of(csrf_hash, sizeof(csrf_hash)));

    if (match)
        *out = (struct found){db_int(&r, 0), db_int(&r, 1), arena_copy(&c->out, db_blob(&r, 2))};
    db_done(&r);
    if (rc < 0)
        return rc;
    return match ? 0 : ended(err);
}

static int admit(struct call *c, const struct found *found, uint64_t epoch, struct err *err)
{
    struct db *db = shard_reader(c->store->directory, c->from.thread);
    Gw__Authenticated *answer = call_message(c, &gw__authenticated__descriptor);
    struct directory_account account;

    if (!answer)
        return call_no_memory(err);
    c->response.result_case = GW__RESPONSE__RESULT_AUTHENTICATED;
    c->response.authenticated = answer;
    int rc = directory_account_by_id(db, &c->out, found->account_id, &account, err);

    if (rc < 0)
        return rc;
    if (rc == 0 || account.shard >= c->store->shards_n)
        return ended(err);
    answer->disabled = rpc_bytes(account.login_disabled);
    if (answer->disabled.len > 0)
        return 0;
    const struct session session = {account.account_id, account.shard};

    answer->account = (uint64_t)account.account_id;
    answer->account_name = rpc_bytes(account.name);
    answer->address = rpc_bytes(found->address);
    return sessions_add(c->store->sessions, c->from.group, &session, epoch, &answer->session, err);
}

int call_web_session_use(struct call *c, struct err *err)
{
    uint64_t epoch = sessions_epoch(c->store->sessions);
    uint8_t token_hash[WEB_SESSION_HASH];
    struct found found;
    int rc = web_session_hash(rpc_slice(c->request->web_session_use->token), token_hash, err);

    if (rc == 0)
        rc = find(c, token_hash, &found, err);
    if (rc == 0)
        rc = admit(c, &found, epoch, err);
    if (rc == 0 &&
        found.expires_ns < clock_now_ns(c->store->env->clock) + WEB_SESSION_NS - EXTEND_NS)
        extend(c, token_hash);
    return rc;
}

/* ---- close ---- */

static int close_apply(struct call *c, struct write_ctx *ctx, struct err *err)
{
    uint8_t token_hash[WEB_SESSION_HASH];
    struct db_row r;
    int rc = web_session_hash(rpc_slice(c->request->web_session_close->token), token_hash, err);

    if (rc == 0)
        rc = db_query(ctx->db, "DELETE FROM web_session WHERE token_hash = ?1 AND account_id = ?2",
                      &r, err);
    if (rc < 0)
        return rc;
    db_bind_blob(&r, 1, slice_of(token_hash, sizeof(token_hash)));
    db_bind_int(&r, 2, c->session.account_id);
    rc = db_run(&r, err);
    if (rc == 0 && db_changes(ctx->db) == 0)
        return ended(err);
    return rc < 0 ? rc : call_answer_done(c, err);
}

int call_web_session_close(struct call *c, struct err *err)
{
    (void)err;
    return call_write(c, c->store->directory, close_apply);
}
