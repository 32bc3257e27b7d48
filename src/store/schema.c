#include "store/schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "base/slice.h"
#include "store/migrate.h"

/* Made from schema.sql by the build. */
static const char schema_sql[] =
#include "schema_sql.inc"
    ;

char *schema_part(const char *part)
{
    static const struct slice marker = SLICE_INIT("\n-- part: ");
    struct slice all = slice_str(schema_sql);
    size_t at = 0;

    for (;;) {
        size_t found = slice_find(slice_from(all, at), marker);
        struct slice name, text;

        if (found == SIZE_MAX)
            return NULL;
        at += found + marker.n;
        text = slice_from(all, at);
        name = slice_sub(text, 0, slice_find_byte(text, '\n'));
        text = slice_from(text, name.n);
        if (slice_eq(name, slice_str(part)))
            return strndup((const char *)text.p, MIN(slice_find(text, marker), text.n));
    }
}

static int table_count(struct db *db, int64_t *out, struct err *err)
{
    struct db_row r;
    int rc = db_query(db, "SELECT count(*) FROM sqlite_master", &r, err);

    if (rc == 0)
        rc = db_step(&r, err);
    if (rc == 1)
        *out = db_int(&r, 0);
    db_done(&r);
    return rc < 0 ? rc : 0;
}

static int schema_create(struct db *db, const char *part, struct err *err)
{
    _cleanup_free_ char *text = schema_part(part);
    int rc;

    if (text == NULL)
        return err_set(err, ERR_INTERNAL, "no schema part %s", part);
    rc = db_script(db, text, err);
    return rc < 0 ? rc : migrate_version_set(db, SCHEMA_VERSION, err);
}

int schema_prepare(struct db *db, const char *part, struct err *err)
{
    int64_t tables = 0;
    int rc = db_exec(db, "BEGIN IMMEDIATE", err);

    if (rc < 0)
        return rc;
    rc = table_count(db, &tables, err);
    if (rc == 0 && tables == 0)
        rc = schema_create(db, part, err);
    else if (rc == 0)
        rc = migrate_run(db, migrate_steps(part), SCHEMA_VERSION, err);
    if (rc == 0)
        rc = db_exec(db, "COMMIT", err);
    if (rc < 0)
        db_rollback(db);
    return rc;
}
