/* What is behind struct store; only for files in src/store. */
#pragma once

#include "store/attempts.h"
#include "store/challenges.h"
#include "store/credential.h"
#include "store/events.h"
#include "store/sessions.h"
#include "store/shard.h"
#include "store/slowdown.h"
#include "store/store.h"
#include "store/workers.h"

struct store {
    const struct env *env;
    unsigned threads;
    int directory_fd; /* of the data directory, for spool files */
    char *hostname;   /* as address_domain gives it; empty: none */
    struct shard *directory;
    struct shard *shards[STORE_SHARDS_MAX];
    uint32_t shards_n;
    struct sessions *sessions;
    struct store_events *events;
    struct credential_cache *credentials;
    struct challenges *challenges;
    struct slowdown *slowdown;
    struct attempts *attempts;
    uint8_t login_key[32]; /* of meta; makes salts for users who do not exist */
    struct workers *workers;
};

/* The sessions of an account end, everywhere, and their processes are told. */
void store_end_account_sessions(struct store *s, int64_t account_id);
