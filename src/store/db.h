/* SQLite, as this project uses it: one connection, statements kept prepared, errors as struct err.
 *
 *   struct db_row r;
 *   int rc = db_query(db, "SELECT uidnext FROM mailbox WHERE account_id = ?1", &r, err);
 *   if (rc == 0) {
 *       db_bind_int(&r, 1, account_id);
 *       rc = db_step(&r, err);   // 1: a row, 0: none, < 0: error
 *       if (rc == 1)
 *           uidnext = db_int(&r, 0);
 *   }
 *   db_done(&r);
 *
 * The SQL text must be a string literal: statements are kept by its address. A statement that was
 * not stepped to its end keeps a read transaction open: db_done always. A db belongs to one thread
 * at a time.
 *
 * Errors: SQLITE_FULL is ERR_FULL; IOERR is ERR_IO; CORRUPT and NOTADB are ERR_DAMAGED; BUSY is
 * ERR_UNAVAILABLE; a constraint is ERR_EXISTS; the rest is ERR_INTERNAL. The detail names statement
 * and SQLite's message. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct db;
struct sqlite3_stmt;

enum db_mode {
    DB_WRITER,
    DB_READER,   /* cannot write, but takes part in the WAL index */
    DB_READ_ONLY /* of a database that others may be writing: `godwit verify` */
};

struct db_row {
    struct db *db;
    struct sqlite3_stmt *stmt;
    const char *sql; /* NULL: not a kept statement; db_done finalizes it */
    int bind_rc;     /* the first binding that failed; said by db_step */
};

/* Opens (creates, for the writer) with WAL, synchronous=FULL, 4096-octet pages, no automatic
 * checkpoint. */
int db_open(const char *path, enum db_mode mode, struct db **out, struct err *err) WARN_UNUSED;
void db_close(struct db *db);

int db_query(struct db *db, const char *sql, struct db_row *out, struct err *err) WARN_UNUSED;
void db_bind_int(struct db_row *r, int index, int64_t value);
void db_bind_blob(struct db_row *r, int index,
                  struct slice value); /* the octets must live until db_done */
void db_bind_text(struct db_row *r, int index, struct slice value);
int db_step(struct db_row *r, struct err *err) WARN_UNUSED;
int64_t db_int(struct db_row *r, int column);
/* Borrowed until the next step or done. */
struct slice db_blob(struct db_row *r, int column);
/* Ends the use: resets, clears bindings. Accepts a row whose query failed. */
void db_done(struct db_row *r);

/* Steps a statement that returns no rows, then db_done. */
int db_run(struct db_row *r, struct err *err) WARN_UNUSED;
/* A literal without parameters or results: BEGIN, SAVEPOINT … */
int db_exec(struct db *db, const char *sql, struct err *err) WARN_UNUSED;
int64_t db_changes(struct db *db);
/* Several statements, not kept: schema and migration. Any NUL-terminated text. */
int db_script(struct db *db, const char *sql, struct err *err) WARN_UNUSED;
/* False after SQLite itself has rolled the transaction back, or when none was begun. */
bool db_in_transaction(struct db *db);
/* Ends a transaction without its changes, if there is one. */
void db_rollback(struct db *db);

/* The raw handle, for src/store's checkpointing, backup and verification only. */
struct sqlite3;
struct sqlite3 *db_handle(struct db *db);
