/* The change log and the counter that orders it. */
#include "store/message_add.h"

int account_modseq_next(struct write_ctx *ctx, int64_t account_id, uint64_t *out, struct err *err)
{
    struct db_row r;
    int rc = db_query(
        ctx->db, "UPDATE account SET modseq = modseq + 1 WHERE account_id = ?1 RETURNING modseq",
        &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    rc = db_step(&r, err);
    if (rc == 1)
        *out = (uint64_t)db_int(&r, 0);
    db_done(&r);
    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, "no such account");
    return rc < 0 ? rc : 0;
}

int change_append(struct write_ctx *ctx, int64_t account_id, uint64_t modseq, int kind,
                  int64_t mailbox_id, struct slice uids, struct slice name, struct slice old_name,
                  struct err *err)
{
    struct db_row r;
    /* Several changes of one write share its mod-sequence and are numbered. */
    int rc = db_query(ctx->db,
                      "INSERT INTO change (account_id, modseq, n, kind, mailbox_id, uids, name,"
                      " old_name) SELECT ?1, ?2, coalesce(max(n), 0) + 1, ?3, ?4, ?5, ?6, ?7"
                      " FROM change WHERE account_id = ?1 AND modseq = ?2",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_int(&r, 2, (int64_t)modseq);
    db_bind_int(&r, 3, kind);
    db_bind_int(&r, 4, mailbox_id);
    db_bind_blob(&r, 5, uids);
    db_bind_blob(&r, 6, name);
    db_bind_blob(&r, 7, old_name);
    return db_run(&r, err);
}
