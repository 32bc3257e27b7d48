/*
 *   sent = recipients of messages in the window (24 hours), each occurrence
 *   new  = recipients of this message never written to + those of the window who were new in it
 *
 * Refused when sent + n > messages_per_day. Fine without a look at `new` when sent + n <
 * recipients_per_day, since then they cannot be too many. Refused when new > recipients_per_day.
 * Checked and counted within one write, so that two messages at once cannot both pass. */
#include "store/outgoing.h"

#include "base/clock.h"

#define WINDOW_NS (24 * 3600 * NS_PER_S)

/* One number, of the account and a time. */
static int number(struct write_ctx *ctx, const char *sql, int64_t account_id, int64_t since_ns,
                  int64_t *out, struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db, sql, &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_int(&r, 2, since_ns);
    rc = db_step(&r, err);
    if (rc == 1)
        *out = db_int(&r, 0);
    db_done(&r);
    return rc < 0 ? rc : 0;
}

static int prune(struct write_ctx *ctx, int64_t account_id, struct err *err)
{
    struct db_row r;
    int rc =
        db_query(ctx->db, "DELETE FROM outgoing WHERE account_id = ?1 AND sent_ns <= ?2", &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_int(&r, 2, ctx->now_ns - WINDOW_NS);
    return db_run(&r, err);
}

/* 1: the account has written to it before. */
static int is_known(struct write_ctx *ctx, int64_t account_id, struct slice address,
                    struct err *err)
{
    struct db_row r;
    int rc =
        db_query(ctx->db, "SELECT 1 FROM outgoing_recipient WHERE account_id = ?1 AND address = ?2",
                 &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_text(&r, 2, address);
    rc = db_step(&r, err);
    db_done(&r);
    return rc;
}

static int check_new(struct write_ctx *ctx, int64_t account_id, const struct slice *recipients,
                     size_t n, int64_t max, struct err *err)
{
    int64_t fresh = 0;
    int rc = number(ctx,
                    "SELECT count(*) FROM outgoing_recipient WHERE account_id = ?1 AND "
                    "first_ns > ?2",
                    account_id, ctx->now_ns - WINDOW_NS, &fresh, err);

    for (size_t i = 0; rc >= 0 && i < n; i++) {
        rc = is_known(ctx, account_id, recipients[i], err);
        if (rc == 0)
            fresh++;
    }
    if (rc >= 0 && fresh > max)
        return err_set(err, ERR_QUOTA, "too many new recipients in 24 hours");
    return rc < 0 ? rc : 0;
}

static int record_recipient(struct write_ctx *ctx, int64_t account_id, struct slice address,
                            struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db,
                      "INSERT INTO outgoing_recipient (account_id, address, first_ns) "
                      "VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_text(&r, 2, address);
    db_bind_int(&r, 3, ctx->now_ns);
    return db_run(&r, err);
}

/* *n_out: its number among those of the same instant. */
static int record_message(struct write_ctx *ctx, int64_t account_id, const struct outgoing_mark *m,
                          int64_t *n_out, struct err *err)
{
    struct db_row r;
    int rc = number(ctx,
                    "SELECT coalesce(max(n) + 1, 0) FROM outgoing WHERE account_id = ?1 AND "
                    "sent_ns = ?2",
                    account_id, m->sent_ns, n_out, err);

    if (rc == 0)
        rc = db_query(ctx->db,
                      "INSERT INTO outgoing (account_id, sent_ns, n, recipients) VALUES (?1, ?2, "
                      "?3, ?4)",
                      &r, err);
    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_int(&r, 2, m->sent_ns);
    db_bind_int(&r, 3, *n_out);
    db_bind_int(&r, 4, m->recipients);
    return db_run(&r, err);
}

int outgoing_count(struct write_ctx *ctx, int64_t account_id, const struct slice *recipients,
                   size_t n, const struct outgoing_limits *limits, struct outgoing_mark *out,
                   struct err *err)
{
    struct outgoing_mark mark = {.sent_ns = ctx->now_ns, .recipients = (int64_t)n};
    int64_t sent = 0;
    int rc = prune(ctx, account_id, err);

    if (rc == 0)
        rc = number(ctx,
                    "SELECT coalesce(sum(recipients), 0) FROM outgoing WHERE account_id = ?1 AND "
                    "sent_ns > ?2",
                    account_id, ctx->now_ns - WINDOW_NS, &sent, err);
    if (rc < 0)
        return rc;
    if (limits->messages_per_day >= 0 && sent + mark.recipients > limits->messages_per_day)
        return err_set(err, ERR_QUOTA, "too many messages in 24 hours");
    if (limits->recipients_per_day >= 0 && sent + mark.recipients >= limits->recipients_per_day)
        rc = check_new(ctx, account_id, recipients, n, limits->recipients_per_day, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = record_recipient(ctx, account_id, recipients[i], err);
    if (rc == 0)
        rc = record_message(ctx, account_id, &mark, &mark.n, err);
    if (rc == 0)
        *out = mark;
    return rc;
}

/* Whether one of those who were new at that instant was written to by another message of the same
 * instant is not known: then they stay known. */
int outgoing_take_back(struct write_ctx *ctx, int64_t account_id, const struct outgoing_mark *mark,
                       struct err *err)
{
    struct db_row r;
    int rc = db_query(
        ctx->db, "DELETE FROM outgoing WHERE account_id = ?1 AND sent_ns = ?2 AND n = ?3", &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_int(&r, 2, mark->sent_ns);
    db_bind_int(&r, 3, mark->n);
    rc = db_run(&r, err);
    if (rc == 0)
        rc = db_query(ctx->db,
                      "DELETE FROM outgoing_recipient WHERE account_id = ?1 AND first_ns = ?2 AND "
                      "NOT EXISTS (SELECT 1 FROM outgoing o WHERE o.account_id = ?1 AND o.sent_ns "
                      "= ?2)",
                      &r, err);
    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_int(&r, 2, mark->sent_ns);
    return db_run(&r, err);
}
