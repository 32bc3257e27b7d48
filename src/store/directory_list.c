/* DirectoryList: what the directory has, in pages of rows in the order of their names. */
#include "rpc/call.h"
#include "store/directory.h"
#include "store/request.h"
#include "store/store_private.h"

#define ROWS_MAX 1000

/* The columns are name, account, whether it is disabled, and why. `after` is bound to ?1. */
static int query_domains(struct call *c, struct db *db, struct db_row *r, struct err *err)
{
    (void)c;
    return db_query(db,
                    "SELECT domain, '', disabled, '' FROM domain WHERE domain > ?1 ORDER BY domain",
                    r, err);
}

static int query_accounts(struct call *c, struct db *db, struct db_row *r, struct err *err)
{
    (void)c;
    return db_query(db,
                    "SELECT name, '', login_disabled <> '', login_disabled FROM account "
                    "WHERE name > ?1 ORDER BY name",
                    r, err);
}

static int query_addresses(struct call *c, struct db *db, struct db_row *r, struct err *err)
{
    struct slice of = rpc_slice(c->request->directory_list->of);
    struct directory_account account = {.account_id = 0};
    int rc = of.n > 0 ? directory_account(db, &c->in, of, &account, err) : 1;

    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no account of that name");
    if (rc == 1)
        rc = db_query(db,
                      "SELECT address.localpart || '@' || address.domain AS text, account.name, 0, "
                      "'' FROM address JOIN account ON account.account_id = address.account_id "
                      "WHERE text > ?1 AND (?2 = 0 OR account.account_id = ?2) ORDER BY text",
                      r, err);
    if (rc == 0)
        db_bind_int(r, 2, account.account_id);
    return rc;
}

static int query_aliases(struct call *c, struct db *db, struct db_row *r, struct err *err)
{
    struct directory_domain domain;
    struct slice name;
    int rc = address_domain(&c->in, rpc_slice(c->request->directory_list->of), &name, err);

    if (rc == 0)
        rc = directory_domain(db, &c->in, name, &domain, err);
    else
        return rc;
    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no domain %.*s", SLICE_FMT(name));
    if (rc == 1)
        rc = db_query(db,
                      "SELECT localpart || '@' || domain AS text, '', 0, '' FROM alias "
                      "WHERE text > ?1 AND domain = ?2 ORDER BY text",
                      r, err);
    if (rc == 0)
        db_bind_text(r, 2, name);
    return rc;
}

static int query_members(struct call *c, struct db *db, struct db_row *r, struct err *err)
{
    struct directory_alias alias;
    struct address self;
    int rc = directory_own_address(db, &c->in, rpc_slice(c->request->directory_list->of),
                                   /* catchall= */ false, &self, err);

    if (rc == 0)
        rc = directory_alias(db, &c->in, &self, &alias, err);
    if (rc == 0)
        rc = db_query(db,
                      "SELECT member_localpart || '@' || member_domain AS text, '', 0, '' FROM "
                      "alias_member WHERE text > ?1 AND domain = ?2 AND localpart = ?3 "
                      "ORDER BY text",
                      r, err);
    if (rc < 0)
        return rc;
    db_bind_text(r, 2, self.domain);
    db_bind_text(r, 3, self.localpart);
    c->response.directory->post_public = alias.post_public;
    c->response.directory->list_members = alias.list_members;
    c->response.directory->allow_msg_from = alias.allow_msg_from;
    return 0;
}

/* What receives mail for the address: itself, or the catch-all of its domain. */
static int query_address(struct call *c, struct db *db, struct db_row *r, struct err *err)
{
    struct slice text = rpc_slice(c->request->directory_list->of);
    struct directory_target target;
    int rc = directory_resolve(db, &c->in, text, SLICE(""), DIRECTORY_LOGIN, &target, err);

    if (rc == 0 && target.where == DIRECTORY_ALIAS)
        return err_set(err, ERR_INVALID, "%.*s is an alias", SLICE_FMT(target.canonical));
    if (rc == 0 && target.where != DIRECTORY_LOCAL)
        return err_set(err, ERR_NOT_FOUND, "there is no address %.*s", SLICE_FMT(text));
    if (rc == 0)
        rc = db_query(db,
                      "SELECT address.localpart || '@' || address.domain AS text, account.name, 0, "
                      "'' FROM address JOIN account ON account.account_id = address.account_id "
                      "WHERE text > ?1 AND address.domain = ?2 AND address.localpart IN (?3, '') "
                      "ORDER BY length(address.localpart) DESC LIMIT 1",
                      r, err);
    if (rc == 0) {
        db_bind_text(r, 2, target.domain);
        db_bind_text(r, 3, target.localpart);
    }
    return rc;
}

static int query(struct call *c, struct db *db, struct db_row *r, struct err *err)
{
    switch (c->request->directory_list->what) {
    case GW__DIRECTORY_LIST__WHAT__WHAT_DOMAINS:
        return query_domains(c, db, r, err);
    case GW__DIRECTORY_LIST__WHAT__WHAT_ACCOUNTS:
        return query_accounts(c, db, r, err);
    case GW__DIRECTORY_LIST__WHAT__WHAT_ADDRESSES:
        return query_addresses(c, db, r, err);
    case GW__DIRECTORY_LIST__WHAT__WHAT_ADDRESS:
        return query_address(c, db, r, err);
    case GW__DIRECTORY_LIST__WHAT__WHAT_ALIASES:
        return query_aliases(c, db, r, err);
    case GW__DIRECTORY_LIST__WHAT__WHAT_ALIAS_MEMBERS:
        return query_members(c, db, r, err);
    default:
        return err_set(err, ERR_INVALID, "there is no such list");
    }
}

static Gw__DirectoryRow *row_of(struct call *c, struct db_row *r)
{
    Gw__DirectoryRow *row = call_message(c, &gw__directory_row__descriptor);

    if (!row)
        return NULL;
    row->name = rpc_bytes(arena_copy(&c->out, db_blob(r, 0)));
    row->account = rpc_bytes(arena_copy(&c->out, db_blob(r, 1)));
    row->disabled = db_int(r, 2) != 0;
    row->reason = rpc_bytes(arena_copy(&c->out, db_blob(r, 3)));
    return row;
}

int call_directory_list(struct call *c, struct err *err)
{
    struct db *db = shard_reader(c->store->directory, c->from.thread);
    Gw__Directory *page = call_message(c, &gw__directory__descriptor);
    struct db_row r;
    size_t used = 0;

    if (page)
        page->rows = ARENA_ARRAY(&c->out, ROWS_MAX, Gw__DirectoryRow *);
    if (!page || !page->rows)
        return call_no_memory(err);
    c->response.result_case = GW__RESPONSE__RESULT_DIRECTORY;
    c->response.directory = page;
    int rc = query(c, db, &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, rpc_slice(c->request->directory_list->after));
    while (!page->more && (rc = db_step(&r, err)) == 1) {
        Gw__DirectoryRow *row = row_of(c, &r);

        if (!row) {
            rc = call_no_memory(err);
            break;
        }
        page->more = page->n_rows == ROWS_MAX || !call_page_fits(&used, &row->base);
        if (!page->more)
            page->rows[page->n_rows++] = row;
    }
    db_done(&r);
    return rc < 0 ? rc : 0;
}
