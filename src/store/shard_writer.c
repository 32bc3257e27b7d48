/* The writer thread of a shard. Takes all waiting writes, runs each in a savepoint of one
 * transaction, syncs the segment, commits, tells each its fate.
 *
 *   healthy --commit or sync failed, SQLite rolled back--> broken   (batch_fail)
 *   broken  --shard_recover: reopen, guard commit, cut the segment--> healthy
 *   broken  --shard_recover fails: every write of the batch fails--> broken
 *
 * Invariants:
 * 1. done(0) is called only after COMMIT returned success: log and segment are synced.
 * 2. A failed savepoint fails its write only, and leaves no octets in the segment's queue.
 * 3. After a failed commit the frames that it put into the log may or may not be on disk, and after
 *    a crash SQLite would take them for committed. The guard commit writes over them before the
 *    segment's tail, to which they refer, is cut.
 *
 * Company: writers who wait for their answers come back together. After a batch the writer knows
 * how many there were, plus how many arrived meanwhile; before the next commit it waits for as
 * many, commit_wait_us at most. Who is alone never waits. */
#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "runtime/metrics.h"
#include "store/checkpoint.h"
#include "store/erase.h"
#include "store/segment.h"
#include "store/shard_private.h"
#include "store/thread_index.h"

#define BODY_IDS_RESERVE 4096
/* How long the writer rests between two rounds of cleaning up, with and without work left. */
#define MAINTAIN_EVERY_NS (15 * NS_PER_S)
#define MAINTAIN_AGAIN_NS (20 * NS_PER_MS)

/* ---- the handle ---- */

static int wal_hook(void *arg, sqlite3 *handle, const char *name, int frames)
{
    struct shard *s = arg;

    (void)handle;
    (void)name;
    s->wal_frames = frames;
    return SQLITE_OK;
}

static int meta_number(struct db *db, const char *key, int64_t *out, struct err *err)
{
    struct db_row r;
    int rc = db_query(db, "SELECT value FROM meta WHERE key = ?1", &r, err);

    if (rc == 0) {
        db_bind_text(&r, 1, slice_str(key));
        rc = db_step(&r, err);
    }
    if (rc >= 0)
        *out = rc == 1 ? db_int(&r, 0) : 0;
    db_done(&r);
    return rc < 0 ? rc : 0;
}

static int meta_number_set(struct db *db, const char *key, int64_t value, struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "INSERT INTO meta (key, value) VALUES (?1, ?2)"
                      " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, slice_str(key));
    db_bind_int(&r, 2, value);
    return db_run(&r, err);
}

int shard_writer_open(struct shard *s, struct err *err)
{
    int rc = db_open(s->db_path, DB_WRITER, &s->db, err);

    if (rc < 0)
        return rc;
    (void)sqlite3_wal_hook(db_handle(s->db), wal_hook, s);
    return 0;
}

static void body_ids_forget(struct shard *s)
{
    s->body_next = 0;
    s->body_limit = 0;
}

/* ---- recovery ---- */

static int guard_commit(struct shard *s, struct err *err)
{
    int64_t n = 0;
    int rc = db_exec(s->db, "BEGIN IMMEDIATE", err);

    if (rc == 0)
        rc = meta_number(s->db, "recoveries", &n, err);
    if (rc == 0)
        rc = meta_number_set(s->db, "recoveries", n + 1, err);
    if (rc == 0)
        rc = db_exec(s->db, "COMMIT", err);
    return rc;
}

static int shard_recover(struct shard *s, struct err *err)
{
    int rc;

    db_close(s->db);
    s->db = NULL;
    body_ids_forget(s);
    rc = shard_writer_open(s, err);
    if (rc == 0)
        rc = guard_commit(s, err);
    if (rc == 0 && s->has_bodies)
        rc = segments_recover(s->segments, s->db, err);
    if (rc < 0)
        return rc;
    s->broken = false;
    log_event(s->env->log, LOG_WARN, "store", 0, "shard writes again", LOG_STR("db", s->db_path));
    return 0;
}

static void break_off(struct shard *s, const struct err *err)
{
    if (s->db != NULL)
        db_rollback(s->db);
    if (s->has_bodies)
        segments_abandon(s->segments);
    thread_index_abandon(s->threads);
    if (!s->broken)
        log_err(s->env->log, LOG_ERROR, "store", 0, "commit failed", err);
    s->broken = true;
}

/* ---- one batch ---- */

/* Ids are reserved many at a time, so that a commit need not touch one more page; what is lost in a
 * restart is not missed. */
static int body_ids_reserve(struct shard *s, struct db *db, struct err *err)
{
    int64_t limit = s->body_limit;
    int rc = 0;

    if (limit == 0) {
        rc = meta_number(db, "body_limit", &limit, err);
        limit = MAX(limit, 1);
        s->body_next = limit;
    }
    if (rc == 0)
        rc = meta_number_set(db, "body_limit", limit + BODY_IDS_RESERVE, err);
    if (rc == 0)
        s->body_limit = limit + BODY_IDS_RESERVE;
    return rc;
}

int shard_body_id_next(struct write_ctx *ctx, int64_t *out, struct err *err)
{
    struct shard *s = ctx->shard;

    if (s->body_next >= s->body_limit) {
        int rc = body_ids_reserve(s, ctx->db, err);

        if (rc < 0)
            return rc;
    }
    *out = s->body_next++;
    return 0;
}

static int batch_begin(struct shard *s, struct err *err)
{
    int rc = s->broken ? shard_recover(s, err) : 0;

    if (rc == 0)
        rc = db_exec(s->db, "BEGIN IMMEDIATE", err);
    if (rc == 0 && s->has_bodies)
        rc = segments_begin(s->segments, err);
    if (rc == 0 && s->has_bodies && s->body_limit - s->body_next < SHARD_BATCH_MAX)
        rc = body_ids_reserve(s, s->db, err);
    return rc;
}

static int savepoint_undo(struct shard *s, size_t mark, size_t keys, struct err *err)
{
    int rc;

    if (s->has_bodies)
        segments_undo(s->segments, mark);
    thread_index_undo(s->threads, keys);
    rc = db_exec(s->db, "ROLLBACK TO one", err);
    return rc < 0 ? rc : db_exec(s->db, "RELEASE one", err);
}

/* One write. Its own failure goes into its fate; the returned one means that the batch is lost. */
static int fate_apply(struct shard *s, struct write_ctx *ctx, struct write_fate *f, struct err *err)
{
    size_t mark = s->has_bodies ? segments_mark(s->segments) : 0;
    size_t keys = thread_index_mark(s->threads);
    int64_t body_next = s->body_next, body_limit = s->body_limit;
    int rc = db_exec(s->db, "SAVEPOINT one", err);

    if (rc < 0)
        return rc;
    f->rc = f->write->apply(f->write, ctx, &f->err);
    if (f->rc == 0)
        return db_exec(s->db, "RELEASE one", err);
    /* SQLite itself gives up the whole transaction after some failures of the disk. */
    if (!db_in_transaction(s->db)) {
        *err = f->err;
        return f->rc;
    }
    s->body_next = body_next;
    s->body_limit = body_limit;
    return savepoint_undo(s, mark, keys, err);
}

static int batch_run(struct shard *s, size_t n, struct err *err)
{
    struct write_ctx ctx = {.shard = s, .now_ns = clock_now_ns(s->env->clock)};
    int rc = batch_begin(s, err);

    ctx.db = s->db;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = fate_apply(s, &ctx, &s->fates[i], err);
    if (rc == 0)
        rc = thread_index_drain(s->threads, s->db, err);
    if (rc == 0 && s->has_bodies)
        rc = segments_flush(s->segments, s->db, err);
    if (rc == 0)
        rc = db_exec(s->db, "COMMIT", err);
    if (rc == 0 && s->has_bodies)
        segments_committed(s->segments);
    if (rc == 0)
        thread_index_committed(s->threads);
    return rc;
}

static size_t waiting_now(struct shard *s)
{
    size_t n;

    (void)pthread_mutex_lock(&s->mutex);
    n = s->waiting;
    (void)pthread_mutex_unlock(&s->mutex);
    return n;
}

static void measure(struct shard *s, size_t n, int rc, int64_t duration_ns)
{
    struct metrics *m = s->env->metrics;

    metrics_add(m, METRIC_STORE_COMMITS, 1, rc == 0 ? "ok" : "failed");
    metrics_observe(m, METRIC_STORE_COMMIT_WRITES, (int64_t)n);
    metrics_observe(m, METRIC_STORE_COMMIT_DURATION, duration_ns);
    if (rc == 0)
        metrics_add(m, METRIC_STORE_WRITES, (int64_t)n);
}

static void batch_finish(struct shard *s, size_t n)
{
    struct err err = {0};
    int64_t begun_ns = clock_mono_ns();
    int rc = batch_run(s, n, &err);

    measure(s, n, rc, clock_mono_ns() - begun_ns);

    if (rc < 0)
        break_off(s, &err);
    s->company = n + waiting_now(s);
    for (size_t i = 0; i < n; i++) {
        struct write_fate *f = &s->fates[i];

        if (rc < 0)
            f->write->done(f->write, rc, &err);
        else
            f->write->done(f->write, f->rc, f->rc < 0 ? &f->err : NULL);
    }
    if (rc == 0)
        checkpointer_committed(s->checkpointer, s->db, s->wal_frames);
}

/* ---- waiting ---- */

static struct timespec mono_timespec(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
}

/* Until `count` writes wait, or the time has come. Called with the mutex held. */
static void wait_for(struct shard *s, size_t count, int64_t until_ns)
{
    struct timespec until = mono_timespec(until_ns);
    int number = 0;

    s->wake_at = count;
    while (s->waiting < count && !s->stop && number != ETIMEDOUT)
        number = pthread_cond_timedwait(&s->wake, &s->mutex, &until);
    s->wake_at = 1;
}

/* Takes what waits into s->fates and says how many; 0: nothing came until it was time to clean up,
 * or the shard closes. */
static size_t collect(struct shard *s, bool *stop_out)
{
    int64_t asked_ns = clock_mono_ns();
    int64_t wait_ns = (int64_t)s->commit_wait_us * 1000;
    size_t n = 0;

    (void)pthread_mutex_lock(&s->mutex);
    wait_for(s, 1, s->maintain_at_ns);
    if (clock_mono_ns() - asked_ns > 2 * wait_ns)
        s->company = 1;
    if (s->waiting > 0 && s->waiting < s->company)
        wait_for(s, MIN(s->company, SHARD_BATCH_MAX), clock_mono_ns() + wait_ns);
    while (s->head != NULL && n < SHARD_BATCH_MAX) {
        s->fates[n].write = s->head;
        s->fates[n].rc = 0;
        s->fates[n].err = (struct err){0};
        s->head = s->head->next;
        n++;
    }
    if (s->head == NULL)
        s->tail = &s->head;
    s->waiting -= n;
    metrics_add(s->env->metrics, METRIC_STORE_QUEUE, -(int64_t)n);
    *stop_out = s->stop && n == 0;
    (void)pthread_mutex_unlock(&s->mutex);
    return n;
}

/* ---- cleaning up ---- */

struct maintain_write {
    struct write write;
    struct shard *shard;
    struct erase_round round;
    int rc;
};

static int maintain_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    struct maintain_write *m = (struct maintain_write *)w;

    return erase_run(ctx, &m->round, err);
}

static void maintain_done(struct write *w, int rc, const struct err *err)
{
    struct maintain_write *m = (struct maintain_write *)w;
    struct shard *s = m->shard;

    m->rc = rc;
    if (rc < 0 && !s->maintain_failed)
        log_err(s->env->log, LOG_ERROR, "store", 0, "cleaning up failed", err);
    s->maintain_failed = rc < 0;
}

/* A small batch of its own: mail that arrives meanwhile waits a few milliseconds at most. */
static void maintain(struct shard *s)
{
    struct maintain_write m = {.write = {.apply = maintain_apply, .done = maintain_done},
                               .shard = s};
    size_t company = s->company;

    s->maintain_at_ns = clock_mono_ns() + MAINTAIN_EVERY_NS;
    if (!s->has_bodies)
        return;
    erase_round_init(&m.round);
    s->fates[0] = (struct write_fate){.write = &m.write};
    batch_finish(s, 1);
    s->company = company;
    erase_round_done(&m.round, m.rc == 0 ? s->segments : NULL);
    segments_sweep(s->segments);
    if (m.rc == 0 && m.round.more)
        s->maintain_at_ns = clock_mono_ns() + MAINTAIN_AGAIN_NS;
}

/* So that the next start has nothing to read. What fails here is made up for then. */
static void put_keys_away(struct shard *s)
{
    struct err err;
    int rc;

    if (!s->has_bodies || s->broken)
        return;
    rc = db_exec(s->db, "BEGIN IMMEDIATE", &err);
    if (rc == 0)
        rc = thread_index_drain_all(s->threads, s->db, &err);
    if (rc == 0)
        rc = db_exec(s->db, "COMMIT", &err);
    if (rc < 0) {
        db_rollback(s->db);
        log_err(s->env->log, LOG_WARN, "store", 0, "keys of threads stay to be read", &err);
    }
}

void *shard_writer_main(void *shard)
{
    struct shard *s = shard;
    bool stop = false;

    s->maintain_at_ns = clock_mono_ns() + MAINTAIN_AGAIN_NS;
    while (!stop) {
        size_t n = collect(s, &stop);

        if (n > 0)
            batch_finish(s, n);
        if (!stop && clock_mono_ns() >= s->maintain_at_ns)
            maintain(s);
    }
    put_keys_away(s);
    return NULL;
}
