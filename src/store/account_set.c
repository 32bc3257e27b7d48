/* AccountSet and InstallationSet: what the directory keeps about accounts, and their quotas, which
 * the shards have as well. The directory is written first, then each shard that is concerned; what
 * a crash leaves undone between them is done when the store is opened. */
#include "rpc/call.h"
#include "store/account_quota.h"
#include "store/directory_set.h"
#include "store/store_private.h"

struct settings {
    bool changed;
    int64_t account_id; /* 0: all that inherit */
    struct account_quota quota;
    unsigned shard, shards_end; /* still to be written; none when equal */
};

static int quota_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    const struct call *c = (const struct call *)((char *)w - offsetof(struct call, write));
    const struct settings *s = c->state;

    return s->account_id > 0 ? account_quota_write(ctx, s->account_id, &s->quota, err)
                             : account_quota_write_inherited(ctx, s->quota.bytes, err);
}

static void settings_done(struct write *w, int rc, const struct err *err);

static void quota_next(struct call *c)
{
    struct settings *s = c->state;
    struct err err = {0};

    if (s->shard == s->shards_end) {
        int rc = directory_answer(c, !s->changed, &err);

        call_finish(c, rc, &err);
        return;
    }
    c->write = (struct write){.apply = quota_apply, .done = settings_done};
    shard_submit(c->store->shards[s->shard++], &c->write);
}

static void settings_done(struct write *w, int rc, const struct err *err)
{
    struct call *c = (struct call *)((char *)w - offsetof(struct call, write));

    if (rc < 0)
        call_finish(c, rc, err);
    else
        quota_next(c);
}

/* ---- one account ---- */

static int account_write(struct db *db, int64_t account_id, const Gw__AccountSet *set,
                         struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "UPDATE account SET quota_bytes = coalesce(?2, quota_bytes), "
                      "messages_per_day = coalesce(?3, messages_per_day), recipients_per_day = "
                      "coalesce(?4, recipients_per_day) WHERE account_id = ?1 AND (quota_bytes, "
                      "messages_per_day, recipients_per_day) <> (coalesce(?2, quota_bytes), "
                      "coalesce(?3, messages_per_day), coalesce(?4, recipients_per_day))",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    if (set->has_quota_bytes)
        db_bind_int(&r, 2, set->quota_bytes);
    if (set->has_messages_per_day)
        db_bind_int(&r, 3, set->messages_per_day);
    if (set->has_recipients_per_day)
        db_bind_int(&r, 4, set->recipients_per_day);
    return db_run(&r, err);
}

static int account_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    struct call *c = (struct call *)((char *)w - offsetof(struct call, write));
    const Gw__AccountSet *request = c->request->account_set;
    struct directory_account account;
    struct settings *s = c->state;
    int64_t installation = 0;

    arena_reset(&c->out);
    *s = (struct settings){.changed = false};
    int rc = directory_need_account(ctx->db, &c->out, rpc_slice(request->account), &account, err);

    if (rc == 0)
        rc = directory_quota(ctx->db, &installation, err);
    if (rc == 0)
        rc = account_write(ctx->db, account.account_id, request, err);
    if (rc < 0)
        return rc;
    s->changed = db_changes(ctx->db) > 0;
    s->account_id = account.account_id;
    if (!request->has_quota_bytes || account.shard >= c->store->shards_n)
        return 0;
    s->quota = account_quota(request->quota_bytes, installation);
    s->shard = account.shard;
    s->shards_end = account.shard + 1;
    return 0;
}

/* ---- the installation ---- */

static int quota_set(struct db *db, int64_t quota_bytes, bool *changed_out, struct err *err)
{
    int64_t before = 0;
    struct db_row r;
    int rc = directory_quota(db, &before, err);

    if (rc == 0)
        rc = db_query(db,
                      "INSERT INTO meta (key, value) VALUES ('quota_bytes', CAST(?1 AS TEXT)) "
                      "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                      &r, err);
    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, quota_bytes);
    *changed_out |= before != quota_bytes;
    return db_run(&r, err);
}

static int installation_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    struct call *c = (struct call *)((char *)w - offsetof(struct call, write));
    const Gw__InstallationSet *request = c->request->installation_set;
    struct settings *s = c->state;
    int rc = 0;

    arena_reset(&c->out);
    *s = (struct settings){.quota = {.bytes = request->quota_bytes, .inherited = true}};
    if (request->has_quota_bytes) {
        rc = quota_set(ctx->db, request->quota_bytes, &s->changed, err);
        s->shards_end = c->store->shards_n;
    }
    if (rc == 0)
        rc = directory_role_set(c, ctx, DIRECTORY_ROLE_POSTMASTER, SLICE(""), request->postmaster,
                                &s->changed, err);
    if (rc == 0)
        rc = directory_role_set(c, ctx, DIRECTORY_ROLE_HOST_TLS, SLICE(""), request->tls_reports,
                                &s->changed, err);
    return rc;
}

static int start(struct call *c, int (*apply)(struct write *w, struct write_ctx *ctx, struct err *),
                 struct err *err)
{
    c->state = ARENA_NEW(&c->in, struct settings);
    if (!c->state)
        return call_no_memory(err);
    c->write = (struct write){.apply = apply, .done = settings_done};
    shard_submit(c->store->directory, &c->write);
    return CALL_WAITS;
}

int call_account_set(struct call *c, struct err *err)
{
    return start(c, account_apply, err);
}

int call_installation_set(struct call *c, struct err *err)
{
    if (c->request->installation_set->quota_bytes < 0)
        return err_set(err, ERR_INVALID,
                       "the quota of the installation is not negative; 0 is none");
    return start(c, installation_apply, err);
}
