#include "store/account_quota.h"

struct account_quota account_quota(int64_t set, int64_t installation)
{
    if (set == 0)
        return (struct account_quota){.bytes = installation, .inherited = true};
    return (struct account_quota){.bytes = set < 0 ? 0 : set, .inherited = false};
}

int account_quota_write(struct write_ctx *ctx, int64_t account_id,
                        const struct account_quota *quota, struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db,
                      "UPDATE account SET quota_bytes = ?2, quota_inherited = ?3 WHERE account_id "
                      "= ?1",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_int(&r, 2, quota->bytes);
    db_bind_int(&r, 3, quota->inherited);
    return db_run(&r, err);
}

int account_quota_write_inherited(struct write_ctx *ctx, int64_t installation, struct err *err)
{
    struct db_row r;
    int rc =
        db_query(ctx->db, "UPDATE account SET quota_bytes = ?1 WHERE quota_inherited", &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, installation);
    return db_run(&r, err);
}

int account_quota_same(struct db *db, int64_t account_id, const struct account_quota *quota,
                       bool *same_out, struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "SELECT quota_bytes = ?2 AND quota_inherited = ?3 FROM account WHERE "
                      "account_id = ?1",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_int(&r, 2, quota->bytes);
    db_bind_int(&r, 3, quota->inherited);
    rc = db_step(&r, err);
    if (rc >= 0)
        *same_out = rc == 1 && db_int(&r, 0) != 0;
    db_done(&r);
    return rc;
}
