#include "store/threads.h"

#include <inttypes.h>
#include <openssl/evp.h>

#include "base/clock.h"

/* Content rows looked at for one key: more have a chosen hash, or a subject that says nothing. */
#define CANDIDATES_MAX 64
#define SUBJECT_BEFORE_NS (28 * 24 * 3600 * NS_PER_S)
#define SUBJECT_AFTER_NS (24 * 3600 * NS_PER_S)

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
    if (m->message_id.n > 0 && !slice_eq(db_blob(r, 3), m->message_id))
        return false;
    if (m->with_subject && !slice_eq(db_blob(r, 4), m->subject))
        return false;
    if (m->mailbox_id == 0)
        return true;
    return db_int(r, 5) == m->mailbox_id && db_int(r, 6) > m->after_ns &&
           db_int(r, 6) < m->before_ns;
}

/* Two texts, since the order is part of them: the oldest with a Message-ID, the newest with a
 * subject. */
#define CANDIDATE_COLUMNS                                                                          \
    "SELECT c.content_id, c.thread_id, c.thread_flags, c.message_id, c.subject_base,"              \
    " c.mailbox_orig_id, c.received_ns FROM thread_key k JOIN content c"                           \
    " ON c.account_id = k.account_id AND c.content_id = k.content_id"                              \
    " WHERE k.account_id = ?1 AND k.hash = ?2 ORDER BY k.content_id "
static const char oldest_first[] = CANDIDATE_COLUMNS "LIMIT ?3";
static const char newest_first[] = CANDIDATE_COLUMNS "DESC LIMIT ?3";

/* 1: found, 0: none. */
static int candidate_find(struct write_ctx *ctx, const char *sql, int64_t account_id, int64_t hash,
                          const struct match *m, struct thread_place *out, struct err *err)
{
    bool found = false;
    struct db_row r;
    int rc = db_query(ctx->db, sql, &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_int(&r, 2, hash);
    db_bind_int(&r, 3, CANDIDATES_MAX);
    while (!found && (rc = db_step(&r, err)) == 1) {
        if (!matches(&r, m))
            continue;
        out->parent_id = db_int(&r, 0);
        out->thread_id = db_int(&r, 1);
        out->flags |= db_int(&r, 2) & (THREADS_MUTED | THREADS_COLLAPSED);
        found = true;
    }
    db_done(&r);
    return rc < 0 ? rc : found;
}

static int by_message_id(struct write_ctx *ctx, int64_t account_id, const struct match *m,
                         struct thread_place *out, struct err *err)
{
    int64_t hash = 0;
    int rc = key_hash('i', 0, m->message_id, &hash, err);

    return rc < 0 ? rc : candidate_find(ctx, oldest_first, account_id, hash, m, out, err);
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
    int64_t hash = 0;
    int rc = key_hash('s', mailbox_id, m.subject, &hash, err);

    return rc < 0 ? rc : candidate_find(ctx, newest_first, account_id, hash, &m, out, err);
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

static int key_run(struct db *db, const char *sql, int64_t account_id, int64_t hash,
                   int64_t content_id, struct err *err)
{
    struct db_row r;
    int rc = db_query(db, sql, &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_int(&r, 2, hash);
    db_bind_int(&r, 3, content_id);
    return db_run(&r, err);
}

/* Both keys of a content, with the statement given. */
static int keys_run(struct db *db, const char *sql, const struct thread_keys *k, struct err *err)
{
    int64_t hash = 0;
    int rc = 0;

    if (k->message_id.n > 0) {
        rc = key_hash('i', 0, k->message_id, &hash, err);
        if (rc == 0)
            rc = key_run(db, sql, k->account_id, hash, k->content_id, err);
    }
    if (rc == 0 && k->subject_base.n > 0) {
        rc = key_hash('s', k->mailbox_orig_id, k->subject_base, &hash, err);
        if (rc == 0)
            rc = key_run(db, sql, k->account_id, hash, k->content_id, err);
    }
    return rc;
}

int threads_remember(struct write_ctx *ctx, const struct thread_keys *k, struct err *err)
{
    return keys_run(ctx->db,
                    "INSERT INTO thread_key (account_id, hash, content_id) VALUES (?1, ?2, ?3)"
                    " ON CONFLICT DO NOTHING",
                    k, err);
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
        rc = keys_run(ctx->db,
                      "DELETE FROM thread_key WHERE account_id = ?1 AND hash = ?2"
                      " AND content_id = ?3",
                      &k, err);
    }
    db_done(&r);
    return rc;
}
