/* One transaction: MAIL, RCPT for each, DATA, in that order; `sent` and `answered` count them. With
 * PIPELINING (RFC 2920) they go out in batches, so that what waits in buffers on both sides is
 * bounded; without, a batch is one command, and what is known by then decides about the next. */
#include "smtp/client/client_private.h"

#define BATCH 50u

struct run {
    struct smtpc *c;
    const struct smtpc_envelope *e;
    struct smtpc_recipient **list;
    size_t n;
    struct smtpc_needs needs;
    bool chunks;
    size_t sent, answered, total;
    size_t accepted;
    bool mail_refused;
    unsigned data_code;
};

static void settle_all(struct run *r, struct smtpc_outcome outcome)
{
    for (size_t i = 0; i < r->n; i++)
        r->list[i]->outcome = outcome;
}

/* Those who have no answer yet, and those whose acceptance led to nothing. */
static void settle_rest(struct run *r, const struct smtpc_outcome *failure)
{
    struct smtpc_outcome outcome = *failure;

    /* The text must outlive the client's failure. */
    outcome.text = arena_copy(r->e->arena, failure->text);
    for (size_t i = 0; i < r->n; i++)
        if (r->list[i]->outcome.state <= SMTPC_TAKEN)
            r->list[i]->outcome = outcome;
}

/* ---- sending ---- */

static bool write_command(struct run *r, size_t i)
{
    struct builder *out = &r->c->out;
    bool ok = true;

    if (i == 0)
        ok = smtpc_write_mail(r->c, r->e, &r->needs, out);
    else if (i <= r->n)
        ok = smtpc_write_rcpt(r->list[i - 1], r->e, &r->needs, out);
    else
        build_text(out, "DATA");
    build_text(out, "\r\n");
    return ok && build_ok(out);
}

static bool nothing_to_send_data_for(const struct run *r)
{
    return r->sent == r->n + 1 && r->answered == r->sent && r->accepted == 0;
}

/* The next batch into c->out; false: nothing more is to be said. */
static bool next_batch(struct run *r)
{
    size_t batch = r->c->offer.pipelining ? BATCH : 1;

    if (r->mail_refused || r->sent == r->total || nothing_to_send_data_for(r))
        return false;
    for (size_t i = 0; i < batch && r->sent < r->total; i++) {
        size_t before = r->c->out.n;

        if (!write_command(r, r->sent)) {
            /* Checked before the transaction began: only memory is left as a reason. */
            build_truncate(&r->c->out, before);
            return false;
        }
        r->sent++;
    }
    return true;
}

/* ---- answers ---- */

/* RFC 5321 4.5.3.1.10: 552 from servers that mean 452. */
static void take_rcpt(struct run *r, size_t i, const struct smtpc_reply *reply)
{
    struct smtpc_outcome *outcome = &r->list[i]->outcome;
    bool too_many = reply->code == 452 || reply->code == 552;

    *outcome = smtpc_of_reply(r->e->arena, reply, "RCPT");
    if (reply->code >= 250 && reply->code <= 252) {
        outcome->state = SMTPC_TAKEN;
        r->accepted++;
        return;
    }
    if (too_many)
        outcome->state = SMTPC_TEMPORARY;
    if (!too_many || i == 0 || r->c->offer.pipelining)
        return;
    for (size_t k = i + 1; k < r->n; k++)
        r->list[k]->outcome = *outcome;
    r->sent = r->n + 1; /* DATA is next, once this one has been counted */
    r->answered = r->n;
}

static void take_answer(struct run *r, const struct smtpc_reply *reply)
{
    size_t i = r->answered;

    if (i == 0 && (reply->code < 250 || reply->code > 252)) {
        r->mail_refused = true;
        settle_all(r, smtpc_of_reply(r->e->arena, reply, "MAIL"));
    } else if (i > 0 && i <= r->n) {
        if (!r->mail_refused)
            take_rcpt(r, i - 1, reply);
    } else if (i > r->n) {
        r->data_code = reply->code;
        if (reply->code != 354) {
            struct smtpc_outcome outcome = smtpc_of_reply(r->e->arena, reply, "DATA");

            settle_rest(r, &outcome);
        }
    }
    r->answered++;
}

static int64_t timeout_of(const struct run *r)
{
    const struct smtpc_timeouts *t = &r->c->settings.timeouts;

    return r->answered == 0 ? t->mail_ns : r->answered <= r->n ? t->rcpt_ns : t->data_ns;
}

static const char *command_of(const struct run *r)
{
    return r->answered == 0 ? "MAIL" : r->answered <= r->n ? "RCPT" : "DATA";
}

/* False: the connection is lost, or the server says goodbye. */
static bool converse(struct run *r, struct err *err)
{
    const struct smtpc_reply *reply;

    while (next_batch(r)) {
        r->c->dirty = true;
        while (r->answered < r->sent) {
            if (smtpc_read(r->c, command_of(r), timeout_of(r), &reply, err) < 0)
                return false;
            if (reply->code == 421) {
                (void)smtpc_refused(r->c, reply, command_of(r), err);
                return false;
            }
            take_answer(r, reply);
        }
    }
    return true;
}

/* Nobody is left to get a message that the server already waits for. */
static void send_nothing(struct run *r, struct err *err)
{
    const struct smtpc_reply *reply;

    build_text(&r->c->out, ".\r\n");
    if (smtpc_read(r->c, "DATA", r->c->settings.timeouts.final_ns, &reply, err) == 0)
        r->c->dirty = false;
}

static void send_content(struct run *r, struct err *err)
{
    bool taken = false;

    if (r->accepted == 0) {
        if (r->data_code == 354)
            send_nothing(r, err);
        return;
    }
    if (!r->chunks && r->data_code != 354)
        return;
    if (r->chunks)
        smtpc_send_chunks(r->c, r->e, &taken, err);
    else
        smtpc_send_data(r->c, r->e, &taken, err);
    if (!taken)
        settle_rest(r, &r->c->failure);
}

static bool reset(struct run *r, struct err *err)
{
    const struct smtpc_reply *reply;

    if (!r->c->dirty)
        return true;
    if (smtpc_command(r->c, "RSET", "RSET", r->c->settings.timeouts.other_ns, &reply, err) < 0)
        return false;
    if (reply->code != 250) {
        (void)smtpc_refused(r->c, reply, "RSET", err);
        r->c->broken = true;
        return false;
    }
    r->c->dirty = false;
    return true;
}

void smtpc_transaction(struct smtpc *c, const struct smtpc_envelope *e,
                       struct smtpc_recipient **list, size_t n, struct err *err)
{
    struct run r = {.c = c, .e = e, .list = list, .n = n};

    r.needs.utf8 = e->utf8_header || smtpc_address_needs_utf8(e->from);
    for (size_t i = 0; i < n; i++) {
        list[i]->outcome = (struct smtpc_outcome){.state = SMTPC_NOT_TRIED};
        r.needs.utf8 |= smtpc_address_needs_utf8(list[i]->address);
    }
    r.needs.dsn = c->offer.dsn && !c->plain_dsn;
    r.needs.eightbit = c->offer.eightbit && e->eightbit;
    r.chunks = c->offer.chunking && (e->binary || c->settings.prefer_chunks);
    r.total = n + (r.chunks ? 1 : 2);
    if (!reset(&r, err)) {
        settle_rest(&r, &c->failure);
        return;
    }
    c->mails++;
    if (converse(&r, err))
        send_content(&r, err);
    else
        settle_rest(&r, &c->failure);
}
