/* Two generations: `fresh` takes new keys and finds them by a hash table; `sorted` has been put in
 * order and is on its way into the table, up to `drained`.
 *
 *   fresh is full, sorted is empty: turn --> sorted = fresh in order, fresh is empty
 *   each batch                     : drain --> the next keys of sorted go into the table
 *   the last key of an account     : its keys_done moves on
 *
 * Invariants: 1. A key is in fresh, in sorted behind `drained`, or in the table, or the batch that
 * moved it is not committed yet. 2. Keys of one hash move together and in order, so that those in
 * the table are older than those in sorted, and these older than those in fresh. 3. keys_done of an
 * account never passes a content whose keys are in memory alone. */
#include "store/thread_index.h"

#include <stdlib.h>

#include "base/num.h"

#define BUCKETS 8192u /* a power of two */
#define NONE UINT32_MAX
/* Keys that one batch moves at least, and for each that it adds. */
#define DRAIN_MIN 64u
#define DRAIN_PER_ADDED 4u

struct key {
    int64_t account_id;
    int64_t hash;
    int64_t content_id;
    uint32_t next; /* in its bucket, to older ones */
};

struct keys {
    struct key *v;
    size_t n, cap;
};

struct thread_index {
    struct keys fresh;
    uint32_t buckets[BUCKETS];
    size_t fresh_committed; /* of fresh, the first so many are of earlier batches */
    struct keys sorted;
    size_t drained, drained_committed;
};

struct thread_index *thread_index_new(void)
{
    struct thread_index *t = calloc(1, sizeof *t);

    if (t != NULL)
        memset(t->buckets, 0xff, sizeof t->buckets);
    return t;
}

void thread_index_free(struct thread_index *t)
{
    if (t == NULL)
        return;
    free(t->fresh.v);
    free(t->sorted.v);
    free(t);
}

/* ---- fresh ---- */

static size_t bucket_of(int64_t account_id, int64_t hash)
{
    return ((uint64_t)hash ^ (uint64_t)account_id) & (BUCKETS - 1);
}

static bool grow(struct keys *k)
{
    size_t cap = k->cap > 0 ? 2 * k->cap : 256;
    struct key *v = k->n < NONE / 2 ? reallocarray(k->v, cap, sizeof *v) : NULL;

    if (v == NULL)
        return false;
    k->v = v;
    k->cap = cap;
    return true;
}

static int add(struct thread_index *t, int64_t account_id, int64_t hash, int64_t content_id,
               struct err *err)
{
    uint32_t *head = &t->buckets[bucket_of(account_id, hash)];

    if (t->fresh.n == t->fresh.cap && !grow(&t->fresh))
        return err_set(err, ERR_NOMEM, "out of memory");
    t->fresh.v[t->fresh.n] = (struct key){account_id, hash, content_id, *head};
    *head = (uint32_t)t->fresh.n++;
    return 0;
}

int thread_index_add(struct thread_index *t, const struct thread_keys *k, struct err *err)
{
    int64_t hashes[2];
    size_t n = 0;
    int rc = thread_hashes(k, hashes, &n, err);

    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = add(t, k->account_id, hashes[i], k->content_id, err);
    return rc;
}

size_t thread_index_mark(const struct thread_index *t)
{
    return t->fresh.n;
}

/* The newest key is the head of its bucket. */
void thread_index_undo(struct thread_index *t, size_t mark)
{
    while (t->fresh.n > mark) {
        const struct key *k = &t->fresh.v[--t->fresh.n];

        t->buckets[bucket_of(k->account_id, k->hash)] = k->next;
    }
}

/* ---- sorted ---- */

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_keys(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    int order = compare_numbers(x->account_id, y->account_id);

    if (order == 0)
        order = compare_numbers(x->hash, y->hash);
    return order != 0 ? order : compare_numbers(x->content_id, y->content_id);
}

/* Fresh, all of it committed, becomes sorted, which is empty. */
static void turn(struct thread_index *t)
{
    struct keys empty = t->sorted;

    t->sorted = t->fresh;
    t->fresh = empty;
    t->fresh.n = 0;
    t->fresh_committed = 0;
    memset(t->buckets, 0xff, sizeof t->buckets);
    if (t->sorted.n > 0)
        qsort(t->sorted.v, t->sorted.n, sizeof *t->sorted.v, compare_keys);
    t->drained = t->drained_committed = 0;
}

/* The first place whose key is not before this one. */
static size_t sorted_place(const struct thread_index *t, int64_t account_id, int64_t hash)
{
    const struct key wanted = {.account_id = account_id, .hash = hash, .content_id = INT64_MIN};
    size_t low = t->drained, high = t->sorted.n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare_keys(&t->sorted.v[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- finding ---- */

/* Ids on their way out: at most `max`, the oldest or the newest. */
struct found {
    int64_t *ids;
    size_t n, max;
};

static bool take(struct found *f, int64_t id)
{
    if (f->n < f->max)
        f->ids[f->n++] = id;
    return f->n < f->max;
}

static void reverse(int64_t *v, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        int64_t id = v[i];

        v[i] = v[n - 1 - i];
        v[n - 1 - i] = id;
    }
}

/* A bucket begins with the newest. The oldest of many are found by going on and keeping the last
 * ones. */
static void find_fresh(const struct thread_index *t, int64_t account_id, int64_t hash,
                       bool newest_first, struct found *f)
{
    size_t start = f->n, room = f->max - f->n, matching = 0;
    uint32_t head = t->buckets[bucket_of(account_id, hash)];

    for (uint32_t i = head; i != NONE; i = t->fresh.v[i].next)
        matching += t->fresh.v[i].account_id == account_id && t->fresh.v[i].hash == hash;
    size_t skip = !newest_first && matching > room ? matching - room : 0;

    for (uint32_t i = head; i != NONE && f->n < f->max; i = t->fresh.v[i].next) {
        const struct key *k = &t->fresh.v[i];

        if (k->account_id != account_id || k->hash != hash)
            continue;
        if (skip > 0)
            skip--;
        else
            (void)take(f, k->content_id);
    }
    if (!newest_first)
        reverse(f->ids + start, f->n - start);
}

static void find_sorted(const struct thread_index *t, int64_t account_id, int64_t hash,
                        bool newest_first, struct found *f)
{
    size_t first = sorted_place(t, account_id, hash), end = first;

    while (end < t->sorted.n && t->sorted.v[end].account_id == account_id &&
           t->sorted.v[end].hash == hash)
        end++;
    for (size_t i = 0; i < end - first; i++)
        if (!take(f, t->sorted.v[newest_first ? end - 1 - i : first + i].content_id))
            return;
}

static int find(const struct thread_index *t, struct db *db, int64_t account_id, int64_t hash,
                bool newest_first, struct found *f, struct err *err)
{
    int rc = 0;

    if (newest_first) {
        find_fresh(t, account_id, hash, newest_first, f);
        find_sorted(t, account_id, hash, newest_first, f);
    }
    if (f->n < f->max) {
        size_t n = 0;

        rc = thread_key_find(db, account_id, hash, newest_first, f->ids + f->n, f->max - f->n, &n,
                             err);
        f->n += n;
    }
    if (!newest_first) {
        find_sorted(t, account_id, hash, newest_first, f);
        find_fresh(t, account_id, hash, newest_first, f);
    }
    return rc;
}

int thread_index_by_message_id(const struct thread_index *t, struct db *db, int64_t account_id,
                               struct slice message_id, struct thread_candidates *out,
                               struct err *err)
{
    struct found f = {.ids = out->content_ids, .max = THREAD_CANDIDATES_MAX};
    int64_t hash = 0;
    int rc = thread_hash_message_id(message_id, &hash, err);

    if (rc == 0)
        rc = find(t, db, account_id, hash, /* newest_first= */ false, &f, err);
    out->n = f.n;
    return rc;
}

int thread_index_by_subject(const struct thread_index *t, struct db *db, int64_t account_id,
                            int64_t mailbox_id, struct slice subject_base,
                            struct thread_candidates *out, struct err *err)
{
    struct found f = {.ids = out->content_ids, .max = THREAD_CANDIDATES_MAX};
    int64_t hash = 0;
    int rc = thread_hash_subject(mailbox_id, subject_base, &hash, err);

    if (rc == 0)
        rc = find(t, db, account_id, hash, /* newest_first= */ true, &f, err);
    out->n = f.n;
    return rc;
}

/* ---- draining ---- */

/* All keys of the account whose last one is at `last` are in the table. */
static int note_done(struct thread_index *t, struct db *db, size_t last, struct err *err)
{
    int64_t account_id = t->sorted.v[last].account_id, newest = 0;
    struct db_row r;

    for (size_t i = last + 1; i-- > 0 && t->sorted.v[i].account_id == account_id;)
        newest = MAX(newest, t->sorted.v[i].content_id);
    int rc = db_query(
        db, "UPDATE account SET keys_done = ?2 WHERE account_id = ?1 AND keys_done < ?2", &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_int(&r, 2, newest);
    return db_run(&r, err);
}

static int drain(struct thread_index *t, struct db *db, size_t count, struct err *err)
{
    size_t end = t->drained + MIN(count, t->sorted.n - t->drained);
    int rc = 0;

    /* Keys of one hash move together. */
    while (end > 0 && end < t->sorted.n &&
           t->sorted.v[end].account_id == t->sorted.v[end - 1].account_id &&
           t->sorted.v[end].hash == t->sorted.v[end - 1].hash)
        end++;
    for (size_t i = t->drained; rc == 0 && i < end; i++) {
        const struct key *k = &t->sorted.v[i];

        rc = thread_key_put(db, k->account_id, k->hash, k->content_id, err);
        if (rc == 0 && (i + 1 == t->sorted.n || k[1].account_id != k->account_id))
            rc = note_done(t, db, i, err);
    }
    if (rc == 0)
        t->drained = end;
    return rc;
}

int thread_index_drain(struct thread_index *t, struct db *db, struct err *err)
{
    size_t added = t->fresh.n - t->fresh_committed;

    if (t->drained == t->sorted.n)
        return 0;
    return drain(t, db, MAX(DRAIN_MIN, DRAIN_PER_ADDED * added), err);
}

int thread_index_drain_all(struct thread_index *t, struct db *db, struct err *err)
{
    int rc = drain(t, db, SIZE_MAX, err);

    if (rc < 0)
        return rc;
    turn(t);
    rc = drain(t, db, SIZE_MAX, err);
    /* Contents without keys are done as well. */
    if (rc == 0)
        rc = db_exec(db,
                     "UPDATE account SET keys_done = content_next - 1"
                     " WHERE keys_done < content_next - 1",
                     err);
    return rc;
}

void thread_index_committed(struct thread_index *t)
{
    t->fresh_committed = t->fresh.n;
    t->drained_committed = t->drained;
    if (t->drained == t->sorted.n && t->fresh.n >= THREAD_INDEX_GATHER)
        turn(t);
}

void thread_index_abandon(struct thread_index *t)
{
    thread_index_undo(t, t->fresh_committed);
    t->drained = t->drained_committed;
}

/* ---- the start ---- */

static int load_account(struct thread_index *t, struct db *db, int64_t account_id, int64_t done,
                        struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "SELECT content_id, mailbox_orig_id, message_id, subject_base FROM content"
                      " WHERE account_id = ?1 AND content_id > ?2 ORDER BY content_id",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_int(&r, 2, done);
    while ((rc = db_step(&r, err)) == 1) {
        const struct thread_keys k = {.account_id = account_id,
                                      .content_id = db_int(&r, 0),
                                      .mailbox_orig_id = db_int(&r, 1),
                                      .message_id = db_blob(&r, 2),
                                      .subject_base = db_blob(&r, 3)};

        rc = thread_index_add(t, &k, err);
        if (rc < 0)
            break;
    }
    db_done(&r);
    return rc;
}

int thread_index_load(struct thread_index *t, struct db *db, struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "SELECT account_id, keys_done FROM account"
                      " WHERE keys_done < content_next - 1",
                      &r, err);

    if (rc < 0)
        return rc;
    while ((rc = db_step(&r, err)) == 1) {
        rc = load_account(t, db, db_int(&r, 0), db_int(&r, 1), err);
        if (rc < 0)
            break;
    }
    db_done(&r);
    if (rc == 0)
        thread_index_committed(t);
    return rc;
}
