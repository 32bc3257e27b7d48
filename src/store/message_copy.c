/* COPY and MOVE. A copy is another row for the same content. A move leaves the old row behind as an
 * expunged one, so that a session that still shows it can read it for a while. It stores nothing
 * new: the quota is not asked, and the old row does not count. */
#include "store/message_copy.h"

#include "base/num.h"
#include "rpc/call.h"
#include "store/keywords.h"
#include "store/mailbox_name.h"
#include "store/message_add.h"
#include "store/request.h"
#include "store/uidset.h"

#define BATCH 64u

struct source {
    uint32_t uid, flags;
    int64_t content_id, size_bytes;
    struct slice keywords;
};

static int collect(struct write_ctx *ctx, struct arena *a, const struct mailbox *from,
                   uint32_t first, uint32_t last, struct source v[BATCH], size_t *n_out,
                   struct err *err)
{
    struct db_row r;
    size_t n = 0;
    int rc = db_query(ctx->db,
                      "SELECT uid, flags, content_id, size_bytes, keywords FROM message WHERE "
                      "account_id = ?1 AND mailbox_id = ?2 AND uid BETWEEN ?3 AND ?4 AND "
                      "expunged_ns = 0 ORDER BY uid",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, from->account_id);
    db_bind_int(&r, 2, from->id);
    db_bind_int(&r, 3, first);
    db_bind_int(&r, 4, last);
    arena_reset(a);
    while (n < BATCH && (rc = db_step(&r, err)) == 1)
        v[n++] = (struct source){(uint32_t)db_int(&r, 0), (uint32_t)db_int(&r, 1), db_int(&r, 2),
                                 db_int(&r, 3), arena_copy(a, db_blob(&r, 4))};
    db_done(&r);
    *n_out = n;
    if (rc >= 0 && arena_failed(a))
        return err_set(err, ERR_NOMEM, "out of memory");
    return rc < 0 ? rc : 0;
}

/* The new row. What came out of a mailbox where mail waits for judgement (mailbox_destined_id) has
 * then been delivered to where it was meant to go. */
static int insert_row(struct write_ctx *ctx, const struct message_copy *copy,
                      const struct source *s, uint32_t uid, struct err *err)
{
    struct db_row r;
    int rc = db_query(
        ctx->db,
        "INSERT INTO message (account_id, mailbox_id, uid, content_id, modseq, create_modseq, "
        "flags, keywords, received_ns, zone_minutes, saved_ns, size_bytes, expunged_ns, "
        "mailbox_orig_id, mailbox_destined_id, trained) "
        "SELECT account_id, ?4, ?5, content_id, ?6, ?6, flags, keywords, received_ns, "
        "zone_minutes, ?7, size_bytes, 0, CASE WHEN mailbox_destined_id > 0 THEN "
        "mailbox_destined_id ELSE mailbox_orig_id END, 0, CASE WHEN ?8 THEN trained ELSE 0 END "
        "FROM message WHERE account_id = ?1 AND mailbox_id = ?2 AND uid = ?3",
        &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, copy->from->account_id);
    db_bind_int(&r, 2, copy->from->id);
    db_bind_int(&r, 3, s->uid);
    db_bind_int(&r, 4, copy->to->id);
    db_bind_int(&r, 5, uid);
    db_bind_int(&r, 6, (int64_t)copy->modseq);
    db_bind_int(&r, 7, ctx->now_ns);
    db_bind_int(&r, 8, copy->move);
    return db_run(&r, err);
}

static int content_ref(struct write_ctx *ctx, int64_t account_id, int64_t content_id,
                       struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db,
                      "UPDATE content SET refs = refs + 1 WHERE account_id = ?1 AND "
                      "content_id = ?2",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_int(&r, 2, content_id);
    return db_run(&r, err);
}

/* Only what is new takes memory that stays. */
static int keywords_add(struct arena *a, struct mailbox *to, struct slice keywords, struct err *err)
{
    struct arena scratch;
    struct slice all = to->keywords;
    int rc = 0;

    arena_init(&scratch, 2 * KEYWORDS_MAX);
    if (keywords.n > 0)
        rc = keywords_union(&scratch, to->keywords, keywords, &all, err);
    if (rc == 0 && !slice_eq(all, to->keywords))
        to->keywords = arena_copy(a, all);
    arena_done(&scratch);
    if (rc == 0 && arena_failed(a))
        return err_set(err, ERR_NOMEM, "out of memory");
    return rc;
}

static int copy_one(struct write_ctx *ctx, struct arena *a, struct message_copy *copy,
                    const struct source *s, struct err *err)
{
    if (copy->to->uidnext > MAILBOX_UID_LAST)
        return err_set(err, ERR_LIMIT, "the mailbox has no UIDs left; make it anew");
    uint32_t uid = (uint32_t)copy->to->uidnext++;
    int rc = insert_row(ctx, copy, s, uid, err);

    if (rc == 0)
        rc = content_ref(ctx, copy->from->account_id, s->content_id, err);
    if (rc == 0)
        rc = keywords_add(a, copy->to, s->keywords, err);
    mailbox_count(copy->to, s->flags, s->size_bytes, 1);
    if (rc == 0 && (!ranges_add(&copy->copied_from, s->uid, s->uid) ||
                    !ranges_add(&copy->copied_to, uid, uid)))
        rc = err_set(err, ERR_NOMEM, "out of memory");
    return rc;
}

/* Adds to the account's counters; a copy asks the quota. */
static int account_grow(struct write_ctx *ctx, const struct message_copy *copy, int64_t messages,
                        int64_t size_bytes, struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db,
                      "UPDATE account SET size_bytes = size_bytes + ?2, messages = messages + ?3 "
                      "WHERE account_id = ?1 AND (?4 OR quota_bytes = 0 OR "
                      "size_bytes + ?2 <= quota_bytes)",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, copy->from->account_id);
    db_bind_int(&r, 2, size_bytes);
    db_bind_int(&r, 3, messages);
    db_bind_int(&r, 4, copy->move);
    rc = db_run(&r, err);
    if (rc == 0 && db_changes(ctx->db) == 0)
        return err_set(err, ERR_QUOTA, "the account is over its quota");
    return rc;
}

static int copy_range(struct write_ctx *ctx, struct arena *a, struct arena *batch,
                      struct message_copy *copy, struct range range, int64_t *size_bytes,
                      struct err *err)
{
    struct source v[BATCH];
    size_t n = BATCH;

    for (uint32_t first = range.first; n == BATCH && first <= range.last;) {
        int rc = collect(ctx, batch, copy->from, first, range.last, v, &n, err);

        if (rc == 0 && n > 0 && copy->modseq == 0)
            rc = account_modseq_next(ctx, copy->from->account_id, &copy->modseq, err);
        for (size_t i = 0; rc == 0 && i < n; i++) {
            if (copy->copied_from.n >= copy->ranges_max) {
                copy->next_uid = v[i].uid;
                return 0;
            }
            rc = copy_one(ctx, a, copy, &v[i], err);
            *size_bytes += v[i].size_bytes;
        }
        if (rc < 0)
            return rc;
        if (n == BATCH)
            first = v[n - 1].uid + 1;
    }
    return 0;
}

/* The old rows of a move. */
static int remove_moved(struct write_ctx *ctx, struct arena *a, struct message_copy *copy,
                        struct err *err)
{
    struct mailbox_expunge what = {.ranges = &copy->copied_from, .moved = true};
    struct ranges removed = RANGES_EMPTY;
    uint64_t modseq = copy->modseq;
    uint32_t next;
    int rc = mailbox_expunge(ctx, a, copy->from, &what, &modseq, &removed, &next, err);

    ranges_done(&removed);
    return rc == 0 ? mailbox_save(ctx, copy->from, err) : rc;
}

int message_copy(struct write_ctx *ctx, struct arena *a, struct message_copy *copy, struct err *err)
{
    struct slice keywords = copy->to->keywords, uids, none = SLICE("");
    struct arena batch;
    int64_t size_bytes = 0;
    int rc = 0;

    copy->copied_from = copy->copied_to = RANGES_EMPTY;
    copy->modseq = 0;
    copy->next_uid = 0;
    arena_init(&batch, BATCH * (KEYWORDS_MAX + 64u));
    for (size_t i = 0; rc == 0 && copy->next_uid == 0 && i < copy->ranges->n; i++)
        rc = copy_range(ctx, a, &batch, copy, copy->ranges->v[i], &size_bytes, err);
    arena_done(&batch);
    if (rc < 0 || copy->modseq == 0)
        return rc;
    int64_t account_id = copy->to->account_id, messages = (int64_t)ranges_count(&copy->copied_to);

    copy->to->modseq = (int64_t)copy->modseq;
    rc = account_grow(ctx, copy, messages, size_bytes, err);
    if (rc == 0)
        rc = mailbox_save(ctx, copy->to, err);
    if (rc == 0)
        rc = uidset_to_blob(a, &copy->copied_to, &uids, err);
    if (rc == 0)
        rc = change_append(ctx, account_id, copy->modseq, GW__CHANGE__KIND__KIND_ADD, copy->to->id,
                           uids, none, none, err);
    if (rc == 0 && !slice_eq(keywords, copy->to->keywords))
        rc = change_append(ctx, account_id, copy->modseq, GW__CHANGE__KIND__KIND_KEYWORDS,
                           copy->to->id, none, none, none, err);
    return rc == 0 && copy->move ? remove_moved(ctx, a, copy, err) : rc;
}

/* ---- the call ---- */

struct state {
    struct ranges ranges;
    struct slice to;
};

static void state_done(void *state)
{
    ranges_done(&((struct state *)state)->ranges);
}

/* Whether every UID of the ranges is that of a live message. Within the write, so that nobody can
 * remove one between the question and the copy. */
static int all_live(struct write_ctx *ctx, const struct mailbox *m, const struct ranges *ranges,
                    bool *live_out, struct err *err)
{
    struct db_row r;
    bool live = true;

    for (size_t i = 0; live && i < ranges->n; i++) {
        int rc = db_query(ctx->db,
                          "SELECT count(*) FROM message WHERE account_id = ?1 AND mailbox_id = ?2 "
                          "AND uid BETWEEN ?3 AND ?4 AND expunged_ns = 0",
                          &r, err);

        if (rc < 0)
            return rc;
        db_bind_int(&r, 1, m->account_id);
        db_bind_int(&r, 2, m->id);
        db_bind_int(&r, 3, ranges->v[i].first);
        db_bind_int(&r, 4, ranges->v[i].last);
        rc = db_step(&r, err);
        live = rc == 1 &&
               db_int(&r, 0) == (int64_t)ranges->v[i].last - (int64_t)ranges->v[i].first + 1;
        db_done(&r);
        if (rc < 0)
            return rc;
    }
    *live_out = live;
    return 0;
}

static int answer(struct call *c, const struct message_copy *copy, bool live, struct err *err)
{
    Gw__Copied *copied = call_message(c, &gw__copied__descriptor);

    if (!copied)
        return call_no_memory(err);
    copied->gone = !live;
    copied->uidvalidity = copy->to->uidvalidity;
    copied->modseq = copy->modseq;
    copied->next_uid = copy->next_uid;
    c->event_modseq = copy->modseq;
    c->response.result_case = GW__RESPONSE__RESULT_COPIED;
    c->response.copied = copied;
    int rc = uidset_to_pairs(&c->out, &copy->copied_from, &copied->from, &copied->n_from, err);

    if (rc == 0)
        rc = uidset_to_pairs(&c->out, &copy->copied_to, &copied->to, &copied->n_to, err);
    return rc;
}

static int copy_apply(struct call *c, struct write_ctx *ctx, struct err *err)
{
    const struct state *s = c->state;
    const Gw__Copy *request = c->request->copy;
    struct mailbox from, to;
    int64_t account_id = c->session.account_id;
    bool live = true;
    int rc = mailbox_need_id(ctx->db, &c->out, account_id, request->mailbox, &from, err);

    if (rc == 0)
        rc = mailbox_need_name(ctx->db, &c->out, account_id, s->to, &to, err);
    if (rc == 0 && from.id == to.id)
        rc = err_set(err, ERR_INVALID, "the messages are in that mailbox already");
    if (rc == 0 && request->whole)
        rc = all_live(ctx, &from, &s->ranges, &live, err);
    if (rc < 0)
        return rc;
    struct message_copy copy = {.from = &from,
                                .to = &to,
                                .ranges = &s->ranges,
                                .move = request->move,
                                .ranges_max = CALL_RANGES_MAX};

    if (live)
        rc = message_copy(ctx, &c->out, &copy, err);
    if (rc == 0)
        rc = answer(c, &copy, live, err);
    ranges_done(&copy.copied_from);
    ranges_done(&copy.copied_to);
    return rc;
}

int call_copy(struct call *c, struct err *err)
{
    const Gw__Copy *request = c->request->copy;
    struct state *s = ARENA_NEW(&c->in, struct state);

    if (!s)
        return call_no_memory(err);
    int rc = mailbox_name_check(&c->in, rpc_slice(request->to), &s->to, err);

    if (rc == 0)
        rc = uidset_from_pairs(request->ranges, request->n_ranges, &s->ranges, err);
    if (rc < 0)
        return rc;
    c->state = s;
    c->state_done = state_done;
    return call_write(c, call_shard(c), copy_apply);
}
