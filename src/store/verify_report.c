/* What the parts of verification share: opening, reporting, one statement per class. */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>

#include "store/migrate.h"
#include "store/schema.h"
#include "store/shard_private.h"
#include "store/verify_private.h"

int verify_open(struct verify *v, struct err *err)
{
    char db_path[4096];
    struct err version_err = {0};
    int64_t version = 0;
    int rc;

    (void)snprintf(db_path, sizeof db_path, "%s/%s", v->path, SHARD_DB_NAME);
    rc = db_open(db_path, DB_READ_ONLY, &v->db, err);
    if (rc < 0)
        return rc;
    verify_class_begin(v, "schema version");
    if (migrate_version_get(v->db, &version, &version_err) < 0)
        verify_found_err(v, &version_err,
                         "the database is damaged: restore the shard from a backup");
    else if (version != SCHEMA_VERSION)
        return err_set(err, ERR_INVALID,
                       "the data has schema %" PRId64 ", this godwit checks %d: start it once",
                       version, SCHEMA_VERSION);
    verify_class_end(v, v->class_count);
    return 0;
}

/* ---- reporting ---- */

void verify_class_begin(struct verify *v, const char *name)
{
    v->class_name = name;
    v->class_count = 0;
}

void verify_found(struct verify *v, const char *what, const char *advice)
{
    v->sum.problems++;
    if (++v->class_count <= VERIFY_SHOWN_MAX)
        v->options->problem(v->options->owner, v->class_name, what, advice);
}

void verify_progress(struct verify *v, uint64_t done, uint64_t total)
{
    if (v->options->progress != NULL)
        v->options->progress(v->options->owner, v->class_name, done, total);
}

void verify_class_end(struct verify *v, uint64_t done)
{
    char text[64];

    if (v->class_count > VERIFY_SHOWN_MAX) {
        (void)snprintf(text, sizeof text, "%" PRIu64 " more", v->class_count - VERIFY_SHOWN_MAX);
        v->options->problem(v->options->owner, v->class_name, text, "as above");
    }
    verify_progress(v, done, done);
}

void verify_found_err(struct verify *v, const struct err *err, const char *advice)
{
    char text[512];

    verify_found(v, err_for_log(err, text, sizeof text), advice);
}

/* ---- rows ---- */

void verify_check_run(struct verify *v, const struct verify_check *check)
{
    struct err err = {0};
    struct db_row r;
    int rc = db_query(v->db, check->sql, &r, &err);

    verify_class_begin(v, check->name);
    while (rc >= 0 && (rc = db_step(&r, &err)) == 1) {
        char text[256];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        /* The formats are those of the table above. */
        (void)snprintf(text, sizeof text, check->format, (long long)db_int(&r, 0),
                       (long long)db_int(&r, 1), (long long)db_int(&r, 2));
#pragma GCC diagnostic pop
        verify_found(v, text, check->advice);
    }
    db_done(&r);
    if (rc < 0)
        verify_found_err(v, &err,
                         "a page of the database is damaged: restore the shard from a backup");
    verify_class_end(v, v->class_count);
}

void verify_database(struct verify *v)
{
    struct err err = {0};
    struct db_row r;
    int rc = db_query(v->db, "PRAGMA integrity_check(1000)", &r, &err);

    verify_class_begin(v, "database");
    while (rc >= 0 && (rc = db_step(&r, &err)) == 1) {
        char text[256];

        if (slice_eq(db_blob(&r, 0), SLICE("ok")))
            continue;
        (void)snprintf(text, sizeof text, "%.200s", (const char *)sqlite3_column_text(r.stmt, 0));
        verify_found(v, text, "a page of the database is damaged: restore the shard from a backup");
    }
    db_done(&r);
    if (rc < 0)
        verify_found_err(v, &err, "the database is damaged: restore the shard from a backup");
    verify_class_end(v, v->class_count);
}
