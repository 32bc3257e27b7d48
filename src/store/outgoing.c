/* SendCount, and what it counts.
 *
 *   sent = recipients of messages in the window (24 hours), each occurrence
 *   new  = recipients of this message never written to + those of the window who were new in it
 *
 * Refused when sent + n > messages_per_day. Fine without a look at `new` when sent + n <
 * recipients_per_day, since then they cannot be too many. Refused when new > recipients_per_day.
 * Checked and counted within one write, so that two messages at once cannot both pass. */
#include "store/outgoing.h"

#include "base/clock.h"
#include "rpc/call.h"
#include "store/address.h"
#include "store/directory.h"
#include "store/request.h"
#include "store/store_private.h"

#define RECIPIENTS_MAX 1000u
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

static int record_message(struct write_ctx *ctx, int64_t account_id, size_t n, struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db,
                      "INSERT INTO outgoing (account_id, sent_ns, n, recipients) SELECT ?1, ?2, "
                      "count(*), ?3 FROM outgoing WHERE account_id = ?1 AND sent_ns = ?2",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_int(&r, 2, ctx->now_ns);
    db_bind_int(&r, 3, (int64_t)n);
    return db_run(&r, err);
}

int outgoing_count(struct write_ctx *ctx, int64_t account_id, const struct slice *recipients,
                   size_t n, const struct outgoing_limits *limits, struct err *err)
{
    int64_t sent = 0, added = (int64_t)n;
    int rc = prune(ctx, account_id, err);

    if (rc == 0)
        rc = number(ctx,
                    "SELECT coalesce(sum(recipients), 0) FROM outgoing WHERE account_id = ?1 AND "
                    "sent_ns > ?2",
                    account_id, ctx->now_ns - WINDOW_NS, &sent, err);
    if (rc < 0)
        return rc;
    if (limits->messages_per_day >= 0 && sent + added > limits->messages_per_day)
        return err_set(err, ERR_QUOTA, "too many messages in 24 hours");
    if (limits->recipients_per_day >= 0 && sent + added >= limits->recipients_per_day)
        rc = check_new(ctx, account_id, recipients, n, limits->recipients_per_day, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = record_recipient(ctx, account_id, recipients[i], err);
    return rc == 0 ? record_message(ctx, account_id, n, err) : rc;
}

/* ---- the call ---- */

struct sending {
    struct outgoing_limits limits;
    struct slice *recipients;
    size_t n;
};

/* One recipient in two spellings is one. What is no address, such as one at an IP address, is
 * itself. */
static int identity(struct arena *a, struct slice in, struct slice *out, struct err *err)
{
    struct address address;
    int rc = address_parse(a, in, &address, err);

    if (rc == -ERR_NOMEM)
        return rc;
    *out = rc < 0 ? in
                  : arena_printf(a, "%.*s@%.*s", SLICE_FMT(address.localpart),
                                 SLICE_FMT(address.domain));
    return arena_failed(a) ? call_no_memory(err) : 0;
}

static int sending_apply(struct call *c, struct write_ctx *ctx, struct err *err)
{
    const struct sending *s = c->state;
    int rc = outgoing_count(ctx, c->session.account_id, s->recipients, s->n, &s->limits, err);

    return rc < 0 ? rc : call_answer_done(c, err);
}

int call_send_count(struct call *c, struct err *err)
{
    const Gw__SendCount *request = c->request->send_count;
    struct db *db = shard_reader(c->store->directory, c->from.thread);
    struct sending *s = ARENA_NEW(&c->in, struct sending);

    if (request->n_recipients == 0 || request->n_recipients > RECIPIENTS_MAX)
        return err_set(err, ERR_INVALID, "1 to %u recipients are counted", RECIPIENTS_MAX);
    if (s)
        s->recipients = ARENA_ARRAY(&c->in, request->n_recipients, struct slice);
    if (!s || !s->recipients)
        return call_no_memory(err);
    int rc = directory_limits(db, c->session.account_id, &s->limits, err);

    for (; rc == 0 && s->n < request->n_recipients; s->n++)
        rc = identity(&c->in, rpc_slice(request->recipients[s->n]), &s->recipients[s->n], err);
    if (rc < 0)
        return rc;
    c->state = s;
    return call_write(c, call_shard(c), sending_apply);
}
