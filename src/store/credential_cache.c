#include <openssl/hmac.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/secret.h"
#include "store/credential.h"

#define SCRYPT_BYTES 32
#define CACHE_SLOTS 4096u
#define CACHE_NS (15 * 60 * NS_PER_S)

struct credential_cache {
    pthread_mutex_t mu; /* guards slots */
    uint8_t key[32];
    struct {
        uint8_t hash[32];
        int64_t until_ns; /* monotonic; 0: empty */
    } slots[CACHE_SLOTS];
};

struct credential_cache *credential_cache_new(void)
{
    struct credential_cache *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    pthread_mutex_init(&c->mu, NULL);
    random_bytes(c->key, sizeof(c->key));
    return c;
}

void credential_cache_free(struct credential_cache *c)
{
    if (!c)
        return;
    pthread_mutex_destroy(&c->mu);
    wipe(c, sizeof(*c));
    free(c);
}

/* HMAC over the account, what is stored for it, and the password. False: nothing to remember. */
static bool cache_hash(const struct credential_cache *c, int64_t account_id,
                       const struct credential *stored, struct slice prepared, uint8_t hash[32])
{
    uint8_t text[8 + CREDENTIAL_SALT + SCRYPT_BYTES + CREDENTIAL_PASSWORD_MAX];
    size_t n = 8 + CREDENTIAL_SALT + SCRYPT_BYTES;
    unsigned hash_n = 0;

    /* What is not stored is hashed like the rest, for the time that it takes; nobody remembers it.
     */
    if (prepared.n < CREDENTIAL_PASSWORD_MIN || prepared.n > CREDENTIAL_PASSWORD_MAX)
        return false;
    memcpy(text, &account_id, 8);
    memcpy(text + 8, stored->salt, CREDENTIAL_SALT);
    memcpy(text + 8 + CREDENTIAL_SALT, stored->secret, SCRYPT_BYTES);
    memcpy(text + n, prepared.p, prepared.n);
    bool ok = HMAC(EVP_sha256(), c->key, sizeof(c->key), text, n + prepared.n, hash, &hash_n);

    wipe(text, sizeof(text));
    return ok;
}

static size_t cache_slot(const uint8_t hash[32])
{
    return (hash[0] | (size_t)hash[1] << 8) % CACHE_SLOTS;
}

bool credential_cache_has(struct credential_cache *c, int64_t account_id,
                          const struct credential *stored, struct slice prepared)
{
    uint8_t hash[32];

    if (!cache_hash(c, account_id, stored, prepared, hash))
        return false;
    size_t i = cache_slot(hash);

    pthread_mutex_lock(&c->mu);
    bool has = c->slots[i].until_ns > clock_mono_ns() &&
               ct_equal(slice_of(hash, 32), slice_of(c->slots[i].hash, 32));

    pthread_mutex_unlock(&c->mu);
    return has;
}

void credential_cache_put(struct credential_cache *c, int64_t account_id,
                          const struct credential *stored, struct slice prepared)
{
    uint8_t hash[32];

    if (!cache_hash(c, account_id, stored, prepared, hash))
        return;
    size_t i = cache_slot(hash);

    pthread_mutex_lock(&c->mu);
    memcpy(c->slots[i].hash, hash, sizeof(hash));
    c->slots[i].until_ns = clock_mono_ns() + CACHE_NS;
    pthread_mutex_unlock(&c->mu);
}
