/* TlsKeyAdd, TlsKeyList, TlsKeyUpdate, TlsKeyRemove: the public keys with which an account's
 * programs log in. What they are was read from a certificate by the caller; here they are a
 * fingerprint with a name. */
#include "base/unicode.h"
#include "rpc/call.h"
#include "store/directory.h"
#include "store/request.h"
#include "store/store_private.h"

#define FINGERPRINT 32u
#define NAME_MAX_OCTETS 256u
#define TYPE_MAX 32u
#define CERTIFICATE_MAX (16u * 1024)
#define KEYS_MAX 100

static int none(struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "there is no such key");
}

/* The login address as its account has it, which is the session's when there is one. */
static int check_address(struct call *c, struct db *db, struct slice address,
                         int64_t *account_id_out, struct err *err)
{
    int64_t wanted = c->session.account_id;
    struct directory_target target;
    int rc = directory_resolve(db, &c->in, address, slice_str(c->store->hostname), DIRECTORY_LOGIN,
                               &target, err);

    if (rc < 0)
        return rc;
    if (target.where != DIRECTORY_LOCAL || (wanted && target.account_id != wanted))
        return err_set(err, ERR_INVALID, "the login address is not one of %s",
                       wanted ? "the account's" : "an account");
    if (!slice_eq(target.canonical, address))
        return err_set(err, ERR_INVALID, "the login address is written %.*s",
                       SLICE_FMT(target.canonical));
    *account_id_out = target.account_id;
    return 0;
}

static int check_name(struct call *c, struct slice name, struct err *err)
{
    struct slice normal;

    if (name.n == 0 || name.n > NAME_MAX_OCTETS)
        return err_set(err, ERR_INVALID, "a key's name has 1 to %u octets", NAME_MAX_OCTETS);
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] < 0x20 || name.p[i] == 0x7f)
            return err_set(err, ERR_INVALID, "a key's name has no control characters");
    return unicode_nfc(&c->in, name, &normal, err);
}

/* ---- add ---- */

static int count_keys(struct db *db, int64_t account_id, struct err *err)
{
    struct db_row r;
    int rc = db_query(db, "SELECT count(*) FROM tls_key WHERE account_id = ?1", &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    rc = db_step(&r, err);
    int64_t n = rc == 1 ? db_int(&r, 0) : 0;

    db_done(&r);
    if (rc >= 0 && n >= KEYS_MAX)
        return err_set(err, ERR_LIMIT, "an account has at most %d keys", KEYS_MAX);
    return rc < 0 ? rc : 0;
}

static int add_apply(struct call *c, struct write_ctx *ctx, struct err *err)
{
    const Gw__TlsKey *key = c->request->tls_key_add->key;
    struct db_row r;
    int64_t account_id = 0;
    int rc = check_address(c, ctx->db, rpc_slice(key->address), &account_id, err);

    if (rc == 0)
        rc = count_keys(ctx->db, account_id, err);
    if (rc == 0)
        rc = db_query(ctx->db,
                      "INSERT INTO tls_key (fingerprint, account_id, address, name, type, "
                      "no_imap_preauth, certificate, created_ns, last_used_ns) "
                      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0)",
                      &r, err);
    if (rc < 0)
        return rc;
    db_bind_blob(&r, 1, rpc_slice(key->fingerprint));
    db_bind_int(&r, 2, account_id);
    db_bind_text(&r, 3, rpc_slice(key->address));
    db_bind_text(&r, 4, rpc_slice(key->name));
    db_bind_text(&r, 5, rpc_slice(key->type));
    db_bind_int(&r, 6, key->no_imap_preauth);
    db_bind_blob(&r, 7, rpc_slice(key->certificate));
    db_bind_int(&r, 8, ctx->now_ns);
    rc = db_run(&r, err);
    /* Also when another account has it: whose it is, is not said. */
    if (rc == -ERR_EXISTS)
        return err_set(err, ERR_EXISTS, "the key is in use already");
    return rc < 0 ? rc : call_answer_done(c, err);
}

int call_tls_key_add(struct call *c, struct err *err)
{
    const Gw__TlsKey *key = c->request->tls_key_add->key;

    if (!key || key->fingerprint.len != FINGERPRINT || key->type.len == 0 ||
        key->type.len > TYPE_MAX || key->certificate.len == 0 ||
        key->certificate.len > CERTIFICATE_MAX)
        return err_set(err, ERR_INVALID, "not a key");
    int rc = check_name(c, rpc_slice(key->name), err);

    return rc < 0 ? rc : call_write(c, c->store->directory, add_apply);
}

/* ---- list ---- */

static int fill_row(struct call *c, struct db_row *r, Gw__TlsKey *row, struct err *err)
{
    if (!row)
        return call_no_memory(err);
    row->fingerprint = rpc_bytes(arena_copy(&c->out, db_blob(r, 0)));
    row->address = rpc_bytes(arena_copy(&c->out, db_blob(r, 1)));
    row->name = rpc_bytes(arena_copy(&c->out, db_blob(r, 2)));
    row->type = rpc_bytes(arena_copy(&c->out, db_blob(r, 3)));
    row->no_imap_preauth = db_int(r, 4) != 0;
    row->created_ns = db_int(r, 5);
    row->last_used_ns = db_int(r, 6);
    row->account = rpc_bytes(arena_copy(&c->out, db_blob(r, 7)));
    row->certificate = rpc_bytes(arena_copy(&c->out, db_blob(r, 8)));
    return 0;
}

/* Whose keys are asked for; 0: of all. */
static int list_account(struct call *c, struct db *db, int64_t *out, struct err *err)
{
    struct slice name = rpc_slice(c->request->tls_key_list->account);
    struct directory_account account = {.account_id = c->session.account_id};
    int rc = c->session.account_id == 0 && name.n > 0
                 ? directory_account(db, &c->in, name, &account, err)
                 : 1;

    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no account of that name");
    *out = account.account_id;
    return rc < 0 ? rc : 0;
}

static int list_query(struct call *c, struct db *db, struct db_row *r, struct err *err)
{
    const Gw__TlsKeyList *request = c->request->tls_key_list;
    int64_t account_id = 0;
    int rc = list_account(c, db, &account_id, err);

    if (rc == 0)
        rc = db_query(db,
                      "SELECT k.fingerprint, k.address, k.name, k.type, k.no_imap_preauth, "
                      "k.created_ns, k.last_used_ns, a.name, "
                      "CASE WHEN ?4 = x'' THEN x'' ELSE k.certificate END "
                      "FROM tls_key k JOIN account a ON a.account_id = k.account_id "
                      "WHERE (?1 = 0 OR k.account_id = ?1) AND (?4 = x'' OR k.fingerprint = ?4) "
                      "AND (k.created_ns > ?2 OR (k.created_ns = ?2 AND k.fingerprint > ?3)) "
                      "ORDER BY k.created_ns, k.fingerprint",
                      r, err);
    if (rc < 0)
        return rc;
    db_bind_int(r, 1, account_id);
    db_bind_int(r, 2, request->after_ns);
    db_bind_blob(r, 3, rpc_slice(request->after));
    db_bind_blob(r, 4, rpc_slice(request->fingerprint));
    return 0;
}

int call_tls_key_list(struct call *c, struct err *err)
{
    struct db *db = shard_reader(c->store->directory, c->from.thread);
    Gw__TlsKeys *keys = call_message(c, &gw__tls_keys__descriptor);
    struct db_row r;
    size_t used = 0;

    if (keys)
        keys->rows = ARENA_ARRAY(&c->out, KEYS_MAX, Gw__TlsKey *);
    if (!keys || !keys->rows)
        return call_no_memory(err);
    c->response.result_case = GW__RESPONSE__RESULT_TLS_KEYS;
    c->response.tls_keys = keys;
    int rc = list_query(c, db, &r, err);

    if (rc < 0)
        return rc;
    while (!keys->more && (rc = db_step(&r, err)) == 1) {
        Gw__TlsKey *row = call_message(c, &gw__tls_key__descriptor);

        rc = fill_row(c, &r, row, err);
        if (rc < 0)
            break;
        keys->more = keys->n_rows == KEYS_MAX || !call_page_fits(&used, &row->base);
        if (!keys->more)
            keys->rows[keys->n_rows++] = row;
    }
    db_done(&r);
    return rc < 0 ? rc : 0;
}

/* ---- update, remove ---- */

static int update_apply(struct call *c, struct write_ctx *ctx, struct err *err)
{
    const Gw__TlsKey *key = c->request->tls_key_update->key;
    struct db_row r;
    int64_t account_id = 0;
    int rc = check_address(c, ctx->db, rpc_slice(key->address), &account_id, err);

    if (rc == 0)
        rc = db_query(ctx->db,
                      "UPDATE tls_key SET address = ?3, name = ?4, no_imap_preauth = ?5 "
                      "WHERE fingerprint = ?1 AND account_id = ?2",
                      &r, err);
    if (rc < 0)
        return rc;
    db_bind_blob(&r, 1, rpc_slice(key->fingerprint));
    db_bind_int(&r, 2, account_id);
    db_bind_text(&r, 3, rpc_slice(key->address));
    db_bind_text(&r, 4, rpc_slice(key->name));
    db_bind_int(&r, 5, key->no_imap_preauth);
    rc = db_run(&r, err);
    if (rc == 0 && db_changes(ctx->db) == 0)
        return none(err);
    return rc < 0 ? rc : call_answer_done(c, err);
}

int call_tls_key_update(struct call *c, struct err *err)
{
    const Gw__TlsKey *key = c->request->tls_key_update->key;

    if (!key)
        return none(err);
    int rc = check_name(c, rpc_slice(key->name), err);

    return rc < 0 ? rc : call_write(c, c->store->directory, update_apply);
}

static int remove_apply(struct call *c, struct write_ctx *ctx, struct err *err)
{
    int64_t *account_id = c->state;
    struct db_row r;
    int rc = db_query(ctx->db,
                      "DELETE FROM tls_key WHERE fingerprint = ?1 AND (?2 = 0 OR account_id = ?2) "
                      "RETURNING account_id",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_blob(&r, 1, rpc_slice(c->request->tls_key_remove->fingerprint));
    db_bind_int(&r, 2, c->session.account_id);
    rc = db_step(&r, err);
    bool found = rc == 1;

    if (found) {
        *account_id = db_int(&r, 0);
        rc = db_step(&r, err);
    }
    db_done(&r);
    if (rc < 0)
        return rc;
    return found ? call_answer_done(c, err) : none(err);
}

/* Whoever is logged in with the key is so no longer; the account's other programs come back by
 * themselves. */
static void remove_committed(struct call *c)
{
    const int64_t *account_id = c->state;

    store_end_account_sessions(c->store, *account_id);
}

int call_tls_key_remove(struct call *c, struct err *err)
{
    c->state = ARENA_NEW(&c->in, int64_t);
    if (!c->state)
        return call_no_memory(err);
    c->committed = remove_committed;
    return call_write(c, c->store->directory, remove_apply);
}
