#include "store/shard.h"
#include "runtime/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "store/checkpoint.h"
#include "store/schema.h"
#include "store/segment.h"
#include "store/shard_private.h"
#include "store/thread_index.h"

static char *path_join(const char *directory, const char *name)
{
    char *path = NULL;

    return asprintf(&path, "%s/%s", directory, name) < 0 ? NULL : path;
}

static int sync_directory(const char *path, struct err *err)
{
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) < 0)
        return err_errno(err, errno, "cannot sync %s", path);
    return 0;
}

/* The folder itself has to survive a power cut: its parent is synced too. */
static int directory_make(const char *path, struct err *err)
{
    _cleanup_free_ char *parent = path_join(path, "..");

    if (parent == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (mkdir(path, 0700) < 0)
        return errno == EEXIST ? 0 : err_errno(err, errno, "cannot create %s", path);
    return sync_directory(parent, err);
}

static int directory_lock(struct shard *s, struct err *err)
{
    _cleanup_free_ char *path = path_join(s->directory, SHARD_LOCK_NAME);

    if (path == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->lock_fd < 0)
        return err_errno(err, errno, "cannot open %s", path);
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK) {
        int rc = err_set(err, ERR_UNAVAILABLE, "another godwit uses this data directory");

        (void)err_detail(err, "%s is locked", path);
        return rc;
    }
    return err_errno(err, errno, "cannot lock %s", path);
}

static struct shard *shard_new(const struct shard_config *config, const struct env *env)
{
    struct shard *s = calloc(1, sizeof *s);
    pthread_condattr_t attr;

    if (s == NULL)
        return NULL;
    s->env = env;
    s->lock_fd = -1;
    s->directory = strdup(config->directory);
    s->db_path = path_join(config->directory, SHARD_DB_NAME);
    s->part = config->schema_part;
    s->has_bodies = strcmp(config->schema_part, "shard") == 0;
    s->commit_wait_us = config->commit_wait_us;
    s->readers = calloc(config->readers + 1, sizeof(struct db *));
    s->readers_n = config->readers;
    s->threads = thread_index_new();
    s->company = 1;
    s->tail = &s->head;
    s->wake_at = 1;
    (void)pthread_mutex_init(&s->mutex, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->wake, &attr);
    (void)pthread_condattr_destroy(&attr);
    return s;
}

/* The helper threads leave signals to the process's own. */
static int threads_start(struct shard *s, struct err *err)
{
    sigset_t all, before;
    int number = 0;
    int rc;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = checkpointer_new(s->db_path, s->env, &s->checkpointer, err);
    if (rc == 0) {
        number = pthread_create(&s->thread, NULL, shard_writer_main, s);
        if (number != 0)
            rc = err_errno(err, number, "cannot start the writer thread");
        s->started = number == 0;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static int shard_start(struct shard *s, struct err *err)
{
    _cleanup_free_ char *segments = path_join(s->directory, SHARD_SEGMENTS_NAME);
    int rc;

    if (s->directory == NULL || s->db_path == NULL || s->readers == NULL || segments == NULL ||
        s->threads == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    rc = directory_make(s->directory, err);
    if (rc == 0)
        rc = directory_lock(s, err);
    if (rc == 0)
        rc = shard_writer_open(s, err);
    if (rc == 0)
        rc = schema_prepare(s->db, s->part, err);
    if (rc == 0 && s->has_bodies)
        rc = segments_open(segments, s->db, &s->segments, err);
    if (rc == 0 && s->has_bodies)
        rc = thread_index_load(s->threads, s->db, err);
    if (rc == 0)
        rc = sync_directory(s->directory, err);
    for (unsigned i = 0; rc == 0 && i < s->readers_n; i++)
        rc = db_open(s->db_path, DB_READER, &s->readers[i], err);
    return rc < 0 ? rc : threads_start(s, err);
}

int shard_open(const struct shard_config *config, const struct env *env, struct shard **out,
               struct err *err)
{
    struct shard *s = shard_new(config, env);
    int rc;

    if (s == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    rc = shard_start(s, err);
    if (rc < 0) {
        (void)err_prefix(err, "open shard %s", config->directory);
        shard_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

void shard_close(struct shard *s)
{
    if (s == NULL)
        return;
    if (s->started) {
        (void)pthread_mutex_lock(&s->mutex);
        s->stop = true;
        (void)pthread_cond_signal(&s->wake);
        (void)pthread_mutex_unlock(&s->mutex);
        (void)pthread_join(s->thread, NULL);
    }
    checkpointer_free(s->checkpointer);
    for (unsigned i = 0; s->readers != NULL && i < s->readers_n; i++)
        db_close(s->readers[i]);
    segments_free(s->segments);
    thread_index_free(s->threads);
    /* The last handle moves the log into the database and removes it. */
    db_close(s->db);
    (void)fd_close(s->lock_fd);
    (void)pthread_cond_destroy(&s->wake);
    (void)pthread_mutex_destroy(&s->mutex);
    free(s->readers);
    free(s->db_path);
    free(s->directory);
    free(s);
}

void shard_submit(struct shard *s, struct write *w)
{
    w->next = NULL;
    (void)pthread_mutex_lock(&s->mutex);
    *s->tail = w;
    s->tail = &w->next;
    s->waiting++;
    metrics_add(s->env->metrics, METRIC_STORE_QUEUE, 1);
    if (s->waiting >= s->wake_at)
        (void)pthread_cond_signal(&s->wake);
    (void)pthread_mutex_unlock(&s->mutex);
}

/* A write that stands for the caller's and wakes it. */
struct waited_write {
    struct write write;
    struct write *inner;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool ready; /* guarded by mutex, as what follows */
    int rc;
    struct err err;
};

static int waited_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    struct waited_write *ww = (struct waited_write *)w;

    return ww->inner->apply(ww->inner, ctx, err);
}

static void waited_done(struct write *w, int rc, const struct err *err)
{
    struct waited_write *ww = (struct waited_write *)w;

    (void)pthread_mutex_lock(&ww->mutex);
    ww->rc = rc;
    if (rc < 0)
        ww->err = *err;
    ww->ready = true;
    (void)pthread_cond_signal(&ww->wake);
    (void)pthread_mutex_unlock(&ww->mutex);
}

int shard_write(struct shard *s, struct write *w, struct err *err)
{
    struct waited_write ww = {.write = {.apply = waited_apply, .done = waited_done}, .inner = w};

    (void)pthread_mutex_init(&ww.mutex, NULL);
    (void)pthread_cond_init(&ww.wake, NULL);
    shard_submit(s, &ww.write);
    (void)pthread_mutex_lock(&ww.mutex);
    while (!ww.ready)
        (void)pthread_cond_wait(&ww.wake, &ww.mutex);
    (void)pthread_mutex_unlock(&ww.mutex);
    (void)pthread_cond_destroy(&ww.wake);
    (void)pthread_mutex_destroy(&ww.mutex);
    if (ww.rc < 0 && err != NULL)
        *err = ww.err;
    return ww.rc;
}

struct db *shard_reader(struct shard *s, unsigned thread)
{
    return s->readers[thread];
}
