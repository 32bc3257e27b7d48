/* Removal of messages: the rows stay for an hour, so that sessions that still show them can read
 * them; erase.c then takes them away. */
#include "store/erase.h"
#include "store/mailbox.h"
#include "store/message_add.h"
#include "store/uidset.h"

#define BATCH 256u

struct victim {
    uint32_t uid;
    uint32_t flags;
    int64_t size_bytes;
};

/* Live messages from first to last, ascending, at most BATCH. Rows are collected before any is
 * changed: a query must not meet its own changes. */
static int collect(struct write_ctx *ctx, const struct mailbox *m, uint32_t first, uint32_t last,
                   bool only_deleted, struct victim v[BATCH], size_t *n_out, struct err *err)
{
    struct db_row r;
    size_t n = 0;
    int rc = db_query(ctx->db,
                      "SELECT uid, flags, size_bytes FROM message WHERE account_id = ?1 AND "
                      "mailbox_id = ?2 AND uid BETWEEN ?3 AND ?4 AND expunged_ns = 0 AND "
                      "flags & ?5 = ?5 ORDER BY uid",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, m->account_id);
    db_bind_int(&r, 2, m->id);
    db_bind_int(&r, 3, first);
    db_bind_int(&r, 4, last);
    db_bind_int(&r, 5, only_deleted ? MESSAGE_DELETED : 0);
    while (n < BATCH && (rc = db_step(&r, err)) == 1)
        v[n++] = (struct victim){(uint32_t)db_int(&r, 0), (uint32_t)db_int(&r, 1), db_int(&r, 2)};
    db_done(&r);
    *n_out = n;
    return rc < 0 ? rc : 0;
}

static int expunge_one(struct write_ctx *ctx, const struct mailbox *m, const struct victim *v,
                       bool moved, uint64_t modseq, struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db,
                      "UPDATE message SET expunged_ns = ?4, modseq = ?5, flags = flags & ?6 "
                      "WHERE account_id = ?1 AND mailbox_id = ?2 AND uid = ?3",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, m->account_id);
    db_bind_int(&r, 2, m->id);
    db_bind_int(&r, 3, v->uid);
    db_bind_int(&r, 4, ctx->now_ns);
    db_bind_int(&r, 5, (int64_t)modseq);
    db_bind_int(&r, 6, MESSAGE_FLAGS & ~(uint32_t)(MESSAGE_JUNK | MESSAGE_NOTJUNK));
    rc = db_run(&r, err);
    if (rc < 0)
        return rc;
    return erase_schedule(ctx, m->account_id, m->id, v->uid, moved ? 0 : v->size_bytes, err);
}

/* One stretch of UIDs; stops early when `removed` is full. *next_out: 0, or where it stopped. */
static int expunge_range(struct write_ctx *ctx, struct mailbox *m, struct range range,
                         const struct mailbox_expunge *what, uint64_t *modseq,
                         struct ranges *removed, uint32_t *next_out, struct err *err)
{
    struct victim v[BATCH];
    size_t n = BATCH;

    for (uint32_t first = range.first; n == BATCH && first <= range.last;) {
        int rc = collect(ctx, m, first, range.last, what->only_deleted, v, &n, err);

        if (rc == 0 && n > 0 && what->messages_max > 0 &&
            ranges_count(removed) >= what->messages_max) {
            *next_out = v[0].uid;
            return 0;
        }
        if (rc == 0 && n > 0 && *modseq == 0)
            rc = account_modseq_next(ctx, m->account_id, modseq, err);
        for (size_t i = 0; rc == 0 && i < n; i++) {
            if (what->ranges_max > 0 && removed->n >= what->ranges_max) {
                *next_out = v[i].uid;
                return 0;
            }
            rc = expunge_one(ctx, m, &v[i], what->moved, *modseq, err);
            mailbox_count(m, v[i].flags, v[i].size_bytes, -1);
            if (rc == 0 && !ranges_add(removed, v[i].uid, v[i].uid))
                rc = err_set(err, ERR_NOMEM, "out of memory");
        }
        if (rc < 0)
            return rc;
        if (n == BATCH)
            first = v[n - 1].uid + 1;
    }
    return 0;
}

static int account_count(struct write_ctx *ctx, int64_t account_id, int64_t removed,
                         int64_t size_bytes, struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db,
                      "UPDATE account SET messages = messages - ?2, size_bytes = size_bytes - ?3"
                      " WHERE account_id = ?1",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_int(&r, 2, removed);
    db_bind_int(&r, 3, size_bytes);
    return db_run(&r, err);
}

int mailbox_expunge(struct write_ctx *ctx, struct arena *a, struct mailbox *m,
                    const struct mailbox_expunge *what, uint64_t *modseq, struct ranges *removed,
                    uint32_t *next_uid_out, struct err *err)
{
    struct range all = {1, MAILBOX_UID_LAST};
    const struct range *v = what->ranges ? what->ranges->v : &all;
    size_t n = what->ranges ? what->ranges->n : 1;
    int64_t size_before = m->size_bytes;
    uint32_t next = 0;
    struct slice blob;
    int rc = 0;

    for (size_t i = 0; rc == 0 && next == 0 && i < n; i++)
        rc = expunge_range(ctx, m, v[i], what, modseq, removed, &next, err);
    if (rc == 0 && removed->n > 0) {
        m->modseq = (int64_t)*modseq;
        rc = account_count(ctx, m->account_id, (int64_t)ranges_count(removed),
                           what->moved ? size_before - m->size_bytes : 0, err);
        if (rc == 0)
            rc = uidset_to_blob(a, removed, &blob, err);
        if (rc == 0)
            rc = change_append(ctx, m->account_id, *modseq, GW__CHANGE__KIND__KIND_EXPUNGE, m->id,
                               blob, slice_of(NULL, 0), slice_of(NULL, 0), err);
    }
    if (rc == 0)
        *next_uid_out = next;
    return rc;
}
