/* Deliver: resolves the recipients, writes once per shard, answers when all shards have it on disk.
 *
 *   recipients ─ resolve ─ targets, grouped by shard (struct part) ─ one write each ─ last one
 * answers
 *
 * Each part is owned by its shard's writer between submit and done; whoever counts `open` down to 0
 * has the whole request. */
#include <stdatomic.h>
#include <stdlib.h>

#include "base/log.h"
#include "rpc/call.h"
#include "store/content.h"
#include "store/deliver.h"
#include "store/directory.h"
#include "store/message_add.h"
#include "store/store_private.h"

#define RECIPIENTS_MAX 1000u
#define TARGETS_MAX 4096u
#define WANTED_FIRST 4u

struct part {
    struct write write;
    struct call *call;
    struct deliver deliver;
    int rc;
    struct err err;
};

/* One mailbox that gets the message for a recipient; an alias has several. */
struct wanted {
    size_t recipient;
    unsigned shard;
    size_t index; /* in the part's targets */
    struct deliver_target target;
};

struct state {
    struct body_packed body;
    uint8_t *search;
    size_t search_n;
    Gw__Outcome *outcomes; /* one per recipient */
    struct wanted *wanted;
    size_t wanted_n;
    size_t wanted_cap;
    struct part *parts; /* one per shard */
    atomic_uint open;
};

static void state_done(void *state)
{
    struct state *s = state;

    body_packed_done(&s->body);
    free(s->search);
}

static void refuse(struct state *s, size_t recipient, enum err_kind kind, const char *text)
{
    s->outcomes[recipient].kind = kind;
    s->outcomes[recipient].text = rpc_bytes(slice_str(text));
}

/* ---- resolving ---- */

/* Most messages have one recipient. What is outgrown stays in the arena. */
static int make_room(struct call *c, struct state *s, struct err *err)
{
    if (s->wanted_n < s->wanted_cap)
        return 0;
    if (s->wanted_cap >= TARGETS_MAX)
        return err_set(err, ERR_LIMIT, "too many recipients at once");
    size_t cap = s->wanted_cap ? s->wanted_cap * 2 : WANTED_FIRST;
    struct wanted *wanted = ARENA_ARRAY(&c->in, cap, struct wanted);

    if (!wanted)
        return call_no_memory(err);
    if (s->wanted_n > 0)
        memcpy(wanted, s->wanted, s->wanted_n * sizeof(*wanted));
    s->wanted = wanted;
    s->wanted_cap = cap;
    return 0;
}

static int want(struct call *c, struct state *s, size_t i, const struct directory_target *target,
                struct err *err)
{
    const Gw__Recipient *recipient = c->request->deliver->recipients[i];
    struct db *db = shard_reader(c->store->directory, c->from.thread);
    struct directory_account account;
    int rc = directory_account_by_id(db, &c->in, target->account_id, &account, err);

    if (rc < 0)
        return rc;
    if (rc == 0 || account.shard >= c->store->shards_n) {
        refuse(s, i, ERR_UNAVAILABLE, "the account cannot be reached");
        return 0;
    }
    rc = make_room(c, s, err);
    if (rc < 0)
        return rc;
    s->wanted[s->wanted_n++] = (struct wanted){
        .recipient = i,
        .shard = account.shard,
        .target = {.account_id = account.account_id,
                   .mailbox = target->mailbox,
                   .address = rpc_slice(recipient->address),
                   .prefix = rpc_slice(recipient->prefix)},
    };
    return 0;
}

/* Whether the message's From may post: a member may, the alias itself and strangers as it says. */
static bool may_post(const struct directory_alias *alias, const struct directory_target *self,
                     const struct directory_target *from)
{
    for (size_t i = 0; i < alias->members_n; i++) {
        if (from->canonical.n > 0 && slice_eq(from->localpart, alias->members[i].localpart) &&
            slice_eq(from->domain, alias->members[i].domain))
            return true;
    }
    if (from->canonical.n > 0 && slice_eq(from->canonical, self->canonical))
        return alias->allow_msg_from;
    return alias->post_public;
}

static int want_members(struct call *c, struct state *s, size_t i,
                        const struct directory_target *self, struct err *err)
{
    const Gw__Facts *facts = c->request->deliver->content->facts;
    struct db *db = shard_reader(c->store->directory, c->from.thread);
    struct slice hostname = slice_str(c->store->hostname);
    struct directory_target from;
    struct directory_alias alias;
    struct slice address =
        arena_printf(&c->in, "%.*s@%.*s", SLICE_FMT(rpc_slice(facts->from_localpart)),
                     SLICE_FMT(rpc_slice(facts->from_domain)));
    int rc = directory_resolve(db, &c->in, address, hostname, DIRECTORY_RCPT, &from, err);

    if (rc == 0)
        rc = directory_alias(db, &c->in, self, &alias, err);
    if (rc < 0)
        return rc;
    if (!may_post(&alias, self, &from)) {
        refuse(s, i, ERR_DENIED, "you may not post to this address");
        return 0;
    }
    /* Who is left when the sender is not told its own message: perhaps nobody, which is success. */
    for (size_t k = 0; rc == 0 && k < alias.members_n; k++) {
        struct directory_target member;

        address = arena_printf(&c->in, "%.*s@%.*s", SLICE_FMT(alias.members[k].localpart),
                               SLICE_FMT(alias.members[k].domain));
        rc = directory_resolve(db, &c->in, address, hostname, DIRECTORY_RCPT, &member, err);
        if (rc == 0 && member.where == DIRECTORY_LOCAL &&
            !(from.canonical.n > 0 && slice_eq(from.canonical, member.canonical)))
            rc = want(c, s, i, &member, err);
    }
    return rc;
}

static int resolve_one(struct call *c, struct state *s, size_t i, struct err *err)
{
    struct db *db = shard_reader(c->store->directory, c->from.thread);
    struct directory_target target;
    int rc = directory_resolve(db, &c->in, rpc_slice(c->request->deliver->recipients[i]->address),
                               slice_str(c->store->hostname), DIRECTORY_RCPT, &target, err);

    if (rc < 0)
        return rc;
    switch (target.where) {
    case DIRECTORY_LOCAL:
        return want(c, s, i, &target, err);
    case DIRECTORY_ALIAS:
        return want_members(c, s, i, &target, err);
    case DIRECTORY_DISABLED:
        refuse(s, i, ERR_UNAVAILABLE, "the domain does not accept mail now");
        return 0;
    case DIRECTORY_UNKNOWN:
    case DIRECTORY_REMOTE:
        break;
    }
    refuse(s, i, ERR_NOT_FOUND, "there is no such address");
    return 0;
}

/* ---- writing ---- */

static const struct deliver_target *target_of(const struct state *s, const struct wanted *w)
{
    return &s->parts[w->shard].deliver.targets[w->index];
}

/* What became of one member of an alias, or of a plain recipient (the only one). `settled`: no
 * other member changes the outcome; `stored`: one has the message. */
static void collect_outcome(struct call *c, struct state *s, const struct wanted *w, bool *settled,
                            bool *stored)
{
    const struct part *part = &s->parts[w->shard];
    const struct deliver_target *target = target_of(s, w);

    if (target->kind == ERR_NONE && part->rc == 0) {
        if (!*settled)
            refuse(s, w->recipient, ERR_NONE, NULL);
        *stored = true;
        if (target->modseq > 0)
            events_publish(c->store->events, target->account_id, target->modseq);
    } else if (*settled) {
        return;
    } else if (part->rc < 0) {
        refuse(s, w->recipient, part->err.kind, part->err.text);
        *settled = true;
    } else if (target->kind == ERR_NOT_FOUND) {
        /* The directory knows the account: it is about to be made, or to be removed. */
        refuse(s, w->recipient, ERR_UNAVAILABLE, "the account cannot be reached");
        *settled = true;
    } else if (!*stored) {
        refuse(s, w->recipient, target->kind, target->text);
    }
}

/* An alias has succeeded when one member has the message and the others refuse it, say because they
 * are full. When a member cannot be reached or its disk fails, the sender has to come again: that
 * some then have the message twice is better than that one never has it. */
static void collect_outcomes(struct call *c, struct state *s)
{
    for (size_t i = 0; i < s->wanted_n;) {
        size_t recipient = s->wanted[i].recipient;
        bool settled = s->outcomes[recipient].kind != ERR_NONE, stored = false;

        for (; i < s->wanted_n && s->wanted[i].recipient == recipient; i++)
            collect_outcome(c, s, &s->wanted[i], &settled, &stored);
    }
}

static int answer(struct call *c, struct state *s, struct err *err)
{
    size_t n = c->request->deliver->n_recipients;
    Gw__Delivered *delivered = call_message(c, &gw__delivered__descriptor);

    if (delivered)
        delivered->outcomes = ARENA_ARRAY(&c->out, n, Gw__Outcome *);
    if (!delivered || !delivered->outcomes)
        return call_no_memory(err);
    for (size_t i = 0; i < n; i++)
        delivered->outcomes[delivered->n_outcomes++] = &s->outcomes[i];
    c->response.result_case = GW__RESPONSE__RESULT_DELIVERED;
    c->response.delivered = delivered;
    return 0;
}

static int part_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    struct part *part = (struct part *)((char *)w - offsetof(struct part, write));

    return deliver_apply(ctx, &part->deliver, err);
}

static void part_done(struct write *w, int rc, const struct err *err)
{
    struct part *part = (struct part *)((char *)w - offsetof(struct part, write));
    struct call *c = part->call;
    struct state *s = c->state;
    struct err answer_err = {0};

    part->rc = rc;
    if (rc < 0) {
        part->err = *err;
        log_err(c->store->env->log, LOG_ERROR, "store", c->request->cid, "delivery failed", err);
    }
    if (atomic_fetch_sub(&s->open, 1) > 1)
        return;
    collect_outcomes(c, s);
    call_finish(c, answer(c, s, &answer_err), &answer_err);
}

/* Gives each shard its targets. */
static int make_parts(struct call *c, struct state *s, unsigned *open_out, struct err *err)
{
    const Gw__Deliver *request = c->request->deliver;
    unsigned open = 0;

    s->parts = ARENA_ARRAY(&c->in, c->store->shards_n, struct part);
    if (!s->parts)
        return call_no_memory(err);
    for (size_t i = 0; i < s->wanted_n; i++)
        s->wanted[i].index = s->parts[s->wanted[i].shard].deliver.targets_n++;
    for (uint32_t k = 0; k < c->store->shards_n; k++) {
        struct part *part = &s->parts[k];
        size_t n = part->deliver.targets_n;

        if (n == 0)
            continue;
        open++;
        part->call = c;
        part->write = (struct write){.apply = part_apply, .done = part_done};
        part->deliver = (struct deliver){
            .facts = request->content->facts,
            .origin = request->origin,
            .reverse_path = rpc_slice(request->reverse_path),
            .received_ns = request->received_ns,
            .body = &s->body,
            .search_packed = slice_of(s->search, s->search_n),
            .targets = ARENA_ARRAY(&c->in, n, struct deliver_target),
            .targets_n = n,
        };
        if (!part->deliver.targets)
            return call_no_memory(err);
    }
    for (size_t i = 0; i < s->wanted_n; i++)
        s->parts[s->wanted[i].shard].deliver.targets[s->wanted[i].index] = s->wanted[i].target;
    *open_out = open;
    return 0;
}

/* The loop must not touch the request after the last submit: it may be answered by then. */
static int submit(struct call *c, struct state *s, unsigned open)
{
    struct store *store = c->store;
    struct part *parts = s->parts;

    atomic_init(&s->open, open);
    for (uint32_t k = 0; open > 0 && k < store->shards_n; k++) {
        if (parts[k].deliver.targets_n == 0)
            continue;
        open--;
        shard_submit(store->shards[k], &parts[k].write);
    }
    return CALL_WAITS;
}

static int make_state(struct call *c, struct state **out, struct err *err)
{
    const Gw__Deliver *request = c->request->deliver;
    struct state *s = ARENA_NEW(&c->in, struct state);

    if (request->n_recipients == 0 || request->n_recipients > RECIPIENTS_MAX)
        return err_set(err, ERR_INVALID, "a message needs 1 to %u recipients", RECIPIENTS_MAX);
    if (!request->content || !request->content->facts || !request->origin)
        return err_set(err, ERR_INVALID, "a message without its facts or its origin");
    if (s)
        s->outcomes = ARENA_ARRAY(&c->in, request->n_recipients, Gw__Outcome);
    if (!s || !s->outcomes)
        return call_no_memory(err);
    for (size_t i = 0; i < request->n_recipients; i++)
        gw__outcome__init(&s->outcomes[i]);
    *out = s;
    return 0;
}

int call_deliver(struct call *c, struct err *err)
{
    const Gw__Deliver *request = c->request->deliver;
    struct state *s = NULL;
    size_t fds_used = 0;
    unsigned open = 0;
    int rc = make_state(c, &s, err);

    for (size_t i = 0; rc == 0 && i < request->n_recipients; i++)
        rc = resolve_one(c, s, i, err);
    if (rc < 0)
        return rc;
    if (s->wanted_n == 0)
        return answer(c, s, err);
    rc = content_pack(c, request->content, &fds_used, &s->body, err);
    if (rc < 0)
        return rc;
    c->state = s;
    c->state_done = state_done;
    rc = search_text_pack(request->content->facts, &s->search, &s->search_n, err);
    if (rc == 0)
        rc = make_parts(c, s, &open, err);
    return rc < 0 ? rc : submit(c, s, open);
}
