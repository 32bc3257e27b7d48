#include "store/thread_keys.h"

#include <openssl/evp.h>

/* `scope` is 0 for Message-IDs, the mailbox for subjects. */
static int key_hash(char kind, int64_t scope, struct slice text, int64_t *out, struct err *err)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t sum[EVP_MAX_MD_SIZE];
    int rc = 0;

    if (ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1 ||
        EVP_DigestUpdate(ctx, &kind, 1) != 1 || EVP_DigestUpdate(ctx, &scope, sizeof scope) != 1 ||
        EVP_DigestUpdate(ctx, text.p, text.n) != 1 || EVP_DigestFinal_ex(ctx, sum, NULL) != 1)
        rc = err_set(err, ERR_NOMEM, "out of memory");
    else
        memcpy(out, sum, sizeof *out);
    EVP_MD_CTX_free(ctx);
    return rc;
}

int thread_hash_message_id(struct slice message_id, int64_t *out, struct err *err)
{
    return key_hash('i', 0, message_id, out, err);
}

int thread_hash_subject(int64_t mailbox_id, struct slice subject_base, int64_t *out,
                        struct err *err)
{
    return key_hash('s', mailbox_id, subject_base, out, err);
}

int thread_hashes(const struct thread_keys *k, int64_t out[2], size_t *n_out, struct err *err)
{
    size_t n = 0;
    int rc = 0;

    if (k->message_id.n > 0)
        rc = thread_hash_message_id(k->message_id, &out[n++], err);
    if (rc == 0 && k->subject_base.n > 0)
        rc = thread_hash_subject(k->mailbox_orig_id, k->subject_base, &out[n++], err);
    *n_out = n;
    return rc;
}

int thread_key_put(struct db *db, int64_t account_id, int64_t hash, int64_t content_id,
                   struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "INSERT INTO thread_key (account_id, hash, content_id) SELECT ?1, ?2, ?3"
                      " WHERE EXISTS (SELECT 1 FROM content WHERE account_id = ?1"
                      " AND content_id = ?3) ON CONFLICT DO NOTHING",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_int(&r, 2, hash);
    db_bind_int(&r, 3, content_id);
    return db_run(&r, err);
}

/* Two texts, since the order is part of them. */
#define FIND                                                                                       \
    "SELECT content_id FROM thread_key WHERE account_id = ?1 AND hash = ?2 ORDER BY content_id "
static const char oldest_first[] = FIND "LIMIT ?3";
static const char newest[] = FIND "DESC LIMIT ?3";

int thread_key_find(struct db *db, int64_t account_id, int64_t hash, bool newest_first,
                    int64_t *content_ids_out, size_t max, size_t *n_out, struct err *err)
{
    size_t n = 0;
    struct db_row r;
    int rc = db_query(db, newest_first ? newest : oldest_first, &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_int(&r, 2, hash);
    db_bind_int(&r, 3, (int64_t)max);
    while (n < max && (rc = db_step(&r, err)) == 1)
        content_ids_out[n++] = db_int(&r, 0);
    db_done(&r);
    *n_out = n;
    return rc < 0 ? rc : 0;
}

static int take_out(struct db *db, const struct thread_keys *k, int64_t hash, struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "DELETE FROM thread_key WHERE account_id = ?1 AND hash = ?2"
                      " AND content_id = ?3",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, k->account_id);
    db_bind_int(&r, 2, hash);
    db_bind_int(&r, 3, k->content_id);
    return db_run(&r, err);
}

int thread_keys_remove(struct db *db, const struct thread_keys *k, struct err *err)
{
    int64_t hashes[2];
    size_t n = 0;
    int rc = thread_hashes(k, hashes, &n, err);

    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = take_out(db, k, hashes[i], err);
    return rc;
}
