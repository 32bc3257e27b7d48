#include "store/threads.h"

#include "base/clock.h"
#include "store/shard_private.h"

#define SUBJECT_BEFORE_NS (28 * 24 * 3600 * NS_PER_S)
#define SUBJECT_AFTER_NS (24 * 3600 * NS_PER_S)

/* What a candidate must agree with. */
struct match {
    struct slice message_id; /* looked at when not empty */
    struct slice subject;    /* looked at when with_subject */
    bool with_subject;
    int64_t mailbox_id; /* 0: any; else with the window */
    int64_t after_ns, before_ns;
};

static bool matches(struct db_row *r, const struct match *m)
{
    if (m->message_id.n > 0 && !slice_eq(db_blob(r, 2), m->message_id))
        return false;
    if (m->with_subject && !slice_eq(db_blob(r, 3), m->subject))
        return false;
    if (m->mailbox_id == 0)
        return true;
    return db_int(r, 4) == m->mailbox_id && db_int(r, 5) > m->after_ns &&
           db_int(r, 5) < m->before_ns;
}

/* 1: it is the one, 0: it is not, or is gone. */
static int candidate_try(struct write_ctx *ctx, int64_t account_id, int64_t content_id,
                         const struct match *m, struct thread_place *out, struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db,
                      "SELECT thread_id, thread_flags, message_id, subject_base, mailbox_orig_id,"
                      " received_ns FROM content WHERE account_id = ?1 AND content_id = ?2",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_int(&r, 2, content_id);
    rc = db_step(&r, err);
    if (rc == 1 && !matches(&r, m)) {
        rc = 0;
    } else if (rc == 1) {
        out->parent_id = content_id;
        out->thread_id = db_int(&r, 0);
        out->flags |= db_int(&r, 1) & (THREADS_MUTED | THREADS_COLLAPSED);
    }
    db_done(&r);
    return rc;
}

/* The first that matches: 1, or 0. */
static int candidates_try(struct write_ctx *ctx, int64_t account_id,
                          const struct thread_candidates *candidates, const struct match *m,
                          struct thread_place *out, struct err *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < candidates->n; i++)
        rc = candidate_try(ctx, account_id, candidates->content_ids[i], m, out, err);
    return rc;
}

static int by_message_id(struct write_ctx *ctx, int64_t account_id, const struct match *m,
                         struct thread_place *out, struct err *err)
{
    struct thread_candidates candidates;
    int rc = thread_index_by_message_id(ctx->shard->threads, ctx->db, account_id, m->message_id,
                                        &candidates, err);

    return rc < 0 ? rc : candidates_try(ctx, account_id, &candidates, m, out, err);
}

static struct slice binary(ProtobufCBinaryData b)
{
    return slice_of(b.data, b.len);
}

/* From the last to the first: the nearest ancestor that is here. */
static int by_references(struct write_ctx *ctx, int64_t account_id, const Gw__Facts *facts,
                         struct thread_place *out, struct err *err)
{
    int rc = 0;

    for (size_t i = facts->n_references; rc == 0 && i-- > 0;) {
        struct match m = {.message_id = binary(facts->references[i]),
                          .subject = binary(facts->subject_base),
                          .with_subject = !facts->dsn};

        if (m.message_id.n == 0 || slice_eq(m.message_id, binary(facts->message_id)))
            continue;
        rc = by_message_id(ctx, account_id, &m, out, err);
        if (rc == 0)
            out->flags |= THREADS_MISSING_LINK;
    }
    return rc;
}

static int by_subject(struct write_ctx *ctx, int64_t account_id, int64_t mailbox_id,
                      int64_t received_ns, const Gw__Facts *facts, struct thread_place *out,
                      struct err *err)
{
    struct match m = {.subject = binary(facts->subject_base),
                      .with_subject = true,
                      .mailbox_id = mailbox_id,
                      .after_ns = received_ns - SUBJECT_BEFORE_NS,
                      .before_ns = received_ns + SUBJECT_AFTER_NS};
    struct thread_candidates candidates;
    int rc = thread_index_by_subject(ctx->shard->threads, ctx->db, account_id, mailbox_id,
                                     m.subject, &candidates, err);

    return rc < 0 ? rc : candidates_try(ctx, account_id, &candidates, &m, out, err);
}

int threads_find(struct write_ctx *ctx, int64_t account_id, int64_t mailbox_id, int64_t received_ns,
                 const Gw__Facts *facts, struct thread_place *out, struct err *err)
{
    struct thread_place place = {0};
    int rc = 0;

    /* The same message once more hangs under the first. */
    if (facts->message_id.len > 0) {
        struct match m = {.message_id = binary(facts->message_id)};

        rc = by_message_id(ctx, account_id, &m, &place, err);
        if (rc == 1)
            place.flags |= THREADS_MISSING_LINK;
    }
    if (rc == 0 && facts->n_references > 0) {
        rc = by_references(ctx, account_id, facts, &place, err);
    } else if (rc == 0 && facts->subject_is_response && facts->subject_base.len > 0) {
        place.flags |= THREADS_MISSING_LINK;
        rc = by_subject(ctx, account_id, mailbox_id, received_ns, facts, &place, err);
    }
    if (rc < 0)
        return rc;
    *out = place;
    return 0;
}

/* ---- keys ---- */

int threads_remember(struct write_ctx *ctx, const struct thread_keys *keys, struct err *err)
{
    return thread_index_add(ctx->shard->threads, keys, err);
}

int threads_forget(struct write_ctx *ctx, int64_t account_id, int64_t content_id, struct err *err)
{
    struct thread_keys k = {.account_id = account_id, .content_id = content_id};
    struct db_row r;
    int rc = db_query(ctx->db,
                      "SELECT mailbox_orig_id, message_id, subject_base FROM content"
                      " WHERE account_id = ?1 AND content_id = ?2",
                      &r, err);

    if (rc == 0) {
        db_bind_int(&r, 1, account_id);
        db_bind_int(&r, 2, content_id);
        rc = db_step(&r, err);
    }
    if (rc == 1) {
        k.mailbox_orig_id = db_int(&r, 0);
        k.message_id = db_blob(&r, 1);
        k.subject_base = db_blob(&r, 2);
        rc = thread_keys_remove(ctx->db, &k, err);
    }
    db_done(&r);
    return rc;
}
