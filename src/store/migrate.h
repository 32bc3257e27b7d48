/* Bringing an older database up to date: numbered steps, all within the caller's transaction, so
 * that a database has the old version or the new one and nothing between. */
#pragma once

#include "base/err.h"
#include "store/db.h"

/* Leads from `version` to version + 1. A version of 0 ends a table of steps. */
struct migrate_step {
    int version;
    const char *sql;
};

/* Runs the steps that lead from the database's version to `to`. The caller has begun a transaction.
 * fails: ERR_INVALID when the database is newer than `to`, or older than the oldest step;
 * ERR_DAMAGED when it has no version. */
int migrate_run(struct db *db, const struct migrate_step *steps, int to,
                struct err *err) WARN_UNUSED;
int migrate_version_get(struct db *db, int64_t *out, struct err *err) WARN_UNUSED;
int migrate_version_set(struct db *db, int64_t version, struct err *err) WARN_UNUSED;

/* The steps of a part of schema.sql. */
const struct migrate_step *migrate_steps(const char *part);
