/* PasswordSet, by an administrator, and PasswordChange, by the account itself, which has to know
 * the current one. */
#include "base/secret.h"
#include "base/unicode.h"
#include "rpc/call.h"
#include "store/credential.h"
#include "store/directory.h"
#include "store/login.h"
#include "store/request.h"
#include "store/store_private.h"
#include "store/web_session.h"

struct password {
    struct slice prepared;
    struct slice current; /* PasswordChange: prepared */
    struct credential_stored stored;
    int64_t account_id; /* PasswordSet: known within the write */
    struct credential derived[CREDENTIAL_KINDS];
    uint8_t keep[WEB_SESSION_HASH]; /* PasswordChange: the web session that stays */
};

static void password_done(void *state)
{
    struct password *p = state;

    if (p->prepared.n > 0)
        wipe((uint8_t *)p->prepared.p, p->prepared.n);
    if (p->current.n > 0)
        wipe((uint8_t *)p->current.p, p->current.n);
    wipe(&p->stored, sizeof(p->stored));
    wipe(p->derived, sizeof(p->derived));
}

static int credential_write(struct write_ctx *ctx, int64_t account_id,
                            const struct credential *credential, struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db,
                      "INSERT INTO credential (account_id, kind, salt, parameter, secret, "
                      "changed_ns) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_text(&r, 2, slice_str(credential->kind));
    db_bind_blob(&r, 3, slice_of(credential->salt, CREDENTIAL_SALT));
    db_bind_int(&r, 4, credential->parameter);
    db_bind_blob(&r, 5, slice_of(credential->secret, credential->secret_n));
    db_bind_int(&r, 6, ctx->now_ns);
    return db_run(&r, err);
}

static int credentials_delete(struct write_ctx *ctx, int64_t account_id, struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db, "DELETE FROM credential WHERE account_id = ?1", &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    return db_run(&r, err);
}

/* The account's credentials and web sessions are those of the new password. */
static int replace(struct call *c, struct write_ctx *ctx, struct slice keep, struct err *err)
{
    struct password *p = c->state;
    int rc = credentials_delete(ctx, p->account_id, err);

    for (size_t i = 0; rc == 0 && i < CREDENTIAL_KINDS; i++)
        rc = credential_write(ctx, p->account_id, &p->derived[i], err);
    if (rc == 0)
        rc = web_session_end_account(ctx, p->account_id, keep, err);
    return rc < 0 ? rc : call_answer_done(c, err);
}

static int no_account(struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "there is no account of that name");
}

static int set_apply(struct call *c, struct write_ctx *ctx, struct err *err)
{
    struct password *p = c->state;
    struct directory_account account;
    int rc = directory_account(ctx->db, &c->out, rpc_slice(c->request->password_set->account),
                               &account, err);

    if (rc < 0)
        return rc;
    if (rc == 0)
        return no_account(err);
    p->account_id = account.account_id;
    return replace(c, ctx, SLICE(""), err);
}

static int change_apply(struct call *c, struct write_ctx *ctx, struct err *err)
{
    struct password *p = c->state;
    struct directory_account account;
    int rc = directory_account_by_id(ctx->db, &c->out, p->account_id, &account, err);

    if (rc < 0)
        return rc;
    return rc == 0 ? no_account(err) : replace(c, ctx, slice_of(p->keep, sizeof(p->keep)), err);
}

static void password_committed(struct call *c)
{
    const struct password *p = c->state;

    store_end_account_sessions(c->store, p->account_id);
}

/* On a worker. */
static int set_derive(struct call *c, struct err *err)
{
    struct password *p = c->state;
    int rc = credential_derive(p->prepared, p->derived, err);

    if (rc < 0)
        return rc;
    c->committed = password_committed;
    return call_write(c, c->store->directory, set_apply);
}

/* The same. */
static int change_derive(struct call *c, struct err *err)
{
    struct password *p = c->state;
    bool match;
    int rc = credential_check(&p->stored, p->current, &match, err);

    if (rc == 0 && !match)
        return err_set(err, ERR_DENIED, "the current password is wrong");
    if (rc == 0)
        rc = credential_derive(p->prepared, p->derived, err);
    if (rc < 0)
        return rc;
    c->committed = password_committed;
    return call_write(c, c->store->directory, change_apply);
}

static struct password *begin(struct call *c)
{
    c->state = ARENA_NEW(&c->in, struct password);
    if (c->state)
        c->state_done = password_done;
    return c->state;
}

int call_password_set(struct call *c, struct err *err)
{
    struct password *p = begin(c);

    if (!p)
        return call_no_memory(err);
    int rc = unicode_opaque_string(&c->in, rpc_slice(c->request->password_set->password),
                                   &p->prepared, err);

    return rc < 0 ? rc : call_work(c, set_derive, err);
}

int call_password_change(struct call *c, struct err *err)
{
    const Gw__PasswordChange *request = c->request->password_change;
    struct password *p = begin(c);

    if (!p)
        return call_no_memory(err);
    p->account_id = c->session.account_id;
    int rc = unicode_opaque_string(&c->in, rpc_slice(request->current), &p->current, err);

    if (rc == -ERR_INVALID || rc == -ERR_SYNTAX || rc == -ERR_LIMIT ||
        p->current.n > CREDENTIAL_PASSWORD_MAX)
        return err_set(err, ERR_DENIED, "the current password is wrong");
    if (rc == 0)
        rc = unicode_opaque_string(&c->in, rpc_slice(request->password), &p->prepared, err);
    if (rc == 0)
        rc = web_session_hash(rpc_slice(request->token), p->keep, err);
    if (rc == 0)
        rc = login_read_stored(shard_reader(c->store->directory, c->from.thread), p->account_id,
                               &p->stored, err);
    return rc < 0 ? rc : call_work(c, change_derive, err);
}
