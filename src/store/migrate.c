#include "store/migrate.h"

#include <inttypes.h>
#include <string.h>

/* Both parts have one version: a step that concerns the other one is empty. */
static const struct migrate_step shard_steps[] = {
    {1, "ALTER TABLE content ADD COLUMN wish_flags INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE content ADD COLUMN dsn_ret INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE content ADD COLUMN dsn_envid BLOB NOT NULL DEFAULT x'';"
        "ALTER TABLE content ADD COLUMN dsn_notify INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE content ADD COLUMN dsn_orcpt BLOB NOT NULL DEFAULT x'';"
        "ALTER TABLE content ADD COLUMN hold_until_ns INTEGER NOT NULL DEFAULT 0;"},
    {2, "ALTER TABLE account ADD COLUMN keys_done INTEGER NOT NULL DEFAULT 0;"
        "UPDATE account SET keys_done = content_next - 1;"},
    {3, ""},
    {0},
};
static const struct migrate_step directory_steps[] = {
    {1, ""},
    {2, ""},
    {3, "CREATE TABLE web_session (token_hash BLOB NOT NULL PRIMARY KEY, csrf_hash BLOB NOT NULL, "
        "account_id INTEGER NOT NULL, address TEXT NOT NULL, expires_ns INTEGER NOT NULL) "
        "WITHOUT ROWID;"
        "CREATE INDEX web_session_account ON web_session (account_id, expires_ns);"},
    {0},
};

const struct migrate_step *migrate_steps(const char *part)
{
    return strcmp(part, "shard") == 0 ? shard_steps : directory_steps;
}

int migrate_version_get(struct db *db, int64_t *out, struct err *err)
{
    struct db_row r;
    int rc = db_query(db, "SELECT value FROM meta WHERE key = 'schema_version'", &r, err);

    if (rc == 0)
        rc = db_step(&r, err);
    if (rc == 1)
        *out = db_int(&r, 0);
    db_done(&r);
    if (rc == 0)
        return err_set(err, ERR_DAMAGED, "the database has no schema version");
    return rc < 0 ? rc : 0;
}

int migrate_version_set(struct db *db, int64_t version, struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "INSERT INTO meta (key, value) VALUES ('schema_version', ?1)"
                      " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, version);
    return db_run(&r, err);
}

static const struct migrate_step *step_from(const struct migrate_step *steps, int64_t version)
{
    for (; steps->version != 0; steps++) {
        if (steps->version == version)
            return steps;
    }
    return NULL;
}

int migrate_run(struct db *db, const struct migrate_step *steps, int to, struct err *err)
{
    int64_t from = 0;
    int rc = migrate_version_get(db, &from, err);

    if (rc < 0)
        return rc;
    if (from > to)
        return err_set(err, ERR_INVALID,
                       "the data was written by a newer godwit (schema %" PRId64
                       ", this one knows %d): use that version",
                       from, to);
    if (from == to)
        return 0;
    for (int64_t v = from; v < to; v++) {
        const struct migrate_step *step = step_from(steps, v);

        if (step == NULL)
            return err_set(err, ERR_INVALID,
                           "the data has schema %" PRId64 ", too old for this godwit", from);
        rc = db_script(db, step->sql, err);
        if (rc < 0) {
            (void)err_prefix(err, "migrate from schema %" PRId64, v);
            return rc;
        }
    }
    return migrate_version_set(db, to, err);
}
