/* Resolve. */
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

int call_resolve(struct call *c, struct err *err)
{
    const Gw__Resolve *request = c->request->resolve;
    struct db *db = shard_reader(c->store->directory, c->from.thread);
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
                                   slice_str(c->store->hostname), DIRECTORY_RCPT, &target, err);

        if (rc < 0)
            return rc;
        row->where = where_of(target.where);
        if (target.where == DIRECTORY_LOCAL || target.where == DIRECTORY_ALIAS)
            row->canonical = rpc_bytes(target.canonical);
        resolved->resolutions[resolved->n_resolutions++] = row;
    }
    c->response.result_case = GW__RESPONSE__RESULT_RESOLVED;
    c->response.resolved = resolved;
    return 0;
}
