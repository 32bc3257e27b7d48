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
/* RFC 3461 4.4, 4.2 */
#define ENVID_MAX 100u
#define ORCPT_MAX 500u

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
                   .destination = target->canonical,
                   .delivered_to = address_text(&c->in, &target->given),
                   .prefix = rpc_slice(recipient->prefix),
                   .notify = recipient->notify,
                   .orcpt = rpc_slice(recipient->orcpt)},
    };
    return 0;
}

static bool is_same(const struct directory_target *a, const struct directory_target *b)
{
    return a->canonical.n > 0 && slice_eq(a->canonical, b->canonical);
}

/* Whether the message's From may post: a member may, the alias itself and strangers as it says. */
static bool may_post(const struct directory_alias *alias, const struct directory_target *self,
                     const struct directory_target *from)
{
    for (size_t i = 0; i < alias->members_n; i++) {
        if (slice_eq(from->localpart, alias->members[i].localpart) &&
            slice_eq(from->domain, alias->members[i].domain))
            return true;
    }
    return is_same(from, self) ? alias->allow_msg_from : alias->post_public;
}

/* Who is left when the author is not told its own message: perhaps nobody, which is success. */
static int want_member(struct call *c, struct state *s, size_t i, const struct address *member,
                       const struct directory_target *from, struct err *err)
{
    struct db *db = shard_reader(c->store->directory, c->from.thread);
    struct slice address =
        arena_printf(&c->in, "%.*s@%.*s", SLICE_FMT(member->localpart), SLICE_FMT(member->domain));
    struct directory_target target;
    int rc = directory_resolve(db, &c->in, address, slice_str(c->store->hostname), DIRECTORY_RCPT,
                               &target, err);

    if (rc < 0 || is_same(&target, from))
        return rc;
    if (target.where == DIRECTORY_LOCAL)
        return want(c, s, i, &target, err);
    refuse(s, i, ERR_UNAVAILABLE, "a member does not accept mail now");
    return 0;
}

static int want_members(struct call *c, struct state *s, size_t i,
                        const struct directory_target *self, struct err *err)
{
    const Gw__Facts *facts = c->request->deliver->content->facts;
    struct db *db = shard_reader(c->store->directory, c->from.thread);
    const struct address name = {self->localpart, self->domain, false};
    struct directory_target from;
    struct directory_alias alias;
    struct slice address =
        arena_printf(&c->in, "%.*s@%.*s", SLICE_FMT(rpc_slice(facts->from_localpart)),
                     SLICE_FMT(rpc_slice(facts->from_domain)));
    int rc = directory_resolve(db, &c->in, address, slice_str(c->store->hostname), DIRECTORY_RCPT,
                               &from, err);

    if (rc == 0)
        rc = directory_alias(db, &c->in, &name, &alias, err);
    if (rc < 0)
        return rc;
    if (!may_post(&alias, self, &from)) {
        refuse(s, i, ERR_DENIED, "you may not post to this address");
        return 0;
    }
    for (size_t k = 0; rc == 0 && k < alias.members_n; k++)
        rc = want_member(c, s, i, &alias.members[k], &from, err);
    return rc;
}

static int resolve_one(struct call *c, struct state *s, size_t i, struct directory_target *target,
                       struct err *err)
{
    struct db *db = shard_reader(c->store->directory, c->from.thread);
    int rc = directory_resolve(db, &c->in, rpc_slice(c->request->deliver->recipients[i]->address),
                               slice_str(c->store->hostname), DIRECTORY_RCPT, target, err);

    if (rc < 0)
        return rc;
    switch (target->where) {
    case DIRECTORY_LOCAL:
        return want(c, s, i, target, err);
    case DIRECTORY_ALIAS:
        return 0;
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

/* Accounts first: a member of an alias who is also named gets the message as the one named. */
static int resolve_all(struct call *c, struct state *s, struct err *err)
{
    size_t n = c->request->deliver->n_recipients;
    struct directory_target *targets = ARENA_ARRAY(&c->in, n, struct directory_target);
    int rc = targets ? 0 : call_no_memory(err);

    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = resolve_one(c, s, i, &targets[i], err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (targets[i].where == DIRECTORY_ALIAS)
            rc = want_members(c, s, i, &targets[i], err);
    }
    return rc == 0 && arena_failed(&c->in) ? call_no_memory(err) : rc;
}

/* ---- writing ---- */

static const struct deliver_target *target_of(const struct state *s, const struct wanted *w)
{
    return &s->parts[w->shard].deliver.targets[w->index];
}

/* That an account is full is said only when nothing else is the matter. */
static void collect_failure(struct call *c, struct state *s, const struct wanted *w)
{
    const struct part *part = &s->parts[w->shard];
    const struct deliver_target *target = target_of(s, w);
    enum err_kind kind = part->rc < 0 ? part->err.kind : target->kind;
    const char *text = part->rc < 0 ? part->err.text : target->text;
    enum err_kind before = s->outcomes[w->recipient].kind;

    if (kind == ERR_NONE)
        return;
    /* The directory knows the account: it is about to be made, or to be removed. */
    if (kind == ERR_NOT_FOUND) {
        kind = ERR_UNAVAILABLE;
        text = "the account cannot be reached";
    }
    log_event(c->store->env->log, LOG_INFO, "store", c->request->cid, "not delivered",
              LOG_SLICE("to", target->destination), LOG_STR("kind", err_kind_name(kind)),
              LOG_STR("text", text));
    if (before == ERR_NONE || before == ERR_QUOTA)
        refuse(s, w->recipient, kind, text);
}

static void collect_success(struct call *c, struct state *s, const struct wanted *w)
{
    const struct deliver_target *target = target_of(s, w);

    if (s->parts[w->shard].rc < 0 || target->kind != ERR_NONE)
        return;
    refuse(s, w->recipient, ERR_NONE, NULL);
    if (target->modseq > 0)
        events_publish(c->store->events, target->account_id, target->modseq);
}

/* An alias has succeeded when one member has the message: another attempt would bring it to that
 * one twice. */
static void collect_outcomes(struct call *c, struct state *s)
{
    for (size_t i = 0; i < s->wanted_n; i++)
        collect_failure(c, s, &s->wanted[i]);
    for (size_t i = 0; i < s->wanted_n; i++)
        collect_success(c, s, &s->wanted[i]);
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
            .wishes = request->wishes,
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

/* RFC 3461 4.1: NEVER stands alone. */
static bool notify_valid(uint32_t notify)
{
    const uint32_t events = GW__RECIPIENT__NOTIFY__NOTIFY_SUCCESS |
                            GW__RECIPIENT__NOTIFY__NOTIFY_FAILURE |
                            GW__RECIPIENT__NOTIFY__NOTIFY_DELAY;

    return notify == GW__RECIPIENT__NOTIFY__NOTIFY_NEVER || (notify & ~events) == 0;
}

static int check_wishes(const Gw__Deliver *request, struct err *err)
{
    const Gw__Wishes *w = request->wishes;

    if (w && (w->envid.len > ENVID_MAX || w->ret > GW__WISHES__RET__RET_HDRS ||
              w->body > GW__WISHES__BODY__BODY_BINARYMIME || w->hold_until_ns < 0))
        return err_set(err, ERR_INVALID, "wishes out of range");
    for (size_t i = 0; i < request->n_recipients; i++)
        if (!notify_valid(request->recipients[i]->notify) ||
            request->recipients[i]->orcpt.len > ORCPT_MAX)
            return err_set(err, ERR_INVALID, "wishes for a recipient out of range");
    return 0;
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

    if (rc == 0)
        rc = check_wishes(request, err);
    if (rc == 0)
        rc = resolve_all(c, s, err);
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
