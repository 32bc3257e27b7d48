/* Passwords: what is stored instead of them, and how one is checked. docs/decisions/008 and
 * docs/decisions/012 say why.
 *
 * Stored of an account's own password: scrypt (N 2^15, r 8, p 1), and what SCRAM-SHA-256,
 * SCRAM-SHA-1 (StoredKey, then ServerKey) and CRAM-MD5 (two states) need. Of an app password the
 * same, but SHA-256 in place of scrypt: it is random, so nobody can try all.
 *
 * credential_derive and credential_check take tens of milliseconds and 32 MiB: call them on a
 * worker, not on a serving thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "sasl/mechanism.h"

#define CREDENTIAL_PASSWORD_MIN 8 /* octets, after preparation */
#define CREDENTIAL_PASSWORD_MAX 1024
#define CREDENTIAL_SALT 16
#define CREDENTIAL_SECRET_MAX 64

enum credential_kind {
    CREDENTIAL_PASSWORD,
    CREDENTIAL_SCRAM_SHA_256,
    CREDENTIAL_SCRAM_SHA_1,
    CREDENTIAL_CRAM_MD5,
    CREDENTIAL_KINDS
};
/* As in schema.sql. */
struct slice credential_kind_name(enum credential_kind kind);
enum credential_kind credential_kind_of(const struct sasl_mechanism *mechanism);

/* A row of the table. secret_n 0: there is none. */
struct credential {
    int64_t password_id;
    uint8_t salt[CREDENTIAL_SALT];
    int64_t parameter;
    uint8_t secret[CREDENTIAL_SECRET_MAX];
    size_t secret_n;
};

/* Iterations of a kind for an account that has none yet. */
uint32_t credential_iterations(enum credential_kind kind);

/* For a new password; `prepared` comes from unicode_opaque_string. out[] of the SCRAM kinds comes
 * with salt and parameter, the rest is filled in. app: it is one of ours.
 * fails: ERR_INVALID (too short), ERR_LIMIT, ERR_NOMEM. */
int credential_derive(struct slice prepared, bool app, struct credential out[CREDENTIAL_KINDS],
                      struct err *err) WARN_UNUSED;

/* *match_out: whether it is the password. With nothing stored it costs the same and says no.
 * fails: ERR_NOMEM, ERR_DAMAGED (parameter out of range). */
int credential_check(const struct credential *stored, struct slice prepared, bool *match_out,
                     struct err *err) WARN_UNUSED;

/* An app password: 140 bits in seven groups, "abcd-efgh-…". */
#define CREDENTIAL_APP_CHARS 34
void credential_app_new(char out[CREDENTIAL_APP_CHARS + 1]);

/* What of many stored secrets is the one that was used. Every call does the work of
 * CREDENTIAL_CANDIDATES, so that its time says nothing about how many there are. */
#define CREDENTIAL_APP_MAX 32 /* app passwords of one account */
#define CREDENTIAL_CANDIDATES (CREDENTIAL_APP_MAX + 1)
struct credential_set {
    struct credential rows[CREDENTIAL_CANDIDATES];
    size_t n;
};
/* NULL: none of them. */
const struct credential *credential_app_find(const struct credential_set *set,
                                             struct slice prepared);
const struct credential *credential_scram_find(const struct credential_set *set,
                                               enum sasl_hash hash, struct slice message,
                                               struct slice proof);
const struct credential *credential_cram_find(const struct credential_set *set,
                                              struct slice challenge, struct slice digest);

/* Passwords that were right in the last 15 minutes, under a keyed hash: mail clients log in often.
 * A changed password changes the stored secret and so is never found. Any thread. */
struct credential_cache;
struct credential_cache *credential_cache_new(void); /* NULL: out of memory */
void credential_cache_free(struct credential_cache *c);
bool credential_cache_has(struct credential_cache *c, int64_t account_id,
                          const struct credential *stored, struct slice prepared);
void credential_cache_put(struct credential_cache *c, int64_t account_id,
                          const struct credential *stored, struct slice prepared);
