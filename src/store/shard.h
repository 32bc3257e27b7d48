/* A shard: one database, its bodies, one writer thread. All writes go through the writer, which
 * puts every waiting write into one transaction, each in a savepoint, and commits once; then it
 * tells each its result.
 *
 * A write is a closure over values. It may run again, has no side effect outside the database (and
 * the segment, whose tail is cut back on failure), and learns its fate in `done`, which the writer
 * thread calls after the commit is on disk, or after the failure. `done` may send an answer; it
 * does not block. */
#pragma once

#include "base/arena.h"
#include "base/env.h"
#include "base/err.h"
#include "store/db.h"

struct shard;

struct shard_config {
    const char *directory;   /* of the shard: shard.db, segments/ */
    const char *schema_part; /* "shard" or "directory" */
    unsigned readers;        /* threads that will call shard_reader */
    uint32_t commit_wait_us; /* how long the writer waits for company when more deliveries are on
                                their way */
};

/* Opens or creates, migrates, checks, starts the writer.
 * fails: ERR_UNAVAILABLE when another process holds the directory, ERR_INVALID when a newer godwit
 * has written it, ERR_DAMAGED, ERR_IO, ERR_FULL. */
int shard_open(const struct shard_config *config, const struct env *env, struct shard **out,
               struct err *err) WARN_UNUSED;
/* Finishes waiting writes, checkpoints, stops. */
void shard_close(struct shard *s);

/* What a write's apply sees. */
struct write_ctx {
    struct shard *shard;
    struct db *db;
    int64_t now_ns; /* one time for the whole commit */
};

struct write {
    struct write *next; /* the writer's */
    /* 0, or an error: then only this write is undone. */
    int (*apply)(struct write *w, struct write_ctx *ctx, struct err *err);
    /* rc 0: durable. After that the write belongs to the caller again. */
    void (*done)(struct write *w, int rc, const struct err *err);
};

void shard_submit(struct shard *s, struct write *w);
/* Submits and waits. Not from a writer thread. `done` of the write is not called. */
int shard_write(struct shard *s, struct write *w, struct err *err) WARN_UNUSED;

/* The calling thread's own read handle; thread < config.readers. Never NULL after shard_open. */
struct db *shard_reader(struct shard *s, unsigned thread);
