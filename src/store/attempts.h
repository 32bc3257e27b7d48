/* The record of attempts to log in: a line in the log for each, a count in the metrics, and a row
 * in the directory for equal ones, which a thread writes once a second, so that no login waits for
 * it. Rows go after 30 days; of one account at most ATTEMPTS_FAILED_MAX failed ones stay. The
 * thread also notes when app passwords and keys were used, and ends sessions of those that expire.
 */
#pragma once

#include "base/env.h"
#include "base/err.h"
#include "base/slice.h"
#include "store.pb-c.h"

struct attempts;
struct store;

#define ATTEMPTS_FAILED_MAX 10000
#define ATTEMPTS_KEPT_S (30 * 24 * 3600)

/* Starts the thread. s->directory is open. */
int attempts_new(struct store *s, struct attempts **out, struct err *err) WARN_UNUSED;
/* Writes what is left. Accepts NULL. */
void attempts_free(struct attempts *a);

struct attempt {
    int64_t account_id;     /* 0: no account has the address */
    int64_t password_id;    /* not 0: the app password that was right */
    struct slice account;   /* its name */
    struct slice address;   /* as it was given; cut at ATTEMPT_ADDRESS_MAX */
    struct slice mechanism; /* lower case, or "(unrecognized)" */
    struct slice result;
    const Gw__LoginOrigin *origin; /* NULL: unknown */
    uint64_t cid;
};
#define ATTEMPT_ADDRESS_MAX 256

/* Any thread. */
void attempts_add(struct attempts *a, const struct attempt *what);
