/* Resolve. */
#include "base/cursor.h"
#include "rpc/call.h"
#include "store/directory.h"
#include "store/request.h"
#include "store/store_private.h"

#define ADDRESSES_MAX 100u

static Gw__Resolution__Where where_of(enum directory_where where)
{
    switch (where) {
    case DIRECTORY_LOCAL:
        return GW__RESOLUTION__WHERE__WHERE_LOCAL;
    case DIRECTORY_UNKNOWN:
        return GW__RESOLUTION__WHERE__WHERE_UNKNOWN;
    case DIRECTORY_DISABLED:
        return GW__RESOLUTION__WHERE__WHERE_DOMAIN_DISABLED;
    case DIRECTORY_ALIAS:
        return GW__RESOLUTION__WHERE__WHERE_ALIAS;
    case DIRECTORY_REMOTE:
        break;
    }
    return GW__RESOLUTION__WHERE__WHERE_REMOTE;
}

/* Who may send from an alias: the members, when it says so. 1, 0, or an error. */
static int is_own_alias(struct call *c, struct db *db, const struct directory_target *target,
                        struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "SELECT 1 FROM alias l JOIN alias_member m ON m.domain = l.domain AND "
                      "m.localpart = l.localpart JOIN address a ON a.domain = m.member_domain AND "
                      "a.localpart = m.member_localpart AND NOT a.catchall WHERE l.domain = ?1 AND "
                      "l.localpart = ?2 "
                      "AND l.allow_msg_from AND a.account_id = ?3",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, target->domain);
    db_bind_text(&r, 2, target->localpart);
    db_bind_int(&r, 3, c->session.account_id);
    rc = db_step(&r, err);
    db_done(&r);
    return rc;
}

/* The schema's "550 text". */
static void fill_refusal(const struct directory_target *target, Gw__Resolution *row)
{
    struct cursor c = cur_init(target->refusal);

    row->refusal_code = (uint32_t)cur_number(&c, 999, "code");
    row->refusal_text = rpc_bytes(slice_trim(slice_from(target->refusal, 3)));
}

static int fill(struct call *c, struct db *db, const struct directory_target *target,
                Gw__Resolution *row, struct err *err)
{
    int rc = 0;

    row->where = where_of(target->where);
    if (target->where == DIRECTORY_LOCAL || target->where == DIRECTORY_ALIAS)
        row->canonical = rpc_bytes(target->canonical);
    row->dmarc_reports = target->dmarc_reports;
    row->tls_reports = target->tls_reports;
    if (target->where == DIRECTORY_LOCAL) {
        row->mailbox = rpc_bytes(target->mailbox);
        if (target->refusal.n > 0)
            fill_refusal(target, row);
        row->auth_refusal = rpc_bytes(target->auth_refusal);
        rc = target->account_id == c->session.account_id;
    } else if (target->where == DIRECTORY_ALIAS && c->session.account_id > 0)
        rc = is_own_alias(c, db, target, err);
    row->own = rc == 1;
    return rc < 0 ? rc : 0;
}

int call_resolve(struct call *c, struct err *err)
{
    const Gw__Resolve *request = c->request->resolve;
    struct db *db = shard_reader(c->store->directory, c->from.thread);
    enum directory_use use =
        request->use == GW__RESOLVE__USE__USE_SENDER ? DIRECTORY_SENDER : DIRECTORY_RCPT;
    Gw__Resolved *resolved = call_message(c, &gw__resolved__descriptor);

    if (request->n_addresses > ADDRESSES_MAX)
        return err_set(err, ERR_LIMIT, "too many addresses at once");
    if (resolved)
        resolved->resolutions = ARENA_ARRAY(&c->out, request->n_addresses, Gw__Resolution *);
    if (!resolved || !resolved->resolutions)
        return call_no_memory(err);
    for (size_t i = 0; i < request->n_addresses; i++) {
        struct directory_target target;
        Gw__Resolution *row = call_message(c, &gw__resolution__descriptor);

        if (!row)
            return call_no_memory(err);
        int rc = directory_resolve(db, &c->out, rpc_slice(request->addresses[i]),
                                   slice_str(c->store->hostname), use, &target, err);

        if (rc == 0)
            rc = fill(c, db, &target, row, err);
        if (rc < 0)
            return rc;
        resolved->resolutions[resolved->n_resolutions++] = row;
    }
    c->response.result_case = GW__RESPONSE__RESULT_RESOLVED;
    c->response.resolved = resolved;
    return 0;
}
