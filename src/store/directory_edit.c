/* Administration: DomainEdit, AccountEdit, AddressEdit. */
#include "base/ascii.h"
#include "base/num.h"
#include "rpc/call.h"
#include "store/account_create.h"
#include "store/account_erase.h"
#include "store/directory.h"
#include "store/directory_set.h"
#include "store/mailbox_name.h"
#include "store/request.h"
#include "store/store_private.h"

#define ACCOUNT_NAME_MAX 64

static int run_int(struct db *db, const char *sql, int64_t value, struct err *err)
{
    struct db_row r;
    int rc = db_query(db, sql, &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, value);
    return db_run(&r, err);
}

static int no_such_edit(struct err *err)
{
    return err_set(err, ERR_INVALID, "there is no such change");
}

/* Local part and domain in two columns. */
static struct slice row_address(struct call *c, struct db_row *r, int column)
{
    const struct address address = {.localpart = db_blob(r, column),
                                    .domain = db_blob(r, column + 1)};

    return address_text(&c->out, &address);
}

/* ---- domains ---- */

static int domain_add(struct db *db, struct slice domain, struct err *err)
{
    int rc = directory_run(db,
                           "INSERT INTO domain (domain, disabled, localpart_separators, "
                           "localpart_case_sensitive) VALUES (?1, 0, '+', 0)",
                           &domain, 1, err);

    if (rc == -ERR_EXISTS)
        return err_set(err, ERR_EXISTS, "the domain %.*s is there already", SLICE_FMT(domain));
    return rc;
}

static int domain_remove(struct call *c, struct write_ctx *ctx, struct slice domain,
                         struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db,
                      "SELECT localpart, domain FROM address WHERE domain = ?1 UNION ALL "
                      "SELECT localpart, domain FROM alias WHERE domain = ?1 UNION ALL "
                      "SELECT localpart, domain FROM role_address WHERE domain = ?1 LIMIT 1",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, domain);
    rc = db_step(&r, err);
    struct slice address = rc == 1 ? row_address(c, &r, 0) : SLICE("");

    db_done(&r);
    if (rc == 1)
        return err_set(err, ERR_INVALID,
                       "the domain has addresses, %.*s for one; remove them first",
                       SLICE_FMT(address));
    if (rc == 0)
        rc = directory_run(ctx->db, "DELETE FROM role_address WHERE about = ?1", &domain, 1, err);
    if (rc == 0)
        rc = directory_run(ctx->db, "DELETE FROM domain WHERE domain = ?1", &domain, 1, err);
    return rc;
}

/* *unchanged_out: it is so already. */
static int domain_switch(struct write_ctx *ctx, struct slice domain, bool disable,
                         bool *unchanged_out, struct err *err)
{
    struct db_row r;
    int rc = db_query(
        ctx->db, "UPDATE domain SET disabled = ?2 WHERE domain = ?1 AND disabled <> ?2", &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, domain);
    db_bind_int(&r, 2, disable);
    rc = db_run(&r, err);
    *unchanged_out = rc == 0 && db_changes(ctx->db) == 0;
    return rc;
}

static int domain_edit(struct call *c, struct write_ctx *ctx, struct slice domain,
                       bool *unchanged_out, struct err *err)
{
    switch (c->request->domain_edit->edit) {
    case GW__EDIT__EDIT_ADD:
        return domain_add(ctx->db, domain, err);
    case GW__EDIT__EDIT_REMOVE:
        return domain_remove(c, ctx, domain, err);
    case GW__EDIT__EDIT_DISABLE:
        return domain_switch(ctx, domain, true, unchanged_out, err);
    case GW__EDIT__EDIT_ENABLE:
        return domain_switch(ctx, domain, false, unchanged_out, err);
    default:
        return no_such_edit(err);
    }
}

static int domain_apply(struct call *c, struct write_ctx *ctx, struct err *err)
{
    const struct slice *name = c->state;
    struct directory_domain domain;
    bool unchanged = false;
    int rc = directory_domain(ctx->db, &c->out, *name, &domain, err);

    if (rc == 0 && c->request->domain_edit->edit != GW__EDIT__EDIT_ADD)
        return err_set(err, ERR_NOT_FOUND, "there is no domain %.*s", SLICE_FMT(*name));
    if (rc >= 0)
        rc = domain_edit(c, ctx, *name, &unchanged, err);
    return rc < 0 ? rc : directory_answer(c, unchanged, err);
}

int call_domain_edit(struct call *c, struct err *err)
{
    struct slice *domain = ARENA_NEW(&c->in, struct slice);

    if (!domain)
        return call_no_memory(err);
    int rc = address_domain(&c->in, rpc_slice(c->request->domain_edit->domain), domain, err);

    if (rc < 0)
        return rc;
    c->state = domain;
    return call_write(c, c->store->directory, domain_apply);
}

/* ---- addresses ---- */

static int address_add(struct call *c, struct write_ctx *ctx, const struct address *address,
                       int64_t account_id, struct slice mailbox, struct err *err)
{
    struct db_row r;
    int rc = directory_free(ctx->db, &c->out, address, err);

    if (rc == 0)
        rc = db_query(ctx->db,
                      "INSERT INTO address (domain, localpart, catchall, account_id, mailbox, "
                      "refusal, auth_refusal) VALUES (?1, ?2, ?3, ?4, ?5, '', '')",
                      &r, err);
    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, address->domain);
    db_bind_text(&r, 2, address->localpart);
    db_bind_int(&r, 3, address->catchall);
    db_bind_int(&r, 4, account_id);
    db_bind_text(&r, 5, mailbox);
    return db_run(&r, err);
}

/* Mail for an alias must not lose a reader unseen. Asked about an account, or about an address. */
static int check_no_member(struct call *c, struct write_ctx *ctx, int64_t account_id,
                           const struct address *address, struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db,
                      "SELECT m.member_localpart, m.member_domain, m.localpart, m.domain "
                      "FROM alias_member m JOIN address a ON a.domain = m.member_domain AND "
                      "a.localpart = m.member_localpart AND NOT a.catchall "
                      "WHERE a.account_id = ?1 OR (a.domain = ?2 AND a.localpart = ?3) LIMIT 1",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    if (address && !address->catchall) {
        db_bind_text(&r, 2, address->domain);
        db_bind_text(&r, 3, address->localpart);
    }
    rc = db_step(&r, err);
    struct slice member = rc == 1 ? row_address(c, &r, 0) : SLICE("");
    struct slice alias = rc == 1 ? row_address(c, &r, 2) : SLICE("");

    db_done(&r);
    if (rc == 1)
        return err_set(err, ERR_INVALID,
                       "first remove it from its alias: config alias rmaddr %.*s %.*s",
                       SLICE_FMT(alias), SLICE_FMT(member));
    return rc;
}

/* Programs must not be locked out unseen. A catch-all serves the login addresses of its domain that
 * are not addresses of their own. */
static int check_no_key(struct call *c, struct write_ctx *ctx, const struct address *address,
                        struct err *err)
{
    struct db_row r;
    int rc =
        db_query(ctx->db,
                 "SELECT k.address, k.name FROM tls_key k WHERE (NOT ?3 AND k.address = ?2 || '@' "
                 "|| ?1) OR (?3 AND substr(k.address, -length(?1) - 1) = '@' || ?1 AND NOT EXISTS "
                 "(SELECT 1 FROM address a WHERE a.domain = ?1 AND NOT a.catchall AND "
                 "a.localpart || '@' || ?1 = k.address)) LIMIT 1",
                 &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, address->domain);
    db_bind_text(&r, 2, address->localpart);
    db_bind_int(&r, 3, address->catchall);
    rc = db_step(&r, err);
    struct slice login = rc == 1 ? arena_copy(&c->out, db_blob(&r, 0)) : SLICE("");
    struct slice name = rc == 1 ? arena_copy(&c->out, db_blob(&r, 1)) : SLICE("");

    db_done(&r);
    if (rc == 1)
        return err_set(err, ERR_INVALID,
                       "the TLS key \"%.*s\" logs in as %.*s: first remove the key, or give it "
                       "another address",
                       SLICE_FMT(name), SLICE_FMT(login));
    return rc;
}

static int address_remove(struct call *c, struct write_ctx *ctx, const struct address *address,
                          struct err *err)
{
    const struct slice texts[] = {address->domain, address->localpart};
    int rc = check_no_member(c, ctx, /* account_id= */ 0, address, err);

    if (rc == 0)
        rc = check_no_key(c, ctx, address, err);
    if (rc == 0 && address->catchall)
        rc = directory_run(ctx->db, "DELETE FROM address WHERE domain = ?1 AND catchall", texts, 1,
                           err);
    else if (rc == 0)
        rc = directory_run(ctx->db,
                           "DELETE FROM address WHERE domain = ?1 AND localpart = ?2 AND NOT "
                           "catchall",
                           texts, 2, err);
    if (rc == 0 && db_changes(ctx->db) == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no such address");
    return rc;
}

static int address_apply(struct call *c, struct write_ctx *ctx, struct err *err)
{
    const Gw__AddressEdit *request = c->request->address_edit;
    struct directory_account account;
    struct address address;
    int rc = directory_own_address(ctx->db, &c->out, rpc_slice(request->address),
                                   /* catchall= */ true, &address, err);

    if (rc < 0)
        return rc;
    if (request->edit == GW__EDIT__EDIT_ADD) {
        rc = directory_need_account(ctx->db, &c->out, rpc_slice(request->account), &account, err);
        if (rc == 0)
            rc =
                address_add(c, ctx, &address, account.account_id, rpc_slice(request->mailbox), err);
    } else if (request->edit == GW__EDIT__EDIT_REMOVE) {
        rc = address_remove(c, ctx, &address, err);
    } else {
        rc = no_such_edit(err);
    }
    return rc < 0 ? rc : call_answer_done(c, err);
}

int call_address_edit(struct call *c, struct err *err)
{
    struct slice mailbox = rpc_slice(c->request->address_edit->mailbox);

    if (mailbox.n > 0) {
        struct slice checked;
        int rc = mailbox_name_check(&c->in, mailbox, &checked, err);

        if (rc < 0)
            return rc;
    }
    return call_write(c, c->store->directory, address_apply);
}

/* ---- accounts ----
 *
 * An account is in the directory and in its shard. It is added to the shard when the directory has
 * it on disk, and removed from the shard when the directory has forgotten it. What a crash leaves
 * between the two is an account without mailboxes, which store_open gives it, or mail of an account
 * id that is never used again. */

struct account_edit {
    int64_t account_id;
    int64_t quota_bytes; /* of the installation, which a new account inherits */
    unsigned shard;
    bool more; /* to erase */
};

static int second_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    struct call *c = (struct call *)((char *)w - offsetof(struct call, write));
    struct account_edit *edit = c->state;

    return c->request->account_edit->edit == GW__EDIT__EDIT_ADD
               ? account_create(ctx, edit->account_id, edit->quota_bytes, err)
               : account_erase(ctx, edit->account_id, &edit->more, err);
}

static void second_done(struct write *w, int rc, const struct err *err)
{
    struct call *c = (struct call *)((char *)w - offsetof(struct call, write));
    const struct account_edit *edit = c->state;
    struct err answer_err = {0};

    if (rc < 0)
        call_finish(c, rc, err);
    else if (edit->more)
        shard_submit(c->store->shards[edit->shard], w);
    else
        call_finish(c, call_answer_done(c, &answer_err), &answer_err);
}

/* After the directory: on with the shard. */
static void first_done(struct write *w, int rc, const struct err *err)
{
    struct call *c = (struct call *)((char *)w - offsetof(struct call, write));
    const struct account_edit *edit = c->state;

    if (rc < 0) {
        call_finish(c, rc, err);
        return;
    }
    if (c->request->account_edit->edit == GW__EDIT__EDIT_REMOVE)
        store_end_account_sessions(c->store, edit->account_id);
    c->write = (struct write){.apply = second_apply, .done = second_done};
    shard_submit(c->store->shards[edit->shard], &c->write);
}

/* The shard with the fewest accounts. */
static int choose_shard(struct call *c, struct write_ctx *ctx, unsigned *out, struct err *err)
{
    int64_t counts[STORE_SHARDS_MAX] = {0};
    struct db_row r;
    int rc = db_query(ctx->db, "SELECT shard, COUNT(*) FROM account GROUP BY shard", &r, err);

    if (rc < 0)
        return rc;
    while ((rc = db_step(&r, err)) == 1) {
        int64_t shard = db_int(&r, 0);

        if (shard >= 0 && shard < STORE_SHARDS_MAX)
            counts[shard] = db_int(&r, 1);
    }
    db_done(&r);
    *out = 0;
    for (unsigned i = 1; i < c->store->shards_n; i++) {
        if (counts[i] < counts[*out])
            *out = i;
    }
    return rc;
}

/* Ids are never used again: the next one stands in meta, as text. */
static int take_account_id(struct write_ctx *ctx, int64_t *out, struct err *err)
{
    struct db_row r;
    int rc =
        db_query(ctx->db,
                 "INSERT INTO meta (key, value) VALUES ('account_next', '2') ON CONFLICT (key) "
                 "DO UPDATE SET value = CAST(CAST(meta.value AS INTEGER) + 1 AS TEXT) "
                 "RETURNING CAST(value AS INTEGER) - 1",
                 &r, err);

    if (rc < 0)
        return rc;
    rc = db_step(&r, err);
    if (rc == 1) {
        *out = db_int(&r, 0);
        rc = db_step(&r, err);
    }
    db_done(&r);
    return rc;
}

static int account_insert(struct call *c, struct write_ctx *ctx, struct account_edit *edit,
                          struct err *err)
{
    struct slice name = rpc_slice(c->request->account_edit->account);
    struct db_row r;
    int rc = choose_shard(c, ctx, &edit->shard, err);

    if (rc == 0)
        rc = directory_quota(ctx->db, &edit->quota_bytes, err);
    if (rc == 0)
        rc = take_account_id(ctx, &edit->account_id, err);
    if (rc == 0)
        rc = db_query(ctx->db,
                      "INSERT INTO account (account_id, name, shard, login_disabled, quota_bytes, "
                      "messages_per_day, recipients_per_day, created_ns) VALUES (?1, ?2, ?3, '', "
                      "0, 0, 0, ?4)",
                      &r, err);
    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, edit->account_id);
    db_bind_text(&r, 2, name);
    db_bind_int(&r, 3, edit->shard);
    db_bind_int(&r, 4, ctx->now_ns);
    rc = db_run(&r, err);
    if (rc == -ERR_EXISTS)
        return err_set(err, ERR_EXISTS, "there is an account of that name");
    return rc;
}

static int account_delete(struct write_ctx *ctx, const struct account_edit *edit, struct err *err)
{
    static const char *const rows[] = {
        "DELETE FROM address WHERE account_id = ?1",
        "DELETE FROM credential WHERE account_id = ?1",
        "DELETE FROM app_password WHERE account_id = ?1",
        "DELETE FROM login_attempt WHERE account_id = ?1",
        "DELETE FROM web_session WHERE account_id = ?1",
        "DELETE FROM tls_key WHERE account_id = ?1",
        "DELETE FROM account WHERE account_id = ?1",
    };
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(rows); i++)
        rc = run_int(ctx->db, rows[i], edit->account_id, err);
    return rc;
}

static int first_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    struct call *c = (struct call *)((char *)w - offsetof(struct call, write));
    const Gw__AccountEdit *request = c->request->account_edit;
    struct account_edit *edit = c->state;
    struct directory_account account;
    struct address address;

    arena_reset(&c->out);
    if (request->edit == GW__EDIT__EDIT_REMOVE) {
        int rc =
            directory_need_account(ctx->db, &c->out, rpc_slice(request->account), &account, err);

        if (rc == 0)
            rc = check_no_member(c, ctx, account.account_id, /* address= */ NULL, err);
        if (rc == 0)
            rc = directory_roles_free(ctx->db, &c->out, account.account_id, err);
        if (rc < 0)
            return rc;
        *edit = (struct account_edit){.account_id = account.account_id, .shard = account.shard};
        return account_delete(ctx, edit, err);
    }
    int rc = directory_own_address(ctx->db, &c->out, rpc_slice(request->address),
                                   /* catchall= */ false, &address, err);

    if (rc == 0)
        rc = account_insert(c, ctx, edit, err);
    return rc == 0 ? address_add(c, ctx, &address, edit->account_id, SLICE(""), err) : rc;
}

/* ---- logins ---- */

static int logins_apply(struct call *c, struct write_ctx *ctx, struct err *err)
{
    const Gw__AccountEdit *request = c->request->account_edit;
    bool disable = request->edit == GW__EDIT__EDIT_DISABLE;
    struct account_edit *edit = c->state;
    struct directory_account account;
    int rc = directory_need_account(ctx->db, &c->out, rpc_slice(request->account), &account, err);

    if (rc < 0)
        return rc;
    const struct slice texts[] = {account.name, disable ? rpc_slice(request->reason) : SLICE("")};

    edit->account_id = account.account_id;
    rc = directory_run(ctx->db, "UPDATE account SET login_disabled = ?2 WHERE name = ?1", texts, 2,
                       err);
    return rc < 0 ? rc : directory_answer(c, slice_eq(account.login_disabled, texts[1]), err);
}

static void logins_committed(struct call *c)
{
    const struct account_edit *edit = c->state;

    if (c->request->account_edit->edit == GW__EDIT__EDIT_DISABLE)
        store_end_account_sessions(c->store, edit->account_id);
}

static int logins_edit(struct call *c, struct err *err)
{
    const Gw__AccountEdit *request = c->request->account_edit;

    if (request->edit != GW__EDIT__EDIT_DISABLE && request->edit != GW__EDIT__EDIT_ENABLE)
        return no_such_edit(err);
    int rc = request->edit == GW__EDIT__EDIT_DISABLE
                 ? directory_text_check(rpc_slice(request->reason), "a reason", err)
                 : 0;

    if (rc < 0)
        return rc;
    c->committed = logins_committed;
    return call_write(c, c->store->directory, logins_apply);
}

static bool is_account_name(struct slice name)
{
    if (name.n == 0 || name.n > ACCOUNT_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        if (!ascii_is_alnum(name.p[i]) && slice_find_byte(SLICE("-_.@+"), name.p[i]) == SIZE_MAX)
            return false;
    }
    return ascii_is_alnum(name.p[0]);
}

int call_account_edit(struct call *c, struct err *err)
{
    c->state = ARENA_NEW(&c->in, struct account_edit);
    if (!c->state)
        return call_no_memory(err);
    if (!is_account_name(rpc_slice(c->request->account_edit->account)))
        return err_set(
            err, ERR_INVALID,
            "an account name has 1 to %d letters, digits, and - _ . @ +, and starts with "
            "a letter or digit",
            ACCOUNT_NAME_MAX);
    if (c->request->account_edit->edit != GW__EDIT__EDIT_ADD &&
        c->request->account_edit->edit != GW__EDIT__EDIT_REMOVE)
        return logins_edit(c, err);
    c->write = (struct write){.apply = first_apply, .done = first_done};
    shard_submit(c->store->directory, &c->write);
    return CALL_WAITS;
}
