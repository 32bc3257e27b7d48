#include "store/account_create.h"

#include <errno.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/num.h"

#define MODSEQ_FIRST 2

static const struct {
    struct slice name;
    int special_use;
} mailboxes[] = {
    {SLICE_INIT("Inbox"), 0}, {SLICE_INIT("Archive"), 1}, {SLICE_INIT("Drafts"), 2},
    {SLICE_INIT("Junk"), 4},  {SLICE_INIT("Sent"), 8},    {SLICE_INIT("Trash"), 16},
};

static int counters_insert(struct write_ctx *ctx, int64_t account_id, int64_t quota_bytes,
                           uint32_t uidvalidity, struct err *err)
{
    uint64_t seed = 0;
    struct db_row r;
    int rc;

    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        return err_errno(err, errno, "no random numbers");
    rc = db_query(ctx->db,
                  "INSERT INTO account (account_id, modseq, pruned_modseq, uidvalidity_next,"
                  " mailbox_next, content_next, thread_next, object_seed, size_bytes, messages,"
                  " quota_bytes, quota_inherited)"
                  " VALUES (?1, ?2, 0, ?3, ?4, 1, 1, ?5, 0, 0, ?6, 1)",
                  &r, err);
    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_int(&r, 2, MODSEQ_FIRST);
    db_bind_int(&r, 3, (int64_t)uidvalidity + 1);
    db_bind_int(&r, 4, (int64_t)ARRAY_SIZE(mailboxes) + 1);
    db_bind_int(&r, 5, (int64_t)(seed >> 1));
    db_bind_int(&r, 6, quota_bytes);
    return db_run(&r, err);
}

static int mailbox_insert(struct write_ctx *ctx, int64_t account_id, size_t i, uint32_t uidvalidity,
                          struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db,
                      "INSERT INTO mailbox (account_id, mailbox_id, parent_id, name, uidvalidity,"
                      " uidnext, special_use, keywords, create_modseq, modseq, total, deleted,"
                      " unseen, unread, size_bytes)"
                      " VALUES (?1, ?2, 0, ?3, ?4, 1, ?5, '', ?6, ?6, 0, 0, 0, 0, 0)",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_int(&r, 2, (int64_t)i + 1);
    db_bind_text(&r, 3, mailboxes[i].name);
    db_bind_int(&r, 4, uidvalidity);
    db_bind_int(&r, 5, mailboxes[i].special_use);
    db_bind_int(&r, 6, MODSEQ_FIRST);
    rc = db_run(&r, err);
    if (rc == 0)
        rc = db_query(ctx->db, "INSERT INTO subscription (account_id, name) VALUES (?1, ?2)", &r,
                      err);
    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_text(&r, 2, mailboxes[i].name);
    return db_run(&r, err);
}

int account_create(struct write_ctx *ctx, int64_t account_id, int64_t quota_bytes, struct err *err)
{
    /* RFC 9051 2.3.1.1: a UIDVALIDITY never comes back. Half the time leaves room for mailboxes
     * that are made faster than one per second, and for the years after 2038. */
    uint32_t uidvalidity = (uint32_t)(ctx->now_ns / NS_PER_S / 2);
    int rc;

    uidvalidity = MAX(uidvalidity, 1);
    rc = counters_insert(ctx, account_id, quota_bytes, uidvalidity, err);
    for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(mailboxes); i++)
        rc = mailbox_insert(ctx, account_id, i, uidvalidity, err);
    return rc;
}
