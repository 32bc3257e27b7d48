/* Expunge. */
#include "store/mailbox.h"
#include "store/request.h"
#include "store/uidset.h"

static void state_done(void *state)
{
    ranges_done(state);
}

static int expunge_apply(struct call *c, struct write_ctx *ctx, struct err *err)
{
    struct mailbox_expunge what = {.ranges = c->state,
                                   .only_deleted = true,
                                   .ranges_max = CALL_RANGES_MAX,
                                   .messages_max = CALL_MESSAGES_MAX};
    Gw__Expunged *expunged = call_message(c, &gw__expunged__descriptor);
    struct ranges removed = RANGES_EMPTY;
    struct mailbox m;
    uint64_t modseq = 0;

    if (!expunged)
        return call_no_memory(err);
    int rc = mailbox_need_id(ctx->db, &c->out, c->session.account_id, c->request->expunge->mailbox,
                             &m, err);

    if (rc == 0)
        rc = mailbox_expunge(ctx, &c->out, &m, &what, &modseq, &removed, &expunged->next_uid, err);
    if (rc == 0 && removed.n > 0)
        rc = mailbox_save(ctx, &m, err);
    if (rc == 0)
        rc = uidset_to_pairs(&c->out, &removed, &expunged->ranges, &expunged->n_ranges, err);
    ranges_done(&removed);
    if (rc < 0)
        return rc;
    expunged->modseq = (uint64_t)m.modseq;
    c->event_modseq = modseq;
    c->response.result_case = GW__RESPONSE__RESULT_EXPUNGED;
    c->response.expunged = expunged;
    return 0;
}

int call_expunge(struct call *c, struct err *err)
{
    const Gw__Expunge *request = c->request->expunge;
    struct ranges *ranges = ARENA_NEW(&c->in, struct ranges);

    if (!ranges)
        return call_no_memory(err);
    int rc = uidset_from_pairs(request->ranges, request->n_ranges, ranges, err);

    if (rc < 0)
        return rc;
    c->state = ranges;
    c->state_done = state_done;
    return call_write(c, call_shard(c), expunge_apply);
}
