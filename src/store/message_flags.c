/* FlagsStore (RFC 9051 6.4.6, RFC 7162 3.1.3). */
#include "base/num.h"
#include "rpc/call.h"
#include "store/keywords.h"
#include "store/mailbox.h"
#include "store/message_add.h"
#include "store/request.h"
#include "store/uidset.h"

#define BATCH 64u
/* Keywords before and after. */
#define BATCH_BYTES_MAX (2 * BATCH * (KEYWORDS_MAX + 64u))

struct state {
    struct ranges ranges;
    struct slice keywords;
};

/* One run of the transaction. */
struct run {
    struct call *c;
    struct write_ctx *ctx;
    struct mailbox m;
    struct arena batch; /* keywords of the messages that are worked on */
    uint64_t modseq;    /* 0 until something changes */
    struct ranges changed, modified;
    uint32_t changed_n;
    bool matched; /* a live message was there */
    uint32_t next_uid;
};

struct message {
    uint32_t uid, flags;
    uint64_t modseq;
    int64_t size_bytes;
    struct slice keywords;
};

static void state_done(void *state)
{
    ranges_done(&((struct state *)state)->ranges);
}

static int collect(struct run *run, uint32_t first, uint32_t last, struct message v[BATCH],
                   size_t *n_out, struct err *err)
{
    struct db_row r;
    size_t n = 0;
    int rc = db_query(run->ctx->db,
                      "SELECT uid, flags, modseq, size_bytes, keywords FROM message WHERE "
                      "account_id = ?1 AND mailbox_id = ?2 AND uid BETWEEN ?3 AND ?4 AND "
                      "expunged_ns = 0 ORDER BY uid",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, run->m.account_id);
    db_bind_int(&r, 2, run->m.id);
    db_bind_int(&r, 3, first);
    db_bind_int(&r, 4, last);
    arena_reset(&run->batch);
    while (n < BATCH && (rc = db_step(&r, err)) == 1)
        v[n++] = (struct message){(uint32_t)db_int(&r, 0), (uint32_t)db_int(&r, 1),
                                  (uint64_t)db_int(&r, 2), db_int(&r, 3),
                                  arena_copy(&run->batch, db_blob(&r, 4))};
    db_done(&r);
    *n_out = n;
    if (rc >= 0 && arena_failed(&run->batch))
        return call_no_memory(err);
    return rc < 0 ? rc : 0;
}

/* What the message has after the request. */
static int wanted(struct run *run, const struct message *m, uint32_t *flags, struct slice *keywords,
                  struct err *err)
{
    const Gw__FlagsStore *request = run->c->request->flags_store;
    const struct state *s = run->c->state;

    *flags = request->flags;
    *keywords = s->keywords;
    if (request->mode == GW__FLAGS_STORE__MODE__MODE_REPLACE)
        return 0;
    bool add = request->mode == GW__FLAGS_STORE__MODE__MODE_ADD;

    *flags = add ? m->flags | request->flags : m->flags & ~request->flags;
    *keywords = m->keywords;
    if (s->keywords.n == 0 || (!add && m->keywords.n == 0))
        return 0;
    return add ? keywords_union(&run->batch, m->keywords, s->keywords, keywords, err)
               : keywords_without(&run->batch, m->keywords, s->keywords, keywords, err);
}

static int update(struct run *run, const struct message *m, uint32_t flags, struct slice keywords,
                  struct err *err)
{
    struct db_row r;
    int rc = 0;

    if (run->modseq == 0)
        rc = account_modseq_next(run->ctx, run->m.account_id, &run->modseq, err);
    if (rc == 0)
        rc = db_query(run->ctx->db,
                      "UPDATE message SET flags = ?4, keywords = ?5, modseq = ?6 WHERE "
                      "account_id = ?1 AND mailbox_id = ?2 AND uid = ?3",
                      &r, err);
    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, run->m.account_id);
    db_bind_int(&r, 2, run->m.id);
    db_bind_int(&r, 3, m->uid);
    db_bind_int(&r, 4, flags);
    db_bind_text(&r, 5, keywords);
    db_bind_int(&r, 6, (int64_t)run->modseq);
    rc = db_run(&r, err);
    mailbox_count(&run->m, m->flags, m->size_bytes, -1);
    mailbox_count(&run->m, flags, m->size_bytes, 1);
    return rc;
}

static int store_one(struct run *run, const struct message *m, struct err *err)
{
    const Gw__FlagsStore *request = run->c->request->flags_store;
    struct slice keywords;
    uint32_t flags;
    bool ok = true;

    run->matched = true;
    /* RFC 7162 3.1.3: a message that changed since is left alone. */
    if (request->has_unchanged_since && m->modseq > request->unchanged_since) {
        ok = ranges_add(&run->modified, m->uid, m->uid);
    } else {
        int rc = wanted(run, m, &flags, &keywords, err);

        if (rc == 0 && (flags != m->flags || !slice_eq(keywords, m->keywords))) {
            rc = update(run, m, flags, keywords, err);
            run->changed_n++;
            ok = ranges_add(&run->changed, m->uid, m->uid);
        }
        if (rc < 0)
            return rc;
    }
    return ok ? 0 : call_no_memory(err);
}

static int store_range(struct run *run, struct range range, struct err *err)
{
    struct message v[BATCH];
    size_t n = BATCH;

    for (uint32_t first = range.first; n == BATCH && first <= range.last;) {
        int rc = collect(run, first, range.last, v, &n, err);

        for (size_t i = 0; rc == 0 && i < n; i++) {
            if (run->changed.n + run->modified.n >= CALL_RANGES_MAX ||
                run->changed_n >= CALL_MESSAGES_MAX) {
                run->next_uid = v[i].uid;
                return 0;
            }
            rc = store_one(run, &v[i], err);
        }
        if (rc < 0)
            return rc;
        if (n == BATCH)
            first = v[n - 1].uid + 1;
    }
    return 0;
}

/* Keywords that are new to the mailbox are added to its list, even when no message changes. */
static int add_keywords(struct run *run, bool *added_out, struct err *err)
{
    const struct state *s = run->c->state;
    struct slice all;

    *added_out = false;
    if (!run->matched || run->c->request->flags_store->mode == GW__FLAGS_STORE__MODE__MODE_REMOVE)
        return 0;
    int rc = keywords_union(&run->c->out, run->m.keywords, s->keywords, &all, err);

    if (rc < 0 || slice_eq(all, run->m.keywords))
        return rc;
    if (run->modseq == 0)
        rc = account_modseq_next(run->ctx, run->m.account_id, &run->modseq, err);
    run->m.keywords = all;
    *added_out = true;
    return rc;
}

static int write_changes(struct run *run, bool keywords_added, struct err *err)
{
    struct slice uids, none = SLICE("");
    int rc = 0;

    if (run->modseq == 0)
        return 0;
    run->m.modseq = (int64_t)run->modseq;
    if (keywords_added)
        rc = change_append(run->ctx, run->m.account_id, run->modseq,
                           GW__CHANGE__KIND__KIND_KEYWORDS, run->m.id, none, none, none, err);
    if (rc == 0 && run->changed.n > 0) {
        rc = uidset_to_blob(&run->c->out, &run->changed, &uids, err);
        if (rc == 0)
            rc = change_append(run->ctx, run->m.account_id, run->modseq,
                               GW__CHANGE__KIND__KIND_FLAGS, run->m.id, uids, none, none, err);
    }
    return rc == 0 ? mailbox_save(run->ctx, &run->m, err) : rc;
}

static int run_all(struct run *run, struct err *err)
{
    struct call *c = run->c;
    const struct state *s = c->state;
    Gw__FlagsStored *stored = call_message(c, &gw__flags_stored__descriptor);
    bool keywords_added = false;

    if (!stored)
        return call_no_memory(err);
    int rc = mailbox_need_id(run->ctx->db, &c->out, c->session.account_id,
                             c->request->flags_store->mailbox, &run->m, err);

    for (size_t i = 0; rc == 0 && run->next_uid == 0 && i < s->ranges.n; i++)
        rc = store_range(run, s->ranges.v[i], err);
    if (rc == 0)
        rc = add_keywords(run, &keywords_added, err);
    if (rc == 0)
        rc = write_changes(run, keywords_added, err);
    if (rc == 0)
        rc = uidset_to_pairs(&c->out, &run->changed, &stored->changed, &stored->n_changed, err);
    if (rc == 0)
        rc = uidset_to_pairs(&c->out, &run->modified, &stored->modified, &stored->n_modified, err);
    if (rc < 0)
        return rc;
    stored->modseq = run->modseq;
    stored->keywords_added = keywords_added;
    stored->next_uid = run->next_uid;
    c->event_modseq = run->modseq;
    c->response.result_case = GW__RESPONSE__RESULT_FLAGS_STORED;
    c->response.flags_stored = stored;
    return 0;
}

static int flags_apply(struct call *c, struct write_ctx *ctx, struct err *err)
{
    struct run run = {.c = c, .ctx = ctx};
    int rc;

    arena_init(&run.batch, BATCH_BYTES_MAX);
    rc = run_all(&run, err);
    arena_done(&run.batch);
    ranges_done(&run.changed);
    ranges_done(&run.modified);
    return rc;
}

int call_flags_store(struct call *c, struct err *err)
{
    const Gw__FlagsStore *request = c->request->flags_store;
    struct state *s = ARENA_NEW(&c->in, struct state);

    if (!s)
        return call_no_memory(err);
    if (request->flags & ~(uint32_t)MESSAGE_FLAGS)
        return err_set(err, ERR_INVALID, "there is no such flag");
    int rc =
        keywords_from_request(&c->in, request->keywords, request->n_keywords, &s->keywords, err);

    if (rc == 0)
        rc = uidset_from_pairs(request->ranges, request->n_ranges, &s->ranges, err);
    if (rc < 0)
        return rc;
    c->state = s;
    c->state_done = state_done;
    return call_write(c, call_shard(c), flags_apply);
}
