#include "store/checkpoint.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "base/log.h"

/* 64 MiB of pages: measured as the best of 1,000 to 64,000. */
#define CHECKPOINT_FRAMES 16000

struct checkpointer {
    const struct env *env;
    struct db *db; /* the helper's own handle */
    pthread_t thread;
    bool started;

    int frames_next; /* the writer's: ask again at this many */
    bool failed;     /* the helper's: logged once */

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t wake;
    bool wanted;
    bool finished; /* a pass has ended; the writer may do the rest */
    bool stop;
};

static void helper_pass(struct checkpointer *c)
{
    int rc =
        sqlite3_wal_checkpoint_v2(db_handle(c->db), NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);

    if (rc == SQLITE_OK || rc == SQLITE_BUSY) {
        c->failed = false;
        return;
    }
    /* Nothing is lost: the log still has every page, and the next pass writes them all again. */
    if (!c->failed)
        log_event(c->env->log, LOG_ERROR, "store", 0, "checkpoint failed",
                  LOG_STR("err", sqlite3_errmsg(db_handle(c->db))));
    c->failed = true;
}

static void *helper_main(void *arg)
{
    struct checkpointer *c = arg;

    (void)pthread_mutex_lock(&c->mutex);
    for (;;) {
        while (!c->wanted && !c->stop)
            (void)pthread_cond_wait(&c->wake, &c->mutex);
        if (c->stop)
            break;
        (void)pthread_mutex_unlock(&c->mutex);
        helper_pass(c);
        (void)pthread_mutex_lock(&c->mutex);
        c->wanted = false;
        c->finished = true;
    }
    (void)pthread_mutex_unlock(&c->mutex);
    return NULL;
}

int checkpointer_new(const char *db_path, const struct env *env, struct checkpointer **out,
                     struct err *err)
{
    struct checkpointer *c = calloc(1, sizeof *c);
    int rc;

    if (c == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    c->env = env;
    c->frames_next = CHECKPOINT_FRAMES;
    (void)pthread_mutex_init(&c->mutex, NULL);
    (void)pthread_cond_init(&c->wake, NULL);
    rc = db_open(db_path, DB_WRITER, &c->db, err);
    if (rc == 0) {
        int number = pthread_create(&c->thread, NULL, helper_main, c);

        if (number != 0)
            rc = err_errno(err, number, "cannot start the checkpoint thread");
        c->started = number == 0;
    }
    if (rc < 0) {
        checkpointer_free(c);
        return rc;
    }
    *out = c;
    return 0;
}

void checkpointer_free(struct checkpointer *c)
{
    if (c == NULL)
        return;
    if (c->started) {
        (void)pthread_mutex_lock(&c->mutex);
        c->stop = true;
        (void)pthread_cond_signal(&c->wake);
        (void)pthread_mutex_unlock(&c->mutex);
        (void)pthread_join(c->thread, NULL);
    }
    db_close(c->db);
    (void)pthread_cond_destroy(&c->wake);
    (void)pthread_mutex_destroy(&c->mutex);
    free(c);
}

void checkpointer_committed(struct checkpointer *c, struct db *writer, int frames)
{
    bool finished;

    if (frames < CHECKPOINT_FRAMES)
        c->frames_next = CHECKPOINT_FRAMES; /* the log has started over */
    (void)pthread_mutex_lock(&c->mutex);
    finished = c->finished;
    c->finished = false;
    if (!finished && !c->wanted && frames >= c->frames_next) {
        c->wanted = true;
        c->frames_next = frames + CHECKPOINT_FRAMES;
        (void)pthread_cond_signal(&c->wake);
    }
    (void)pthread_mutex_unlock(&c->mutex);
    if (finished)
        (void)sqlite3_wal_checkpoint_v2(db_handle(writer), NULL, SQLITE_CHECKPOINT_PASSIVE, NULL,
                                        NULL);
}
