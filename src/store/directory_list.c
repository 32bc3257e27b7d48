/* DirectoryList: what the directory has, in pages of rows in the order of their names. */
#include "rpc/call.h"
#include "store/directory_set.h"
#include "store/store_private.h"

#define ROWS_MAX 1000

/* Where the page begins: behind `after`. The statements compare it with ?1. */
static int query_domains(struct call *c, struct db *db, struct db_row *r, struct err *err)
{
    struct slice of = rpc_slice(c->request->directory_list->of);
    int rc = of.n > 0 ? directory_need_domain(db, &c->in, of, &of, err) : 0;

    if (rc == 0)
        rc = db_query(db,
                      "SELECT domain, disabled, localpart_separators, localpart_case_sensitive "
                      "FROM domain WHERE domain > ?1 AND (?2 = '' OR domain = ?2) ORDER BY domain",
                      r, err);
    if (rc < 0)
        return rc;
    db_bind_text(r, 1, rpc_slice(c->request->directory_list->after));
    db_bind_text(r, 2, of);
    return 0;
}

static int query_accounts(struct call *c, struct db *db, struct db_row *r, struct err *err)
{
    struct slice of = rpc_slice(c->request->directory_list->of);
    struct directory_account account = {.account_id = 0};
    int rc = of.n > 0 ? directory_need_account(db, &c->in, of, &account, err) : 0;

    if (rc == 0)
        rc = db_query(db,
                      "SELECT name, login_disabled, quota_bytes, messages_per_day, "
                      "recipients_per_day FROM account WHERE name > ?1 AND (?2 = 0 OR account_id "
                      "= ?2) ORDER BY name",
                      r, err);
    if (rc < 0)
        return rc;
    db_bind_text(r, 1, rpc_slice(c->request->directory_list->after));
    db_bind_int(r, 2, account.account_id);
    return 0;
}

/* `after` is an address as it was listed; ?1 is its local part, ?2 its domain, ?3 whether it is a
 * catch-all. Before the first page all are empty. */
static int bind_after(struct call *c, struct db_row *r, struct err *err)
{
    struct slice after = rpc_slice(c->request->directory_list->after);
    struct address address = {.localpart = SLICE(""), .domain = SLICE("")};
    int rc = after.n > 0 ? address_parse_typed(&c->in, after, &address, err) : 0;

    if (rc < 0) {
        db_done(r);
        return rc;
    }
    db_bind_text(r, 1, address.localpart);
    db_bind_text(r, 2, address.domain);
    db_bind_int(r, 3, address.catchall);
    return 0;
}

static int query_addresses(struct call *c, struct db *db, struct db_row *r, struct err *err)
{
    struct slice of = rpc_slice(c->request->directory_list->of);
    struct directory_account account = {.account_id = 0};
    int rc = of.n > 0 ? directory_need_account(db, &c->in, of, &account, err) : 0;

    if (rc == 0)
        rc = db_query(db,
                      "SELECT a.localpart, a.domain, a.catchall, c.name, a.mailbox, a.refusal, "
                      "a.auth_refusal FROM address a JOIN account c ON c.account_id = a.account_id "
                      "WHERE (a.localpart, a.domain, a.catchall) > (?1, ?2, ?3) AND (?4 = 0 OR "
                      "c.account_id = ?4) ORDER BY a.localpart, a.domain, a.catchall",
                      r, err);
    if (rc < 0)
        return rc;
    db_bind_int(r, 4, account.account_id);
    return bind_after(c, r, err);
}

static int query_aliases(struct call *c, struct db *db, struct db_row *r, struct err *err)
{
    struct slice name;
    int rc =
        directory_need_domain(db, &c->in, rpc_slice(c->request->directory_list->of), &name, err);

    if (rc == 0)
        rc = db_query(db,
                      "SELECT localpart, domain, 0 FROM alias WHERE (localpart, domain, 0) > "
                      "(?1, ?2, ?3) AND domain = ?4 ORDER BY localpart",
                      r, err);
    if (rc < 0)
        return rc;
    db_bind_text(r, 4, name);
    return bind_after(c, r, err);
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
                      "SELECT member_localpart, member_domain, 0 FROM alias_member WHERE "
                      "(member_localpart, member_domain, 0) > (?1, ?2, ?3) AND domain = ?4 AND "
                      "localpart = ?5 ORDER BY member_localpart, member_domain",
                      r, err);
    if (rc < 0)
        return rc;
    db_bind_text(r, 4, self.domain);
    db_bind_text(r, 5, self.localpart);
    c->response.directory->post_public = alias.post_public;
    c->response.directory->list_members = alias.list_members;
    c->response.directory->allow_msg_from = alias.allow_msg_from;
    return bind_after(c, r, err);
}

/* The row of a catch-all. */
static int query_catchall(struct db *db, const struct address *address, struct db_row *r,
                          struct err *err)
{
    int rc = directory_address_exists(db, address, err);

    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, "the domain %.*s has no catch-all",
                       SLICE_FMT(address->domain));
    if (rc == 1)
        rc = db_query(db,
                      "SELECT '', a.domain, 1, c.name, a.mailbox, a.refusal, a.auth_refusal FROM "
                      "address a JOIN account c ON c.account_id = a.account_id WHERE a.domain = ?1 "
                      "AND a.catchall",
                      r, err);

    if (rc == 0)
        db_bind_text(r, 1, address->domain);
    return rc;
}

/* What receives mail for the address: itself, the catch-all of its domain, or its role. */
static int query_address(struct call *c, struct db *db, struct db_row *r, struct err *err)
{
    struct slice text = rpc_slice(c->request->directory_list->of);
    struct directory_target target;
    struct address address;
    int rc = address_parse_typed(&c->in, text, &address, err);

    if (rc == 0 && address.catchall)
        return query_catchall(db, &address, r, err);
    if (rc == 0) {
        struct slice wire = arena_printf(&c->in, "%.*s@%.*s", SLICE_FMT(address.localpart),
                                         SLICE_FMT(address.domain));

        rc = directory_resolve(db, &c->in, wire, slice_str(c->store->hostname), DIRECTORY_RCPT,
                               &target, err);
    }
    if (rc < 0)
        return rc;
    if (target.where == DIRECTORY_ALIAS)
        return err_set(err, ERR_INVALID, "%.*s is an alias", SLICE_FMT(target.canonical));
    if (target.account_id == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no address %.*s", SLICE_FMT(text));
    rc = db_query(db, "SELECT ?1, ?2, ?3, name, ?4, ?5, ?6 FROM account WHERE account_id = ?7", r,
                  err);
    if (rc < 0)
        return rc;
    db_bind_text(r, 1, target.localpart);
    db_bind_text(r, 2, target.domain);
    db_bind_int(r, 3, 0);
    db_bind_text(r, 4, target.mailbox);
    db_bind_text(r, 5, target.refusal);
    db_bind_text(r, 6, target.auth_refusal);
    db_bind_int(r, 7, target.account_id);
    return 0;
}

static int query_installation(struct call *c, struct db *db, struct db_row *r, struct err *err)
{
    int64_t quota = 0;
    int rc = directory_quota(db, &quota, err);

    (void)c;
    if (rc == 0)
        rc = db_query(db, "SELECT ?1", r, err);
    if (rc == 0)
        db_bind_int(r, 1, quota);
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
    case GW__DIRECTORY_LIST__WHAT__WHAT_INSTALLATION:
        return query_installation(c, db, r, err);
    default:
        return err_set(err, ERR_INVALID, "there is no such list");
    }
}

static ProtobufCBinaryData column(struct call *c, struct db_row *r, int i)
{
    return rpc_bytes(arena_copy(&c->out, db_blob(r, i)));
}

static int domain_row(struct call *c, struct db *db, struct db_row *r, Gw__DirectoryRow *row,
                      struct err *err)
{
    struct slice name = arena_copy(&c->out, db_blob(r, 0));
    struct slice separators = arena_copy(&c->out, db_blob(r, 2)), separator;

    row->name = rpc_bytes(name);
    row->disabled = db_int(r, 1) != 0;
    row->case_sensitive = db_int(r, 3) != 0;
    row->separators = ARENA_ARRAY(&c->out, separators.n + 1, ProtobufCBinaryData);
    if (!row->separators)
        return call_no_memory(err);
    while (address_separator_next(&separators, &separator))
        row->separators[row->n_separators++] = rpc_bytes(separator);
    int rc = directory_role_get(c, db, DIRECTORY_ROLE_DMARC, name, &row->dmarc_reports, err);

    return rc < 0 ? rc
                  : directory_role_get(c, db, DIRECTORY_ROLE_TLS, name, &row->tls_reports, err);
}

static int account_row(struct call *c, struct db_row *r, Gw__DirectoryRow *row)
{
    row->name = column(c, r, 0);
    row->reason = column(c, r, 1);
    row->disabled = row->reason.len > 0;
    row->quota_bytes = db_int(r, 2);
    row->messages_per_day = db_int(r, 3);
    row->recipients_per_day = db_int(r, 4);
    return 0;
}

/* Members and aliases have the first three columns only. */
static int address_row(struct call *c, struct db_row *r, bool whole, Gw__DirectoryRow *row)
{
    const struct address address = {
        .localpart = db_blob(r, 0), .domain = db_blob(r, 1), .catchall = db_int(r, 2) != 0};

    row->name = rpc_bytes(address_text(&c->out, &address));
    if (!whole)
        return 0;
    row->account = column(c, r, 3);
    row->mailbox = column(c, r, 4);
    row->refusal = column(c, r, 5);
    row->auth_refusal = column(c, r, 6);
    return 0;
}

static int installation_row(struct call *c, struct db *db, struct db_row *r, Gw__DirectoryRow *row,
                            struct err *err)
{
    row->quota_bytes = db_int(r, 0);
    int rc = directory_role_get(c, db, DIRECTORY_ROLE_POSTMASTER, SLICE(""), &row->postmaster, err);

    return rc < 0 ? rc
                  : directory_role_get(c, db, DIRECTORY_ROLE_HOST_TLS, SLICE(""), &row->tls_reports,
                                       err);
}

static int row_of(struct call *c, struct db *db, struct db_row *r, Gw__DirectoryRow **out,
                  struct err *err)
{
    Gw__DirectoryRow *row = call_message(c, &gw__directory_row__descriptor);
    Gw__DirectoryList__What what = c->request->directory_list->what;
    int rc;

    if (!row)
        return call_no_memory(err);
    *out = row;
    if (what == GW__DIRECTORY_LIST__WHAT__WHAT_DOMAINS)
        rc = domain_row(c, db, r, row, err);
    else if (what == GW__DIRECTORY_LIST__WHAT__WHAT_ACCOUNTS)
        rc = account_row(c, r, row);
    else if (what == GW__DIRECTORY_LIST__WHAT__WHAT_INSTALLATION)
        rc = installation_row(c, db, r, row, err);
    else
        rc = address_row(c, r,
                         what == GW__DIRECTORY_LIST__WHAT__WHAT_ADDRESSES ||
                             what == GW__DIRECTORY_LIST__WHAT__WHAT_ADDRESS,
                         row);
    return rc == 0 && arena_failed(&c->out) ? call_no_memory(err) : rc;
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
    while (!page->more && (rc = db_step(&r, err)) == 1) {
        Gw__DirectoryRow *row = NULL;

        rc = row_of(c, db, &r, &row, err);
        if (rc < 0)
            break;
        page->more = page->n_rows == ROWS_MAX || !call_page_fits(&used, &row->base);
        if (!page->more)
            page->rows[page->n_rows++] = row;
    }
    db_done(&r);
    return rc < 0 ? rc : 0;
}
