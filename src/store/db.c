/* How it works: every statement text is prepared once per connection and kept in a small hash table
 * under the address of its literal, which is unique and stable as long as the program runs. A query
 * whose kept statement is still in use (a loop that calls itself) gets one of its own.
 *
 * Foreign octets are only ever bound, never part of a text. */
#include "store/db.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "base/num.h"

#define STATEMENTS_INITIAL 64
#define WRITER_CACHE_KIB 8192
#define READER_CACHE_KIB 2048

struct statement {
    const char *sql; /* NULL: free */
    struct sqlite3_stmt *stmt;
    bool in_use;
};

struct db {
    sqlite3 *handle;
    struct statement *statements; /* open addressing, a power of two */
    size_t statements_cap;
    size_t statements_n;
};

/* The errno of the last system call that failed. What SQLite kept for the handle may have been
 * overwritten while it rolled back; the log's file has its own. */
static int db_errno(struct db *db)
{
    sqlite3_file *file = NULL;
    int number = 0;

    if (db->handle == NULL)
        return 0;
    if (sqlite3_system_errno(db->handle) != 0)
        return sqlite3_system_errno(db->handle);
    if (sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) !=
            SQLITE_OK ||
        file == NULL || file->pMethods == NULL)
        return 0;
    return file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &number) == SQLITE_OK
               ? number
               : 0;
}

static int db_fail(struct db *db, int code, const char *sql, struct err *err)
{
    int system_errno = db_errno(db);
    int rc;

    switch (code & 0xff) {
    case SQLITE_FULL:
        rc = err_set(err, ERR_FULL, "the disk is full");
        break;
    case SQLITE_IOERR:
        if (code == SQLITE_IOERR_NOMEM)
            rc = err_set(err, ERR_NOMEM, "out of memory");
        else if (system_errno == ENOSPC || system_errno == EDQUOT)
            rc = err_set(err, ERR_FULL, "the disk is full");
        else
            rc = err_set(err, ERR_IO, "the disk failed");
        break;
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
        rc = err_set(err, ERR_IO, "the database cannot be opened or written");
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        rc = err_set(err, ERR_DAMAGED, "stored data is damaged");
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        rc = err_set(err, ERR_UNAVAILABLE, "the database is busy");
        break;
    case SQLITE_CONSTRAINT:
        rc = err_set(err, ERR_EXISTS, "it exists already");
        break;
    case SQLITE_NOMEM:
        rc = err_set(err, ERR_NOMEM, "out of memory");
        break;
    case SQLITE_TOOBIG:
        rc = err_set(err, ERR_LIMIT, "a value is too large for the database");
        break;
    default:
        rc = err_set(err, ERR_INTERNAL, "internal database error");
        break;
    }
    (void)err_detail(err, "sqlite %d errno %d: %s: %.120s", code, system_errno,
                     db->handle != NULL ? sqlite3_errmsg(db->handle) : "", sql);
    return rc;
}

/* Counters of SQLite's allocator are a lock that all threads share; nobody reads them. */
static void sqlite_setup(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int db_configure(struct db *db, enum db_mode mode, struct err *err)
{
    static const char writer_setup[] = "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL;"
                                       "PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;"
                                       "PRAGMA mmap_size = 0; PRAGMA wal_autocheckpoint = 0;";
    static const char reader_setup[] = "PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;"
                                       "PRAGMA mmap_size = 0; PRAGMA wal_autocheckpoint = 0;";
    char cache[64];
    int rc;

    (void)sqlite3_extended_result_codes(db->handle, 1);
    (void)sqlite3_busy_timeout(db->handle, 5000);
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    rc = db_script(db, mode == DB_WRITER ? writer_setup : reader_setup, err);
    if (rc < 0)
        return rc;
    (void)sqlite3_snprintf((int)sizeof cache, cache, "PRAGMA cache_size = -%d",
                           mode == DB_WRITER ? WRITER_CACHE_KIB : READER_CACHE_KIB);
    return db_script(db, cache, err);
}

int db_open(const char *path, enum db_mode mode, struct db **out, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    struct db *db;
    int rc;

    (void)pthread_once(&once, sqlite_setup);
    if (mode == DB_WRITER)
        flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    else
        flags |= mode == DB_READER ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
    db = calloc(1, sizeof *db);
    if (db == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    db->statements = calloc(STATEMENTS_INITIAL, sizeof *db->statements);
    db->statements_cap = STATEMENTS_INITIAL;
    if (db->statements == NULL) {
        rc = err_set(err, ERR_NOMEM, "out of memory");
        goto fail;
    }
    rc = sqlite3_open_v2(path, &db->handle, flags, NULL);
    if (rc != SQLITE_OK) {
        rc = db_fail(db, rc, path, err);
        goto fail;
    }
    rc = db_configure(db, mode, err);
    if (rc < 0) {
        (void)err_prefix(err, "%s", path);
        goto fail;
    }
    *out = db;
    return 0;
fail:
    db_close(db);
    return rc;
}

void db_close(struct db *db)
{
    if (db == NULL)
        return;
    for (size_t i = 0; db->statements != NULL && i < db->statements_cap; i++)
        (void)sqlite3_finalize(db->statements[i].stmt);
    free(db->statements);
    /* v2: a statement that somebody still holds does not keep the file locked for ever. */
    (void)sqlite3_close_v2(db->handle);
    free(db);
}

static struct statement *statement_slot(struct statement *table, size_t cap, const char *sql)
{
    size_t i = (size_t)(((uintptr_t)sql * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (cap - 1);

    while (table[i].sql != NULL && table[i].sql != sql)
        i = (i + 1) & (cap - 1);
    return &table[i];
}

static bool statements_grow(struct db *db)
{
    size_t cap = db->statements_cap * 2;
    struct statement *table = calloc(cap, sizeof *table);

    if (table == NULL)
        return false;
    for (size_t i = 0; i < db->statements_cap; i++) {
        if (db->statements[i].sql != NULL)
            *statement_slot(table, cap, db->statements[i].sql) = db->statements[i];
    }
    free(db->statements);
    db->statements = table;
    db->statements_cap = cap;
    return true;
}

static int prepare(struct db *db, const char *sql, struct sqlite3_stmt **out, struct err *err)
{
    int rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);

    return rc == SQLITE_OK ? 0 : db_fail(db, rc, sql, err);
}

int db_query(struct db *db, const char *sql, struct db_row *out, struct err *err)
{
    struct statement *slot;
    int rc;

    *out = (struct db_row){.db = db};
    if (db->statements_n * 2 >= db->statements_cap && !statements_grow(db))
        return err_set(err, ERR_NOMEM, "out of memory");
    slot = statement_slot(db->statements, db->statements_cap, sql);
    if (slot->sql != NULL && slot->in_use)
        return prepare(db, sql, &out->stmt, err);
    if (slot->sql == NULL) {
        struct sqlite3_stmt *stmt = NULL;

        rc = prepare(db, sql, &stmt, err);
        if (rc < 0)
            return rc;
        *slot = (struct statement){.sql = sql, .stmt = stmt};
        db->statements_n++;
    }
    slot->in_use = true;
    out->sql = sql;
    out->stmt = slot->stmt;
    return 0;
}

static void bind_note(struct db_row *r, int rc)
{
    if (rc != SQLITE_OK && r->bind_rc == 0)
        r->bind_rc = rc;
}

void db_bind_int(struct db_row *r, int index, int64_t value)
{
    bind_note(r, sqlite3_bind_int64(r->stmt, index, value));
}

void db_bind_blob(struct db_row *r, int index, struct slice value)
{
    /* A null pointer would bind SQL's NULL. */
    const void *p = value.p != NULL ? (const void *)value.p : "";

    bind_note(r, sqlite3_bind_blob64(r->stmt, index, p, value.n, SQLITE_STATIC));
}

void db_bind_text(struct db_row *r, int index, struct slice value)
{
    const char *p = value.p != NULL ? (const char *)value.p : "";

    bind_note(r, sqlite3_bind_text64(r->stmt, index, p, value.n, SQLITE_STATIC, SQLITE_UTF8));
}

int db_step(struct db_row *r, struct err *err)
{
    int rc = r->bind_rc;

    if (rc == 0)
        rc = sqlite3_step(r->stmt);
    if (rc == SQLITE_ROW)
        return 1;
    if (rc == SQLITE_DONE)
        return 0;
    return db_fail(r->db, rc, sqlite3_sql(r->stmt), err);
}

int64_t db_int(struct db_row *r, int column)
{
    return sqlite3_column_int64(r->stmt, column);
}

struct slice db_blob(struct db_row *r, int column)
{
    const void *p = sqlite3_column_blob(r->stmt, column);
    int n = sqlite3_column_bytes(r->stmt, column);

    return slice_of(p, p != NULL && n > 0 ? (size_t)n : 0);
}

void db_done(struct db_row *r)
{
    if (r->stmt == NULL)
        return;
    if (r->sql == NULL) {
        (void)sqlite3_finalize(r->stmt);
    } else {
        (void)sqlite3_reset(r->stmt);
        (void)sqlite3_clear_bindings(r->stmt);
        statement_slot(r->db->statements, r->db->statements_cap, r->sql)->in_use = false;
    }
    *r = (struct db_row){0};
}

int db_run(struct db_row *r, struct err *err)
{
    int rc;

    do {
        rc = db_step(r, err);
    } while (rc > 0);
    db_done(r);
    return rc;
}

int db_exec(struct db *db, const char *sql, struct err *err)
{
    struct db_row r;
    int rc = db_query(db, sql, &r, err);

    return rc < 0 ? rc : db_run(&r, err);
}

int64_t db_changes(struct db *db)
{
    return sqlite3_changes64(db->handle);
}

int db_script(struct db *db, const char *sql, struct err *err)
{
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : db_fail(db, rc, sql, err);
}

bool db_in_transaction(struct db *db)
{
    return sqlite3_get_autocommit(db->handle) == 0;
}

void db_rollback(struct db *db)
{
    if (db_in_transaction(db))
        (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

struct sqlite3 *db_handle(struct db *db)
{
    return db->handle;
}
