/* AccountRead: what an account may see of itself. */
#include "base/num.h"
#include "rpc/call.h"
#include "store/directory.h"
#include "store/request.h"
#include "store/store_private.h"

#define ROWS_MAX 1000
/* The addresses of the account, and the members of one alias, take at most this much each. */
#define LIST_OCTETS_MAX (20u * 1024)

/* Texts in the answer's arena, as many as fit. */
struct texts {
    ProtobufCBinaryData *item;
    size_t n, octets;
    bool more;
};

static bool texts_add(struct call *c, struct texts *t, struct slice text)
{
    if (!t->item)
        t->item = ARENA_ARRAY(&c->out, ROWS_MAX, ProtobufCBinaryData);
    if (!t->item || t->n == ROWS_MAX || t->octets + text.n > LIST_OCTETS_MAX) {
        t->more = true;
        return false;
    }
    t->item[t->n++] = rpc_bytes(text);
    t->octets += text.n + 4;
    return true;
}

/* As people write it. in: localpart@domain. */
static struct slice printed(struct call *c, struct slice in, bool catchall)
{
    size_t at = slice_rfind_byte(in, '@');
    const struct address address = {slice_sub(in, 0, at), slice_from(in, at + 1), catchall};

    return address_text(&c->out, &address);
}

/* Addresses, and whether they are catch-alls. */
static int collect(struct call *c, struct db_row *r, struct texts *t, struct err *err)
{
    int rc;

    while ((rc = db_step(r, err)) == 1 &&
           texts_add(c, t, printed(c, db_blob(r, 0), db_int(r, 1) != 0)))
        ;
    db_done(r);
    return rc < 0 ? rc : 0;
}

static int read_addresses(struct call *c, struct db *db, Gw__Account *account, struct err *err)
{
    struct texts t = {.n = 0};
    struct db_row r;
    int rc = db_query(db,
                      "SELECT localpart || '@' || domain AS text, catchall FROM address "
                      "WHERE account_id = ?1 ORDER BY text, catchall",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, c->session.account_id);
    rc = collect(c, &r, &t, err);
    account->addresses = t.item;
    account->n_addresses = t.n;
    account->more_addresses = t.more;
    return rc;
}

static int read_members(struct call *c, struct db *db, struct slice alias, Gw__AccountAlias *row,
                        struct err *err)
{
    struct texts t = {.n = 0};
    struct db_row r;
    int rc =
        db_query(db,
                 "SELECT member_localpart || '@' || member_domain AS text, 0 FROM alias_member "
                 "WHERE localpart || '@' || domain = ?1 ORDER BY text",
                 &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, alias);
    rc = collect(c, &r, &t, err);
    row->members = t.item;
    row->n_members = t.n;
    row->more_members = t.more;
    return rc;
}

static int fill_alias(struct call *c, struct db *db, struct db_row *r, Gw__AccountAlias *row,
                      struct err *err)
{
    struct slice alias = arena_copy(&c->out, db_blob(r, 0));

    row->alias = rpc_bytes(printed(c, alias, false));
    row->member = rpc_bytes(printed(c, db_blob(r, 1), false));
    row->allow_msg_from = db_int(r, 2) != 0;
    row->list_members = db_int(r, 3) != 0;
    return row->list_members ? read_members(c, db, alias, row, err) : 0;
}

/* The last alias of the page before, as the rows are ordered. */
static int read_after(struct call *c, struct slice *out, struct err *err)
{
    struct slice after = rpc_slice(c->request->account_read->after);
    struct address address;
    int rc = after.n > 0 ? address_parse_typed(&c->in, after, &address, err) : 0;

    *out = SLICE("");
    if (rc == 0 && after.n > 0)
        *out = arena_printf(&c->in, "%.*s@%.*s", SLICE_FMT(address.localpart),
                            SLICE_FMT(address.domain));
    return rc;
}

static int read_aliases(struct call *c, struct db *db, Gw__Account *account, struct err *err)
{
    size_t used = protobuf_c_message_get_packed_size(&account->base);
    struct slice after;
    struct db_row r;
    int rc = read_after(c, &after, err);

    if (rc == 0)
        rc = db_query(db,
                      "SELECT a.localpart || '@' || a.domain AS text, "
                      "min(m.member_localpart || '@' || m.member_domain), a.allow_msg_from, "
                      "a.list_members FROM address s "
                      "JOIN alias_member m ON m.member_domain = s.domain AND "
                      "m.member_localpart = s.localpart AND NOT s.catchall "
                      "JOIN alias a ON a.domain = m.domain AND a.localpart = m.localpart "
                      "WHERE s.account_id = ?1 AND text > ?2 "
                      "GROUP BY text, a.allow_msg_from, a.list_members ORDER BY text",
                      &r, err);
    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, c->session.account_id);
    db_bind_text(&r, 2, after);
    while (!account->more && (rc = db_step(&r, err)) == 1) {
        Gw__AccountAlias *row = call_message(c, &gw__account_alias__descriptor);

        rc = row ? fill_alias(c, db, &r, row, err) : call_no_memory(err);
        if (rc < 0)
            break;
        account->more = account->n_aliases == ROWS_MAX || !call_page_fits(&used, &row->base);
        if (!account->more)
            account->aliases[account->n_aliases++] = row;
    }
    db_done(&r);
    return rc < 0 ? rc : 0;
}

static int read_counters(struct call *c, Gw__Account *account, struct err *err)
{
    struct db_row r;
    int rc = db_query(call_reader(c),
                      "SELECT size_bytes, quota_bytes, messages FROM account WHERE account_id = ?1",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, c->session.account_id);
    rc = db_step(&r, err);
    if (rc == 1) {
        account->quota_used = (uint64_t)db_int(&r, 0);
        account->quota_limit = (uint64_t)db_int(&r, 1);
        account->messages = (uint32_t)db_int(&r, 2);
    }
    db_done(&r);
    return rc < 0 ? rc : 0;
}

int call_account_read(struct call *c, struct err *err)
{
    struct db *db = shard_reader(c->store->directory, c->from.thread);
    Gw__Account *account = call_message(c, &gw__account__descriptor);
    struct directory_account row;

    if (account)
        account->aliases = ARENA_ARRAY(&c->out, ROWS_MAX, Gw__AccountAlias *);
    if (!account || !account->aliases)
        return call_no_memory(err);
    c->response.result_case = GW__RESPONSE__RESULT_ACCOUNT;
    c->response.account = account;
    int rc = directory_account_by_id(db, &c->out, c->session.account_id, &row, err);

    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, "the account is gone");
    if (rc == 1) {
        account->name = rpc_bytes(row.name);
        rc = read_counters(c, account, err);
    }
    if (rc == 0 && c->request->account_read->after.len == 0)
        rc = read_addresses(c, db, account, err);
    return rc == 0 ? read_aliases(c, db, account, err) : rc;
}
