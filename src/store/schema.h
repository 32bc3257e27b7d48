/* Making and keeping up the tables of a database. schema.sql is built into the program; a part of
 * it runs once, when a database is created. Older databases are brought up to date by migrate.c. */
#pragma once

#include "base/err.h"
#include "store/db.h"

/* The version of schema.sql. A change there raises it and adds a step in migrate.c. */
#define SCHEMA_VERSION 8

/* Creates the tables of the part ("shard", "directory") in an empty database, or migrates an older
 * one, in one transaction.
 * fails: ERR_INVALID when a newer godwit has written the database, which is then left untouched;
 * ERR_DAMAGED when it holds something else; as db_* fail. */
int schema_prepare(struct db *db, const char *part, struct err *err) WARN_UNUSED;

/* The text of a part as in schema.sql, in malloc'd memory; NULL when there is no such part or no
 * memory. */
char *schema_part(const char *part);
