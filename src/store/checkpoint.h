/* Moving committed pages from the write-ahead log into the database, by a thread of its own, so
 * that deliveries do not wait for the disk to take everything a second time.
 *
 * The helper can never finish while the writer adds to the log, and a log that is never finished
 * never starts over. So when the helper is done, the writer does the small rest between two
 * commits. */
#pragma once

#include "base/env.h"
#include "base/err.h"
#include "store/db.h"

struct checkpointer;

int checkpointer_new(const char *db_path, const struct env *env, struct checkpointer **out,
                     struct err *err) WARN_UNUSED;
/* Stops the thread. Accepts NULL. */
void checkpointer_free(struct checkpointer *c);

/* The writer calls this after each commit, with the frames that the log now has. */
void checkpointer_committed(struct checkpointer *c, struct db *writer, int frames);
