/* Passwords: what is stored instead of them, and how one is checked.
 *
 * Stored: scrypt (N 2^15, r 8, p 1), and what SCRAM-SHA-256 and SCRAM-SHA-1 need (StoredKey and
 * ServerKey of RFC 5802 3, one after the other). These functions take tens of milliseconds and 32
 * MiB: call them on a worker, not on a serving thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

#define CREDENTIAL_PASSWORD_MIN 8 /* octets, after preparation */
#define CREDENTIAL_PASSWORD_MAX 1024
#define CREDENTIAL_KINDS 3
#define CREDENTIAL_SALT 16

struct credential {
    const char *kind; /* as in schema.sql, table credential */
    uint8_t salt[CREDENTIAL_SALT];
    int64_t parameter;
    uint8_t secret[64];
    size_t secret_n;
};

/* For a new password; `prepared` comes from unicode_opaque_string. fails: ERR_INVALID (too short),
 * ERR_LIMIT, ERR_NOMEM. */
int credential_derive(struct slice prepared, struct credential out[CREDENTIAL_KINDS],
                      struct err *err) WARN_UNUSED;

/* What is stored as 'password' for the account; n 0 when there is nothing: checking then costs the
 * same and says no. */
struct credential_stored {
    uint8_t salt[CREDENTIAL_SALT];
    uint8_t secret[32];
    size_t secret_n;
    int64_t parameter;
};
/* *match_out: whether it is the password. fails: ERR_NOMEM, ERR_DAMAGED (parameter out of range).
 */
int credential_check(const struct credential_stored *stored, struct slice prepared, bool *match_out,
                     struct err *err) WARN_UNUSED;

/* Passwords that were right in the last 15 minutes, under a keyed hash: mail clients log in often.
 * A changed password changes the stored secret and so is never found. Any thread. */
struct credential_cache;
struct credential_cache *credential_cache_new(void); /* NULL: out of memory */
void credential_cache_free(struct credential_cache *c);
bool credential_cache_has(struct credential_cache *c, int64_t account_id,
                          const struct credential_stored *stored, struct slice prepared);
void credential_cache_put(struct credential_cache *c, int64_t account_id,
                          const struct credential_stored *stored, struct slice prepared);
