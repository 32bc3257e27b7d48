/* The passwords of an account: PasswordSet, by an administrator; PasswordChange, by the account
 * itself, which has to know the current one; AppPasswordEdit, AppPasswordList.
 *
 *   serving thread: the account, and the salts that it has --> worker: derive --> writer: check
 * that the salts still are the account's, store --> its sessions end */
#include "base/ascii.h"
#include "base/secret.h"
#include "base/unicode.h"
#include "rpc/call.h"
#include "store/credential.h"
#include "store/login.h"
#include "store/store_private.h"
#include "store/web_session.h"

#define NAME_MAX_OCTETS 64

struct password {
    struct directory_account account;
    int64_t password_id; /* 0: the account's own; of a new app password while it is written */
    bool app;
    struct slice name;                   /* of an app password */
    char text[CREDENTIAL_APP_CHARS + 1]; /* the same */
    struct slice prepared;
    struct slice current; /* PasswordChange: prepared */
    struct credential stored;
    uint8_t keep[WEB_SESSION_HASH]; /* from the account page: the web session that stays */
    struct credential derived[CREDENTIAL_KINDS];
};

static void password_done(void *state)
{
    struct password *p = state;

    if (p->prepared.n > 0)
        wipe((uint8_t *)p->prepared.p, p->prepared.n);
    if (p->current.n > 0)
        wipe((uint8_t *)p->current.p, p->current.n);
    wipe(&p->stored, sizeof(p->stored));
    wipe(p->text, sizeof(p->text));
    wipe(p->derived, sizeof(p->derived));
}

static struct password *password_new(struct call *c)
{
    struct password *p = ARENA_NEW(&c->in, struct password);

    if (p) {
        c->state = p;
        c->state_done = password_done;
    }
    return p;
}

/* The account with the name; asked by the account page, the session's own. */
static int need_account(struct call *c, struct db *db, struct arena *a, struct slice name,
                        struct directory_account *out, struct err *err)
{
    int rc = c->from.role == STORE_WEB
                 ? directory_account_by_id(db, a, c->session.account_id, out, err)
                 : directory_account(db, a, name, out, err);

    return rc == 0  ? err_set(err, ERR_NOT_FOUND, "there is no account of that name")
           : rc < 0 ? rc
                    : 0;
}

/* The account's salt of a SCRAM kind, or a new one when no other password has any. */
static int choose_salt(struct db *db, const struct password *p, enum credential_kind kind,
                       struct credential *out, struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "SELECT salt, parameter FROM credential WHERE account_id = ?1 AND kind = ?2 "
                      "AND (password_id <> 0 OR ?3) LIMIT 1",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, p->account.account_id);
    db_bind_text(&r, 2, credential_kind_name(kind));
    db_bind_int(&r, 3, p->app);
    rc = db_step(&r, err);
    if (rc == 1 && db_blob(&r, 0).n == CREDENTIAL_SALT) {
        memcpy(out->salt, db_blob(&r, 0).p, CREDENTIAL_SALT);
        out->parameter = db_int(&r, 1);
    } else if (rc >= 0) {
        random_bytes(out->salt, sizeof(out->salt));
        out->parameter = credential_iterations(kind);
    }
    db_done(&r);
    return rc < 0 ? rc : 0;
}

static int choose_salts(struct db *db, struct password *p, struct err *err)
{
    int rc = 0;

    for (int i = CREDENTIAL_SCRAM_SHA_256; rc == 0 && i <= CREDENTIAL_SCRAM_SHA_1; i++)
        rc = choose_salt(db, p, (enum credential_kind)i, &p->derived[i], err);
    return rc;
}

static int begin(struct call *c, struct slice account, struct password *p, struct err *err)
{
    struct db *db = shard_reader(c->store->directory, c->from.thread);
    int rc = need_account(c, db, &c->in, account, &p->account, err);

    return rc < 0 ? rc : choose_salts(db, p, err);
}

/* Another password may have come since the salt was chosen. */
static int check_salt(struct write_ctx *ctx, const struct password *p, enum credential_kind kind,
                      struct err *err)
{
    const struct credential *mine = &p->derived[kind];
    struct db_row r;
    int rc = db_query(ctx->db,
                      "SELECT 1 FROM credential WHERE account_id = ?1 AND kind = ?2 AND "
                      "(salt <> ?3 OR parameter <> ?4) LIMIT 1",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, p->account.account_id);
    db_bind_text(&r, 2, credential_kind_name(kind));
    db_bind_blob(&r, 3, slice_of(mine->salt, sizeof(mine->salt)));
    db_bind_int(&r, 4, mine->parameter);
    rc = db_step(&r, err);
    db_done(&r);
    if (rc == 1)
        return err_set(err, ERR_UNAVAILABLE,
                       "another password of the account was set just now, try again");
    return rc;
}

static int credential_write(struct write_ctx *ctx, const struct password *p,
                            enum credential_kind kind, struct err *err)
{
    const struct credential *one = &p->derived[kind];
    bool salted = kind != CREDENTIAL_CRAM_MD5;
    struct db_row r;
    int rc = db_query(ctx->db,
                      "INSERT INTO credential (account_id, password_id, kind, salt, parameter, "
                      "secret, changed_ns) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, p->account.account_id);
    db_bind_int(&r, 2, p->password_id);
    db_bind_text(&r, 3, credential_kind_name(kind));
    db_bind_blob(&r, 4, salted ? slice_of(one->salt, sizeof(one->salt)) : SLICE(""));
    db_bind_int(&r, 5, one->parameter);
    db_bind_blob(&r, 6, slice_of(one->secret, one->secret_n));
    db_bind_int(&r, 7, ctx->now_ns);
    return db_run(&r, err);
}

static int run_on_password(struct write_ctx *ctx, const char *sql, const struct password *p,
                           struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db, sql, &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, p->account.account_id);
    db_bind_int(&r, 2, p->password_id);
    return db_run(&r, err);
}

static int credentials_write(struct write_ctx *ctx, const struct password *p, struct err *err)
{
    int rc = run_on_password(
        ctx, "DELETE FROM credential WHERE account_id = ?1 AND password_id = ?2", p, err);

    for (int i = CREDENTIAL_SCRAM_SHA_256; rc == 0 && i <= CREDENTIAL_SCRAM_SHA_1; i++)
        rc = check_salt(ctx, p, (enum credential_kind)i, err);
    for (int i = 0; rc == 0 && i < CREDENTIAL_KINDS; i++)
        rc = credential_write(ctx, p, (enum credential_kind)i, err);
    return rc;
}

static void sessions_finish(struct call *c)
{
    const struct password *p = c->state;

    store_end_account_sessions(c->store, p->account.account_id);
}

/* ---- the account's own ---- */

/* The account's credentials and web sessions are those of the new password. */
static int replace(struct call *c, struct write_ctx *ctx, struct slice keep, struct err *err)
{
    struct password *p = c->state;
    int rc = credentials_write(ctx, p, err);

    if (rc == 0)
        rc = web_session_end_account(ctx, p->account.account_id, keep, err);
    return rc < 0 ? rc : call_answer_done(c, err);
}

static int password_apply(struct call *c, struct write_ctx *ctx, struct err *err)
{
    struct password *p = c->state;
    int rc = need_account(c, ctx->db, &c->out, rpc_slice(c->request->password_set->account),
                          &p->account, err);

    return rc < 0 ? rc : replace(c, ctx, SLICE(""), err);
}

/* On a worker. */
static int password_derive(struct call *c, struct err *err)
{
    struct password *p = c->state;
    int rc = credential_derive(p->prepared, /* app= */ false, p->derived, err);

    if (rc < 0)
        return rc;
    c->committed = sessions_finish;
    return call_write(c, c->store->directory, password_apply);
}

int call_password_set(struct call *c, struct err *err)
{
    const Gw__PasswordSet *request = c->request->password_set;
    struct password *p = password_new(c);

    if (!p)
        return call_no_memory(err);
    int rc = unicode_opaque_string(&c->in, rpc_slice(request->password), &p->prepared, err);

    if (rc == 0)
        rc = begin(c, rpc_slice(request->account), p, err);
    return rc < 0 ? rc : call_work(c, password_derive, err);
}

static int change_apply(struct call *c, struct write_ctx *ctx, struct err *err)
{
    struct password *p = c->state;
    struct directory_account account;
    int rc = directory_account_by_id(ctx->db, &c->out, p->account.account_id, &account, err);

    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no account of that name");
    return rc < 0 ? rc : replace(c, ctx, slice_of(p->keep, sizeof(p->keep)), err);
}

/* On a worker. */
static int change_derive(struct call *c, struct err *err)
{
    struct password *p = c->state;
    bool match;
    int rc = credential_check(&p->stored, p->current, &match, err);

    if (rc == 0 && !match)
        return err_set(err, ERR_DENIED, "the current password is wrong");
    if (rc == 0)
        rc = credential_derive(p->prepared, /* app= */ false, p->derived, err);
    if (rc < 0)
        return rc;
    c->committed = sessions_finish;
    return call_write(c, c->store->directory, change_apply);
}

int call_password_change(struct call *c, struct err *err)
{
    const Gw__PasswordChange *request = c->request->password_change;
    struct db *db = shard_reader(c->store->directory, c->from.thread);
    struct password *p = password_new(c);

    if (!p)
        return call_no_memory(err);
    p->account.account_id = c->session.account_id;
    int rc = unicode_opaque_string(&c->in, rpc_slice(request->current), &p->current, err);

    if (rc == -ERR_INVALID || rc == -ERR_SYNTAX || rc == -ERR_LIMIT ||
        p->current.n > CREDENTIAL_PASSWORD_MAX)
        return err_set(err, ERR_DENIED, "the current password is wrong");
    if (rc == 0)
        rc = unicode_opaque_string(&c->in, rpc_slice(request->password), &p->prepared, err);
    if (rc == 0)
        rc = web_session_hash(rpc_slice(request->token), p->keep, err);
    if (rc == 0)
        rc = login_read_own(db, p->account.account_id, &p->stored, err);
    if (rc == 0)
        rc = choose_salts(db, p, err);
    return rc < 0 ? rc : call_work(c, change_derive, err);
}

/* ---- app passwords ---- */

static int check_name(struct call *c, struct slice given, struct slice *out, struct err *err)
{
    int rc = unicode_nfc(&c->in, given, out, err);

    if (rc < 0)
        return rc;
    if (out->n == 0 || out->n > NAME_MAX_OCTETS)
        return err_set(err, ERR_INVALID, "the name of an app password has 1 to %d octets",
                       NAME_MAX_OCTETS);
    for (size_t i = 0; i < out->n; i++) {
        if (ascii_is_control(out->p[i]))
            return err_set(err, ERR_INVALID, "the name has a control character in it");
    }
    return 0;
}

static int next_id(struct write_ctx *ctx, struct password *p, struct err *err)
{
    struct db_row r;
    int64_t n = 0;
    int rc = db_query(ctx->db,
                      "SELECT COALESCE(MAX(password_id), 0) + 1, count(*) FROM app_password WHERE "
                      "account_id = ?1",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, p->account.account_id);
    rc = db_step(&r, err);
    if (rc == 1) {
        p->password_id = db_int(&r, 0);
        n = db_int(&r, 1);
    }
    db_done(&r);
    if (rc >= 0 && n >= CREDENTIAL_APP_MAX)
        return err_set(err, ERR_LIMIT, "an account has at most %d app passwords",
                       CREDENTIAL_APP_MAX);
    return rc < 0 ? rc : 0;
}

static int app_insert(struct call *c, struct write_ctx *ctx, const struct password *p,
                      struct err *err)
{
    const Gw__AppPasswordEdit *request = c->request->app_password_edit;
    struct db_row r;
    int rc = db_query(ctx->db,
                      "INSERT INTO app_password (account_id, password_id, name, scope, created_ns, "
                      "expires_ns, used_ns) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, p->account.account_id);
    db_bind_int(&r, 2, p->password_id);
    db_bind_text(&r, 3, p->name);
    db_bind_int(&r, 4, request->scope);
    db_bind_int(&r, 5, ctx->now_ns);
    db_bind_int(&r, 6, request->expires_ns);
    rc = db_run(&r, err);
    return rc == -ERR_EXISTS
               ? err_set(err, ERR_EXISTS, "the account has an app password of that name")
               : rc;
}

static int app_answer(struct call *c, const struct password *p, int64_t now_ns, struct err *err)
{
    const Gw__AppPasswordEdit *request = c->request->app_password_edit;
    Gw__AppPasswords *answer = call_message(c, &gw__app_passwords__descriptor);
    Gw__AppPassword *row = call_message(c, &gw__app_password__descriptor);
    Gw__AppPassword **rows = ARENA_ARRAY(&c->out, 1, Gw__AppPassword *);

    if (!answer || !row || !rows)
        return call_no_memory(err);
    row->name = rpc_bytes(p->name);
    row->scope = request->scope;
    row->created_ns = now_ns;
    row->expires_ns = request->expires_ns;
    row->password = rpc_bytes(slice_str(p->text));
    rows[0] = row;
    answer->rows = rows;
    answer->n_rows = 1;
    c->response.result_case = GW__RESPONSE__RESULT_APP_PASSWORDS;
    c->response.app_passwords = answer;
    return 0;
}

static int app_add_apply(struct call *c, struct write_ctx *ctx, struct err *err)
{
    struct password *p = c->state;
    int rc = need_account(c, ctx->db, &c->out, rpc_slice(c->request->app_password_edit->account),
                          &p->account, err);

    if (rc == 0 && c->request->app_password_edit->expires_ns != 0 &&
        c->request->app_password_edit->expires_ns <= ctx->now_ns)
        return err_set(err, ERR_INVALID, "the app password would have expired already");
    if (rc == 0)
        rc = next_id(ctx, p, err);
    if (rc == 0)
        rc = app_insert(c, ctx, p, err);
    if (rc == 0)
        rc = credentials_write(ctx, p, err);
    return rc < 0 ? rc : app_answer(c, p, ctx->now_ns, err);
}

/* On a worker. */
static int app_derive(struct call *c, struct err *err)
{
    struct password *p = c->state;
    int rc = credential_derive(slice_str(p->text), /* app= */ true, p->derived, err);

    return rc < 0 ? rc : call_write(c, c->store->directory, app_add_apply);
}

static int app_find(struct write_ctx *ctx, struct password *p, struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db,
                      "SELECT password_id FROM app_password WHERE account_id = ?1 AND name = ?2",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, p->account.account_id);
    db_bind_text(&r, 2, p->name);
    rc = db_step(&r, err);
    if (rc == 1)
        p->password_id = db_int(&r, 0);
    db_done(&r);
    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, "the account has no app password of that name");
    return rc < 0 ? rc : 0;
}

static int app_remove_apply(struct call *c, struct write_ctx *ctx, struct err *err)
{
    struct password *p = c->state;
    int rc = need_account(c, ctx->db, &c->out, rpc_slice(c->request->app_password_edit->account),
                          &p->account, err);

    if (rc == 0)
        rc = app_find(ctx, p, err);
    if (rc == 0)
        rc = run_on_password(
            ctx, "DELETE FROM credential WHERE account_id = ?1 AND password_id = ?2", p, err);
    if (rc == 0)
        rc = run_on_password(
            ctx, "DELETE FROM app_password WHERE account_id = ?1 AND password_id = ?2", p, err);
    if (rc == 0)
        rc = web_session_end_account(
            ctx, p->account.account_id,
            c->from.role == STORE_WEB ? slice_of(p->keep, sizeof(p->keep)) : SLICE(""), err);
    return rc < 0 ? rc : call_answer_done(c, err);
}

int call_app_password_edit(struct call *c, struct err *err)
{
    const Gw__AppPasswordEdit *request = c->request->app_password_edit;
    struct password *p = password_new(c);

    if (!p)
        return call_no_memory(err);
    p->app = true;
    int rc = check_name(c, rpc_slice(request->name), &p->name, err);

    if (rc == 0)
        rc = web_session_hash(rpc_slice(request->token), p->keep, err);
    if (rc < 0)
        return rc;
    switch (request->edit) {
    case GW__EDIT__EDIT_ADD:
        if (request->scope == 0 || request->scope > LOGIN_SCOPES)
            return err_set(err, ERR_INVALID, "say what the app password is for");
        credential_app_new(p->text);
        rc = begin(c, rpc_slice(request->account), p, err);
        return rc < 0 ? rc : call_work(c, app_derive, err);
    case GW__EDIT__EDIT_REMOVE:
        c->committed = sessions_finish;
        return call_write(c, c->store->directory, app_remove_apply);
    default:
        return err_set(err, ERR_INVALID, "there is no such change");
    }
}

static int app_row(struct call *c, struct db_row *r, Gw__AppPasswords *answer, struct err *err)
{
    Gw__AppPassword *row = call_message(c, &gw__app_password__descriptor);

    if (!row)
        return call_no_memory(err);
    row->name = rpc_bytes(arena_copy(&c->out, db_blob(r, 0)));
    row->scope = (uint32_t)db_int(r, 1);
    row->created_ns = db_int(r, 2);
    row->expires_ns = db_int(r, 3);
    row->used_ns = db_int(r, 4);
    answer->rows[answer->n_rows++] = row;
    return 0;
}

int call_app_password_list(struct call *c, struct err *err)
{
    struct db *db = shard_reader(c->store->directory, c->from.thread);
    Gw__AppPasswords *answer = call_message(c, &gw__app_passwords__descriptor);
    struct directory_account account;
    struct db_row r;

    if (!answer)
        return call_no_memory(err);
    answer->rows = ARENA_ARRAY(&c->out, CREDENTIAL_APP_MAX, Gw__AppPassword *);
    if (!answer->rows)
        return call_no_memory(err);
    int rc = need_account(c, db, &c->in, rpc_slice(c->request->app_password_list->account),
                          &account, err);

    if (rc == 0)
        rc = db_query(db,
                      "SELECT name, scope, created_ns, expires_ns, used_ns FROM app_password WHERE "
                      "account_id = ?1 ORDER BY name",
                      &r, err);
    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account.account_id);
    while (answer->n_rows < CREDENTIAL_APP_MAX && (rc = db_step(&r, err)) == 1) {
        rc = app_row(c, &r, answer, err);
        if (rc < 0)
            break;
    }
    db_done(&r);
    c->response.result_case = GW__RESPONSE__RESULT_APP_PASSWORDS;
    c->response.app_passwords = answer;
    return rc < 0 ? rc : 0;
}
