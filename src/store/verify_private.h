/* What the files of verification share. Included only inside src/store. */
#pragma once

#include "store/db.h"
#include "store/verify.h"

struct segments;

struct verify {
    const struct verify_options *options;
    struct verify_summary sum;
    const char *path;
    struct db *db;
    struct segments *segments;
    const char *class_name;
    uint64_t class_count;
};

struct verify_check {
    const char *name;
    const char *format; /* of up to three numbers */
    const char *advice;
    const char *sql;
};

/* Opens the database of v->path for reading and checks its version. The caller closes v->db, also
 * after an error. */
int verify_open(struct verify *v, struct err *err) WARN_UNUSED;

void verify_class_begin(struct verify *v, const char *name);
void verify_class_end(struct verify *v, uint64_t done);
void verify_progress(struct verify *v, uint64_t done, uint64_t total);
void verify_found(struct verify *v, const char *what, const char *advice);
void verify_found_err(struct verify *v, const struct err *err, const char *advice);

/* Each row that the statement gives is a problem. */
void verify_check_run(struct verify *v, const struct verify_check *check);
/* The structure of the database itself. */
void verify_database(struct verify *v);
