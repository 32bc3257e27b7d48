#include "store/erase.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "store/body.h"
#include "store/segment.h"
#include "store/shard_private.h"
#include "store/threads.h"

#define RETIRE_DELAY_NS (60 * NS_PER_S)
#define ROUND_OCTETS_MAX (8u << 20)

int erase_schedule(struct write_ctx *ctx, int64_t account_id, int64_t mailbox_id, uint32_t uid,
                   int64_t size_bytes, struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db,
                      "INSERT INTO erase_pending (due_ns, account_id, mailbox_id, uid, size_bytes)"
                      " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, ctx->now_ns + ERASE_DELAY_NS);
    db_bind_int(&r, 2, account_id);
    db_bind_int(&r, 3, mailbox_id);
    db_bind_int(&r, 4, uid);
    db_bind_int(&r, 5, size_bytes);
    return db_run(&r, err);
}

/* ---- one message ---- */

/* Runs a statement whose two parameters are account and content. */
static int run_for_content(struct db *db, const char *sql, int64_t account_id, int64_t content_id,
                           struct err *err)
{
    struct db_row r;
    int rc = db_query(db, sql, &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_int(&r, 2, content_id);
    return db_run(&r, err);
}

/* The last message of a content is gone. */
static int content_remove(struct write_ctx *ctx, int64_t account_id, int64_t content_id,
                          int64_t body_id, bool has_recipients, struct err *err)
{
    int rc = threads_forget(ctx, account_id, content_id, err);

    if (rc == 0)
        rc = run_for_content(ctx->db,
                             "DELETE FROM search_pending WHERE account_id = ?1 AND content_id = ?2",
                             account_id, content_id, err);
    if (rc == 0 && has_recipients)
        rc = run_for_content(ctx->db,
                             "DELETE FROM recipient WHERE account_id = ?1 AND content_id = ?2",
                             account_id, content_id, err);
    if (rc == 0)
        rc = run_for_content(ctx->db,
                             "DELETE FROM content WHERE account_id = ?1 AND content_id = ?2",
                             account_id, content_id, err);
    return rc < 0 ? rc : body_ref(ctx, body_id, -1, err);
}

static int content_unref(struct write_ctx *ctx, int64_t account_id, int64_t content_id,
                         struct err *err)
{
    int64_t refs = 0, body_id = 0, facts_flags = 0;
    struct db_row r;
    int rc = db_query(ctx->db,
                      "UPDATE content SET refs = refs - 1 WHERE account_id = ?1 AND content_id = ?2"
                      " RETURNING refs, body_id, facts_flags",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_int(&r, 2, content_id);
    rc = db_step(&r, err);
    if (rc == 1) {
        refs = db_int(&r, 0);
        body_id = db_int(&r, 1);
        facts_flags = db_int(&r, 2);
    }
    db_done(&r);
    if (rc == 1 && refs <= 0)
        return content_remove(ctx, account_id, content_id, body_id,
                              (facts_flags & THREADS_HAS_RECIPIENTS) != 0, err);
    return rc < 0 ? rc : 0;
}

static int account_shrink(struct write_ctx *ctx, int64_t account_id, int64_t size_bytes,
                          struct err *err)
{
    return run_for_content(ctx->db,
                           "UPDATE account SET size_bytes = size_bytes - ?2 WHERE account_id = ?1",
                           account_id, size_bytes, err);
}

int erase_message(struct write_ctx *ctx, int64_t account_id, int64_t mailbox_id, uint32_t uid,
                  struct err *err)
{
    int64_t content_id = 0;
    struct db_row r;
    int rc = db_query(ctx->db,
                      "DELETE FROM message WHERE account_id = ?1 AND mailbox_id = ?2 AND uid = ?3"
                      " RETURNING content_id",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_int(&r, 2, mailbox_id);
    db_bind_int(&r, 3, uid);
    rc = db_step(&r, err);
    if (rc == 1)
        content_id = db_int(&r, 0);
    db_done(&r);
    return rc <= 0 ? rc : content_unref(ctx, account_id, content_id, err);
}

/* ---- what is due ---- */

struct due {
    int64_t due_ns, account_id, mailbox_id, size_bytes;
    uint32_t uid;
};

static int due_list(struct write_ctx *ctx, struct due *out, size_t *n_out, struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db,
                      "SELECT due_ns, account_id, mailbox_id, size_bytes, uid FROM erase_pending"
                      " WHERE due_ns <= ?1 ORDER BY due_ns, account_id, mailbox_id, uid LIMIT ?2",
                      &r, err);
    size_t n = 0;

    if (rc == 0) {
        db_bind_int(&r, 1, ctx->now_ns);
        db_bind_int(&r, 2, ERASE_ROUND_MESSAGES);
        while (n < ERASE_ROUND_MESSAGES && (rc = db_step(&r, err)) == 1)
            out[n++] = (struct due){db_int(&r, 0), db_int(&r, 1), db_int(&r, 2), db_int(&r, 3),
                                    (uint32_t)db_int(&r, 4)};
    }
    db_done(&r);
    *n_out = n;
    return rc < 0 ? rc : 0;
}

static int due_erase(struct write_ctx *ctx, const struct due *due, struct err *err)
{
    struct db_row r;
    int rc = erase_message(ctx, due->account_id, due->mailbox_id, due->uid, err);

    if (rc == 0)
        rc = account_shrink(ctx, due->account_id, due->size_bytes, err);
    if (rc == 0)
        rc = db_query(ctx->db,
                      "DELETE FROM erase_pending WHERE due_ns = ?1 AND account_id = ?2"
                      " AND mailbox_id = ?3 AND uid = ?4",
                      &r, err);
    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, due->due_ns);
    db_bind_int(&r, 2, due->account_id);
    db_bind_int(&r, 3, due->mailbox_id);
    db_bind_int(&r, 4, due->uid);
    return db_run(&r, err);
}

static int erase_due(struct write_ctx *ctx, struct erase_round *round, struct err *err)
{
    struct due due[ERASE_ROUND_MESSAGES];
    size_t n = 0;
    int rc = due_list(ctx, due, &n, err);

    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = due_erase(ctx, &due[i], err);
    round->more |= n == ERASE_ROUND_MESSAGES;
    return rc;
}

/* ---- emptying segments ---- */

struct living {
    int64_t body_id;
    struct segment_place place;
    size_t stored_bytes;
    int codec;
};

static int living_list(struct db *db, int64_t segment_id, struct living *out, size_t *n_out,
                       struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "SELECT body_id, segment_offset, stored_bytes, codec FROM body"
                      " WHERE segment_id = ?1 AND segment_id > 0 ORDER BY segment_offset LIMIT ?2",
                      &r, err);
    size_t n = 0;

    if (rc == 0) {
        db_bind_int(&r, 1, segment_id);
        db_bind_int(&r, 2, ERASE_ROUND_BODIES);
        while (n < ERASE_ROUND_BODIES && (rc = db_step(&r, err)) == 1) {
            out[n++] = (struct living){.body_id = db_int(&r, 0),
                                       .place = {segment_id, (uint64_t)db_int(&r, 1)},
                                       .stored_bytes = (size_t)db_int(&r, 2),
                                       .codec = (int)db_int(&r, 3)};
        }
    }
    db_done(&r);
    *n_out = n;
    return rc < 0 ? rc : 0;
}

/* The octets move as they are: whether they are sound is for whoever reads them. */
static int living_move(struct write_ctx *ctx, const struct living *l, struct erase_round *round,
                       struct err *err)
{
    struct segments *segments = ctx->shard->segments;
    uint8_t *octets = malloc(MAX(l->stored_bytes, 1));
    struct segment_place to;
    struct db_row r;
    int rc;

    if (octets == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    round->moved[round->moved_n++] = octets;
    rc = segments_read(segments, l->place, l->body_id, octets, l->stored_bytes, err);
    if (rc == 0)
        rc = segments_append(segments, l->body_id, l->codec, slice_of(octets, l->stored_bytes), &to,
                             err);
    if (rc == 0)
        rc = db_query(ctx->db,
                      "UPDATE body SET segment_id = ?2, segment_offset = ?3 WHERE body_id = ?1", &r,
                      err);
    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, l->body_id);
    db_bind_int(&r, 2, to.segment_id);
    db_bind_int(&r, 3, (int64_t)to.offset);
    rc = db_run(&r, err);
    return rc < 0 ? rc : segment_dead(ctx->db, l->place.segment_id, l->stored_bytes, err);
}

static int segment_row_remove(struct db *db, int64_t segment_id, struct err *err)
{
    struct db_row r;
    int rc = db_query(db, "DELETE FROM segment WHERE segment_id = ?1", &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, segment_id);
    return db_run(&r, err);
}

static int segment_empty_some(struct write_ctx *ctx, struct erase_round *round, struct err *err)
{
    struct living living[ERASE_ROUND_BODIES];
    int64_t segment_id = 0;
    size_t n = 0, octets = 0;
    int rc = segment_compactable(ctx->shard->segments, ctx->db, &segment_id, err);

    if (rc < 0 || segment_id == 0)
        return rc;
    rc = living_list(ctx->db, segment_id, living, &n, err);
    if (rc == 0 && n == 0) {
        round->emptied_segment = segment_id;
        round->more = true;
        return segment_row_remove(ctx->db, segment_id, err);
    }
    for (size_t i = 0; rc == 0 && i < n && octets < ROUND_OCTETS_MAX; i++) {
        rc = living_move(ctx, &living[i], round, err);
        octets += living[i].stored_bytes;
    }
    round->more |= rc == 0;
    if (rc < 0) {
        /* An unreadable record stays where it is, and with it its segment; all else goes on. */
        segment_compact_never(ctx->shard->segments, segment_id);
        log_err(ctx->shard->env->log, LOG_ERROR, "store", 0, "segment cannot be compacted", err);
    }
    return rc;
}

/* ---- rounds ---- */

void erase_round_init(struct erase_round *round)
{
    *round = (struct erase_round){0};
}

int erase_run(struct write_ctx *ctx, struct erase_round *round, struct err *err)
{
    int rc = erase_due(ctx, round, err);

    return rc < 0 || round->more ? rc : segment_empty_some(ctx, round, err);
}

void erase_round_done(struct erase_round *round, struct segments *segments)
{
    for (size_t i = 0; i < round->moved_n; i++)
        free(round->moved[i]);
    if (segments != NULL && round->emptied_segment != 0)
        segment_retire(segments, round->emptied_segment, RETIRE_DELAY_NS);
    *round = (struct erase_round){.more = round->more};
}

struct erase_write {
    struct write write;
    struct erase_round *round;
};

static int erase_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    return erase_run(ctx, ((struct erase_write *)w)->round, err);
}

int erase_all(struct shard *s, struct err *err)
{
    struct erase_round round;
    int rc;

    do {
        struct erase_write w = {.write = {.apply = erase_apply}, .round = &round};

        erase_round_init(&round);
        rc = shard_write(s, &w.write, err);
        erase_round_done(&round, /* not the writer's thread: swept at the next start */ NULL);
    } while (rc == 0 && round.more);
    return rc;
}
