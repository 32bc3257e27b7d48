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

/* The login address as the account has it. */
static int check_address(struct call *c, struct db *db, struct slice address, struct err *err)
{
    struct directory_target target;
    int rc = directory_resolve(db, &c->in, address, slice_str(c->store->hostname), DIRECTORY_LOGIN,
                               &target, err);

    if (rc < 0)
        return rc;
    if (target.where != DIRECTORY_LOCAL || target.account_id != c->session.account_id)
        return err_set(err, ERR_INVALID, "the login address is not one of the account's");
    if (!slice_eq(target.canonical, address))
        return err_set(err, ERR_INVALID, "the login address is written %.*s",
                       SLICE_FMT(target.canonical));
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

static int count_keys(struct call *c, struct db *db, struct err *err)
{
    struct db_row r;
    int rc = db_query(db, "SELECT count(*) FROM tls_key WHERE account_id = ?1", &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, c->session.account_id);
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
    int rc = check_address(c, ctx->db, rpc_slice(key->address), err);

    if (rc == 0)
        rc = count_keys(c, ctx->db, err);
    if (rc == 0)
        rc = db_query(ctx->db,
                      "INSERT INTO tls_key (fingerprint, account_id, address, name, type, "
                      "no_imap_preauth, certificate, created_ns, last_used_ns) "
                      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0)",
                      &r, err);
    if (rc < 0)
        return rc;
    db_bind_blob(&r, 1, rpc_slice(key->fingerprint));
    db_bind_int(&r, 2, c->session.account_id);
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
    return 0;
}

int call_tls_key_list(struct call *c, struct err *err)
{
    struct db *db = shard_reader(c->store->directory, c->from.thread);
    Gw__TlsKeys *keys = call_message(c, &gw__tls_keys__descriptor);
    struct db_row r;

    if (keys)
        keys->rows = ARENA_ARRAY(&c->out, KEYS_MAX, Gw__TlsKey *);
    if (!keys || !keys->rows)
        return call_no_memory(err);
    c->response.result_case = GW__RESPONSE__RESULT_TLS_KEYS;
    c->response.tls_keys = keys;
    /* A hundred rows without their certificates fit into one record. */
    int rc = db_query(db,
                      "SELECT fingerprint, address, name, type, no_imap_preauth, created_ns, "
                      "last_used_ns FROM tls_key WHERE account_id = ?1 ORDER BY created_ns, "
                      "fingerprint LIMIT ?2",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, c->session.account_id);
    db_bind_int(&r, 2, KEYS_MAX);
    while ((rc = db_step(&r, err)) == 1) {
        Gw__TlsKey *row = call_message(c, &gw__tls_key__descriptor);

        rc = fill_row(c, &r, row, err);
        if (rc < 0)
            break;
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
    int rc = check_address(c, ctx->db, rpc_slice(key->address), err);

    if (rc == 0)
        rc = db_query(ctx->db,
                      "UPDATE tls_key SET address = ?3, name = ?4, no_imap_preauth = ?5 "
                      "WHERE fingerprint = ?1 AND account_id = ?2",
                      &r, err);
    if (rc < 0)
        return rc;
    db_bind_blob(&r, 1, rpc_slice(key->fingerprint));
    db_bind_int(&r, 2, c->session.account_id);
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
    struct db_row r;
    int rc = db_query(ctx->db, "DELETE FROM tls_key WHERE fingerprint = ?1 AND account_id = ?2", &r,
                      err);

    if (rc < 0)
        return rc;
    db_bind_blob(&r, 1, rpc_slice(c->request->tls_key_remove->fingerprint));
    db_bind_int(&r, 2, c->session.account_id);
    rc = db_run(&r, err);
    if (rc == 0 && db_changes(ctx->db) == 0)
        return none(err);
    return rc < 0 ? rc : call_answer_done(c, err);
}

/* Whoever is logged in with the key is so no longer; the account's other programs come back by
 * themselves. */
static void remove_committed(struct call *c)
{
    store_end_account_sessions(c->store, c->session.account_id);
}

int call_tls_key_remove(struct call *c, struct err *err)
{
    (void)err;
    c->committed = remove_committed;
    return call_write(c, c->store->directory, remove_apply);
}
