#include "store/account_erase.h"

#include "base/num.h"
#include "store/erase.h"

#define ROUND 512u

struct victim {
    int64_t mailbox_id;
    uint32_t uid;
};

static int collect(struct write_ctx *ctx, int64_t account_id, struct victim v[ROUND], size_t *n_out,
                   struct err *err)
{
    struct db_row r;
    size_t n = 0;
    int rc =
        db_query(ctx->db, "SELECT mailbox_id, uid FROM message WHERE account_id = ?1", &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    while (n < ROUND && (rc = db_step(&r, err)) == 1)
        v[n++] = (struct victim){db_int(&r, 0), (uint32_t)db_int(&r, 1)};
    db_done(&r);
    *n_out = n;
    return rc < 0 ? rc : 0;
}

/* Messages go one by one, so that shared contents and bodies lose their references. */
static int erase_messages(struct write_ctx *ctx, int64_t account_id, bool *more_out,
                          struct err *err)
{
    struct victim v[ROUND];
    size_t n = 0;
    int rc = collect(ctx, account_id, v, &n, err);

    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = erase_message(ctx, account_id, v[i].mailbox_id, v[i].uid, err);
    *more_out = n == ROUND;
    return rc;
}

int account_erase(struct write_ctx *ctx, int64_t account_id, bool *more_out, struct err *err)
{
    /* Literals, because statements are kept by the address of their text. */
    static const char *const rest[] = {
        "DELETE FROM erase_pending WHERE account_id = ?1",
        "DELETE FROM search_pending WHERE account_id = ?1",
        "DELETE FROM recipient WHERE account_id = ?1",
        "DELETE FROM outgoing WHERE account_id = ?1",
        "DELETE FROM outgoing_recipient WHERE account_id = ?1",
        "DELETE FROM thread_key WHERE account_id = ?1",
        "DELETE FROM change WHERE account_id = ?1",
        "DELETE FROM subscription WHERE account_id = ?1",
        "DELETE FROM mailbox WHERE account_id = ?1",
        "DELETE FROM account WHERE account_id = ?1",
    };
    int rc = erase_messages(ctx, account_id, more_out, err);

    if (rc < 0 || *more_out)
        return rc;

    for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(rest); i++) {
        struct db_row r;

        rc = db_query(ctx->db, rest[i], &r, err);
        if (rc == 0) {
            db_bind_int(&r, 1, account_id);
            rc = db_run(&r, err);
        }
    }
    return rc;
}
