/* Checking a shard: the database's own structure, everything that must hold between its rows, the
 * segment files, and the checksum of every body. Reads only, and goes on after whatever it finds;
 * the shard may be in use meanwhile.
 *
 *   struct verify_options o = {.problem = print_problem, .owner = out};
 *   struct verify_summary sum;
 *   int rc = verify_directory("data/shard-00", &o, &sum, err);
 *   if (rc == 0 && sum.problems == 0) … */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* At most this many of a class are reported one by one; all are counted. */
#define VERIFY_SHOWN_MAX 20

struct verify_options {
    /* One problem: its class ("mailbox counts"), what is affected ("account 3 mailbox 1: …") and
     * what to do about it. The text lives until the call returns. */
    void (*problem)(void *owner, const char *class_name, const char *what, const char *advice);
    /* After each hundred bodies, and at the end of each class; may be NULL. */
    void (*progress)(void *owner, const char *class_name, uint64_t done, uint64_t total);
    void *owner;
    bool skip_bodies; /* rows only: quick */
};

struct verify_summary {
    uint64_t problems;
    uint64_t bodies;
    uint64_t body_bytes; /* before compression */
};

/* fails: only when the database cannot be opened at all (ERR_NOT_FOUND, ERR_DAMAGED, ERR_IO). What
 * is found otherwise is in the summary. */
int verify_directory(const char *path, const struct verify_options *options,
                     struct verify_summary *out, struct err *err) WARN_UNUSED;

/* The directory database below the data directory, and that it and the shards know the same
 * accounts. fails: as above. */
int verify_accounts(const char *directory, const struct verify_options *options,
                    struct verify_summary *out, struct err *err) WARN_UNUSED;
