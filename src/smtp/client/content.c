/* The message itself. A connection on which it went wrong half-way cannot be used any more: the
 * server would take what follows for the rest of it. */
#include "base/num.h"
#include "smtp/client/client_private.h"
#include "smtp/client/lines.h"

static void give_up(struct smtpc *c, enum smtpc_state state, enum smtpc_reason reason,
                    struct err *err)
{
    c->broken = true;
    (void)smtpc_give_up(c, state, reason, "DATA", err);
}

/* A server may refuse early and close: its reply counts more than the broken connection. */
static bool flush_block(struct smtpc *c, struct err *err)
{
    if (smtpc_flush(c, c->settings.timeouts.block_ns, err) == 0)
        return true;
    const struct smtpc_reply *reply = smtpc_peek(c);

    if (reply && reply->code >= 400)
        (void)smtpc_refused(c, reply, "DATA", err);
    else
        (void)smtpc_give_up(c, SMTPC_TEMPORARY, SMTPC_BY_CONNECTION, "DATA", err);
    c->broken = true;
    return false;
}

static bool next_block(struct smtpc *c, struct smtpc_source *source, uint8_t *block, size_t *n_out,
                       struct err *err)
{
    if (source->read(source, block, SMTPC_BLOCK_OCTETS, n_out, err) == 0)
        return true;
    give_up(c, SMTPC_TEMPORARY, SMTPC_BY_CONTENT, err);
    return false;
}

static bool final_reply(struct smtpc *c, bool *taken_out, struct err *err)
{
    const struct smtpc_reply *reply;

    if (smtpc_read(c, "DATA", c->settings.timeouts.final_ns, &reply, err) < 0)
        return false;
    /* RFC 5321 4.1.1.4: whatever the answer, the transaction is over. */
    c->dirty = false;
    *taken_out = reply->code == 250;
    if (!*taken_out)
        (void)smtpc_refused(c, reply, "DATA", err);
    return *taken_out;
}

void smtpc_send_data(struct smtpc *c, const struct smtpc_envelope *e, bool *taken_out,
                     struct err *err)
{
    uint8_t block[SMTPC_BLOCK_OCTETS];
    struct smtpc_lines lines = {.dots = true};
    size_t n = 0;

    *taken_out = false;
    do {
        if (!next_block(c, e->source, block, &n, err))
            return;
        int rc = n > 0 ? smtpc_lines_feed(&lines, slice_of(block, n), &c->out, err)
                       : smtpc_lines_end(&lines, &c->out, err);

        if (rc < 0) {
            build_reset(&c->out);
            give_up(c, SMTPC_PERMANENT, SMTPC_BY_CONTENT, err);
            return;
        }
        if (!flush_block(c, err))
            return;
    } while (n > 0);
    (void)final_reply(c, taken_out, err);
}

/* ---- BDAT (RFC 3030) ---- */

static size_t fill(struct smtpc *c, struct smtpc_source *source, uint8_t *block, bool *failed,
                   struct err *err)
{
    size_t have = 0, n = 0;

    do {
        if (source->read(source, block + have, SMTPC_BLOCK_OCTETS - have, &n, err) < 0) {
            give_up(c, SMTPC_TEMPORARY, SMTPC_BY_CONTENT, err);
            *failed = true;
            return 0;
        }
        have += n;
    } while (n > 0 && have < SMTPC_BLOCK_OCTETS);
    return have;
}

static bool chunk(struct smtpc *c, struct slice octets, bool last, struct err *err)
{
    const struct smtpc_reply *reply;

    build_printf(&c->out, "BDAT %zu%s\r\n", octets.n, last ? " LAST" : "");
    build_bytes(&c->out, octets);
    if (!flush_block(c, err))
        return false;
    if (last)
        return true;
    if (smtpc_read(c, "BDAT", c->settings.timeouts.block_ns, &reply, err) < 0)
        return false;
    if (reply->code == 250)
        return true;
    (void)smtpc_refused(c, reply, "BDAT", err);
    return false;
}

/* The same rules for line ends as with DATA, unless lines are none. */
static int check(struct smtpc_lines *lines, struct slice octets, bool last, struct err *err)
{
    struct builder unused;

    build_init(&unused, 2u * SMTPC_BLOCK_OCTETS);
    int rc = smtpc_lines_feed(lines, octets, &unused, err);

    if (rc == 0 && last)
        rc = smtpc_lines_end(lines, &unused, err);
    build_done(&unused);
    return rc;
}

void smtpc_send_chunks(struct smtpc *c, const struct smtpc_envelope *e, bool *taken_out,
                       struct err *err)
{
    uint8_t block[SMTPC_BLOCK_OCTETS];
    struct smtpc_lines lines = {.dots = false};
    bool last = false, failed = false;

    *taken_out = false;
    while (!last) {
        size_t n = fill(c, e->source, block, &failed, err);

        if (failed)
            return;
        last = n < SMTPC_BLOCK_OCTETS;
        if (!e->binary && check(&lines, slice_of(block, n), last, err) < 0) {
            /* Between chunks nothing is half said: RSET is enough. */
            (void)smtpc_give_up(c, SMTPC_PERMANENT, SMTPC_BY_CONTENT, "BDAT", err);
            return;
        }
        if (!chunk(c, slice_of(block, n), last, err))
            return;
    }
    (void)final_reply(c, taken_out, err);
}
