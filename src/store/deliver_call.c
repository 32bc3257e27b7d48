/* Deliver: resolves the recipients, writes once per shard, answers when all shards have it on disk.
 *
 *   recipients ─ plan ─ [count] ─ targets, grouped by shard: one write each ─ [take back] ─ answer
 *
 * What a session sends is counted first, within the write that decides whether it may be sent, and
 * taken back when nobody has got it. A crash in between leaves it counted.
 *
 * Each part is owned by its shard's writer between submit and done; whoever counts `open` down to 0
 * has the whole request. */
#include <stdatomic.h>
#include <stdlib.h>

#include "base/log.h"
#include "rpc/call.h"
#include "store/content.h"
#include "store/deliver_plan.h"
#include "store/directory.h"
#include "store/message_add.h"
#include "store/outgoing.h"
#include "store/store_private.h"

#define RECIPIENTS_MAX 1000u
/* RFC 3461 4.4, 4.2 */
#define ENVID_MAX 100u
#define ORCPT_MAX 500u
#define EXTRAS_MAX 100u
#define EXTRAS_OCTETS_MAX (16u * 1024)

struct part {
    struct write write;
    struct call *call;
    struct deliver deliver;
    int rc;
    struct err err;
};

struct state {
    struct body_packed body;
    uint8_t *search;
    size_t search_n;
    struct slice extras;
    struct deliver_plan plan;
    struct part *parts; /* one per shard */
    atomic_uint open;
    unsigned parts_n; /* that have targets */
    struct outgoing_limits limits;
    struct outgoing_mark mark; /* what was counted */
};

static void state_done(void *state)
{
    struct state *s = state;

    body_packed_done(&s->body);
    free(s->search);
}

static const struct deliver_target *target_of(const struct state *s, const struct deliver_wanted *w)
{
    return &s->parts[w->shard].deliver.targets[w->index];
}

/* That an account is full is said only when nothing else is the matter. */
static void collect_failure(struct call *c, struct state *s, const struct deliver_wanted *w)
{
    const struct part *part = &s->parts[w->shard];
    const struct deliver_target *target = target_of(s, w);
    enum err_kind kind = part->rc < 0 ? part->err.kind : target->kind;
    const char *text = part->rc < 0 ? part->err.text : target->text;
    enum err_kind before = s->plan.outcomes[w->recipient].kind;

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
        deliver_refuse(&s->plan, w->recipient, kind, text);
}

static void collect_success(struct call *c, struct state *s, const struct deliver_wanted *w)
{
    const struct deliver_target *target = target_of(s, w);

    if (s->parts[w->shard].rc < 0 || target->kind != ERR_NONE)
        return;
    deliver_refuse(&s->plan, w->recipient, ERR_NONE, NULL);
    if (target->modseq > 0)
        events_publish(c->store->events, target->account_id, target->modseq);
}

/* An alias has succeeded when one member has the message: another attempt would bring it to that
 * one twice. */
static void collect_outcomes(struct call *c, struct state *s)
{
    for (size_t i = 0; i < s->plan.wanted_n; i++)
        collect_failure(c, s, &s->plan.wanted[i]);
    for (size_t i = 0; i < s->plan.wanted_n; i++)
        collect_success(c, s, &s->plan.wanted[i]);
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
        delivered->outcomes[delivered->n_outcomes++] = &s->plan.outcomes[i];
    c->response.result_case = GW__RESPONSE__RESULT_DELIVERED;
    c->response.delivered = delivered;
    return 0;
}

static int part_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    struct part *part = (struct part *)((char *)w - offsetof(struct part, write));

    return deliver_apply(ctx, &part->deliver, err);
}

static void finish(struct call *c)
{
    struct err err = {0};
    int rc = answer(c, c->state, &err);

    call_finish(c, rc, &err);
}

static int take_back_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    const struct call *c = (const struct call *)((char *)w - offsetof(struct call, write));
    const struct state *s = c->state;

    return outgoing_take_back(ctx, c->session.account_id, &s->mark, err);
}

static void take_back_done(struct write *w, int rc, const struct err *err)
{
    struct call *c = (struct call *)((char *)w - offsetof(struct call, write));

    if (rc < 0)
        log_err(c->store->env->log, LOG_ERROR, "store", c->request->cid,
                "what was not sent stays counted", err);
    finish(c);
}

static bool is_refused(const struct call *c, const struct state *s)
{
    for (size_t i = 0; i < c->request->deliver->n_recipients; i++) {
        if (s->plan.outcomes[i].kind == ERR_NONE)
            return false;
    }
    return true;
}

/* All shards have answered. */
static void conclude(struct call *c)
{
    struct state *s = c->state;

    collect_outcomes(c, s);
    if (s->mark.recipients == 0 || !is_refused(c, s)) {
        finish(c);
        return;
    }
    c->write = (struct write){.apply = take_back_apply, .done = take_back_done};
    shard_submit(call_shard(c), &c->write);
}

static void part_done(struct write *w, int rc, const struct err *err)
{
    struct part *part = (struct part *)((char *)w - offsetof(struct part, write));
    struct call *c = part->call;
    struct state *s = c->state;

    part->rc = rc;
    if (rc < 0) {
        part->err = *err;
        log_err(c->store->env->log, LOG_ERROR, "store", c->request->cid, "delivery failed", err);
    }
    if (atomic_fetch_sub(&s->open, 1) == 1)
        conclude(c);
}

/* Gives each shard its targets. */
static int make_parts(struct call *c, struct state *s, struct err *err)
{
    const Gw__Deliver *request = c->request->deliver;

    s->parts = ARENA_ARRAY(&c->in, c->store->shards_n, struct part);
    if (!s->parts)
        return call_no_memory(err);
    for (size_t i = 0; i < s->plan.wanted_n; i++)
        s->plan.wanted[i].index = s->parts[s->plan.wanted[i].shard].deliver.targets_n++;
    for (uint32_t k = 0; k < c->store->shards_n; k++) {
        struct part *part = &s->parts[k];
        size_t n = part->deliver.targets_n;

        if (n == 0)
            continue;
        s->parts_n++;
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
            .extras_packed = s->extras,
            .targets = ARENA_ARRAY(&c->in, n, struct deliver_target),
            .targets_n = n,
        };
        if (!part->deliver.targets)
            return call_no_memory(err);
    }
    for (size_t i = 0; i < s->plan.wanted_n; i++)
        s->parts[s->plan.wanted[i].shard].deliver.targets[s->plan.wanted[i].index] =
            s->plan.wanted[i].target;
    return 0;
}

/* The loop must not touch the request after the last submit: it may be answered by then. */
static void submit(struct call *c, struct state *s)
{
    struct store *store = c->store;
    struct part *parts = s->parts;
    unsigned open = s->parts_n;

    if (open == 0) {
        conclude(c);
        return;
    }
    atomic_init(&s->open, open);
    for (uint32_t k = 0; open > 0 && k < store->shards_n; k++) {
        if (parts[k].deliver.targets_n == 0)
            continue;
        open--;
        shard_submit(store->shards[k], &parts[k].write);
    }
}

static int count_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    struct call *c = (struct call *)((char *)w - offsetof(struct call, write));
    struct state *s = c->state;

    return outgoing_count(ctx, c->session.account_id, s->plan.sent, s->plan.sent_n, &s->limits,
                          &s->mark, err);
}

static void count_done(struct write *w, int rc, const struct err *err)
{
    struct call *c = (struct call *)((char *)w - offsetof(struct call, write));

    if (rc < 0)
        call_finish(c, rc, err);
    else
        submit(c, c->state);
}

/* Mail from outside is nobody's, and is not counted. */
static void count(struct call *c, struct state *s)
{
    if (c->session.account_id == 0 || s->plan.sent_n == 0) {
        submit(c, s);
        return;
    }
    c->write = (struct write){.apply = count_apply, .done = count_done};
    shard_submit(call_shard(c), &c->write);
}

/* RFC 3461 4.1: NEVER stands alone. */
static bool notify_valid(uint32_t notify)
{
    const uint32_t events = GW__RECIPIENT__NOTIFY__NOTIFY_SUCCESS |
                            GW__RECIPIENT__NOTIFY__NOTIFY_FAILURE |
                            GW__RECIPIENT__NOTIFY__NOTIFY_DELAY;

    return notify == GW__RECIPIENT__NOTIFY__NOTIFY_NEVER || (notify & ~events) == 0;
}

static bool extras_valid(const Gw__Extras *extras)
{
    size_t octets = 0;

    if (extras == NULL)
        return true;
    for (size_t i = 0; i < extras->n_fields; i++)
        octets += extras->fields[i]->key.len + extras->fields[i]->value.len;
    return extras->n_fields <= EXTRAS_MAX && octets <= EXTRAS_OCTETS_MAX;
}

static int pack_extras(struct call *c, const Gw__Wishes *w, struct slice *out, struct err *err)
{
    if (w == NULL || w->extras == NULL)
        return 0;
    size_t n = gw__extras__get_packed_size(w->extras);
    uint8_t *p = arena_alloc(&c->in, n);

    if (p == NULL)
        return call_no_memory(err);
    *out = slice_of(p, gw__extras__pack(w->extras, p));
    return 0;
}

static int check_wishes(const Gw__Deliver *request, struct err *err)
{
    const Gw__Wishes *w = request->wishes;

    if (w && (w->envid.len > ENVID_MAX || w->ret > GW__WISHES__RET__RET_HDRS ||
              w->body > GW__WISHES__BODY__BODY_BINARYMIME || w->hold_until_ns < 0 ||
              (w->require_tls && w->tls_optional) || !extras_valid(w->extras)))
        return err_set(err, ERR_INVALID, "wishes out of range");
    for (size_t i = 0; i < request->n_recipients; i++)
        if (!notify_valid(request->recipients[i]->notify) ||
            request->recipients[i]->orcpt.len > ORCPT_MAX)
            return err_set(err, ERR_INVALID, "wishes for a recipient out of range");
    return 0;
}

static int check(const Gw__Deliver *request, struct err *err)
{
    if (request->n_recipients == 0 || request->n_recipients > RECIPIENTS_MAX)
        return err_set(err, ERR_INVALID, "a message needs 1 to %u recipients", RECIPIENTS_MAX);
    if (!request->content || !request->content->facts || !request->origin)
        return err_set(err, ERR_INVALID, "a message without its facts or its origin");
    return check_wishes(request, err);
}

static int pack(struct call *c, struct state *s, struct err *err)
{
    const Gw__Content *content = c->request->deliver->content;
    size_t fds_used = 0;
    int rc = content_pack(c, content, &fds_used, &s->body, err);

    if (rc == 0)
        rc = search_text_pack(content->facts, &s->search, &s->search_n, err);
    return rc == 0 ? pack_extras(c, c->request->deliver->wishes, &s->extras, err) : rc;
}

int call_deliver(struct call *c, struct err *err)
{
    struct state *s = ARENA_NEW(&c->in, struct state);
    int rc = check(c->request->deliver, err);

    if (rc < 0)
        return rc;
    if (!s)
        return call_no_memory(err);
    c->state = s;
    c->state_done = state_done;
    rc = deliver_plan_make(c, &s->plan, err);
    if (rc == 0 && c->session.account_id > 0)
        rc = directory_limits(shard_reader(c->store->directory, c->from.thread),
                              c->session.account_id, &s->limits, err);
    if (rc == 0 && s->plan.wanted_n > 0)
        rc = pack(c, s, err);
    if (rc == 0)
        rc = make_parts(c, s, err);
    if (rc < 0)
        return rc;
    count(c, s);
    return CALL_WAITS;
}
