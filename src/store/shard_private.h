/* What the files of a shard share. Included only inside src/store. */
#pragma once

#include <pthread.h>

#include "store/shard.h"

#define SHARD_BATCH_MAX 256u

struct checkpointer;
struct segments;
struct thread_index;

/* The fate of one write of a batch, until the commit is decided. */
struct write_fate {
    struct write *write;
    int rc;
    struct err err;
};

struct shard {
    const struct env *env;
    char *directory;
    char *db_path;
    const char *part;
    bool has_bodies; /* the part has bodies and messages: there are segments and erasing */
    uint32_t commit_wait_us;
    int lock_fd;

    struct db **readers; /* each belongs to one thread of the caller */
    unsigned readers_n;

    /* Only the writer thread, once it runs. */
    struct db *db;
    struct segments *segments; /* its read side is for everybody */
    struct thread_index *threads;
    int64_t body_next;      /* the next body id */
    int64_t body_limit;     /* ids below this one are reserved in the database */
    bool broken;            /* the last commit failed: recover before anything else */
    bool maintain_failed;   /* logged once */
    size_t company;         /* writes that are likely to arrive together */
    int wal_frames;         /* after the last commit */
    int64_t maintain_at_ns; /* monotonic */
    struct write_fate fates[SHARD_BATCH_MAX];

    struct checkpointer *checkpointer;
    pthread_t thread;
    bool started;

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t wake;
    struct write *head;
    struct write **tail;
    size_t waiting;
    size_t wake_at; /* submitting wakes the writer when this many wait */
    bool stop;
};

/* shard_writer.c */
int shard_writer_open(struct shard *s, struct err *err) WARN_UNUSED;
void *shard_writer_main(void *shard);

/* Within a write: a body id that was never used before. */
int shard_body_id_next(struct write_ctx *ctx, int64_t *out, struct err *err) WARN_UNUSED;

/* The names of the files of a shard. */
#define SHARD_DB_NAME "shard.db"
#define SHARD_SEGMENTS_NAME "segments"
#define SHARD_LOCK_NAME "lock"
