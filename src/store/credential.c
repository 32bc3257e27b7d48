#include "store/credential.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/secret.h"

#define SCRYPT_LOG_N 15
#define SCRYPT_R 8
#define SCRYPT_P 1
#define SCRYPT_BYTES 32
/* More than 2^15 * 8 * 128 octets; the library's own limit is just below what it needs. The block
 * is larger than any threshold of malloc, so it goes back to the kernel when it is freed. */
#define SCRYPT_MEMORY_MAX (64u * 1024 * 1024)

#define CACHE_SLOTS 4096u
#define CACHE_NS (15 * 60 * NS_PER_S)

static int no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "out of memory");
}

static int scrypt(struct slice password, const uint8_t salt[CREDENTIAL_SALT], int64_t log_n,
                  uint8_t out[SCRYPT_BYTES], struct err *err)
{
    if (EVP_PBE_scrypt((const char *)password.p, password.n, salt, CREDENTIAL_SALT,
                       UINT64_C(1) << log_n, SCRYPT_R, SCRYPT_P, SCRYPT_MEMORY_MAX, out,
                       SCRYPT_BYTES) != 1)
        return no_memory(err);
    return 0;
}

/* RFC 5802 3: StoredKey := H(HMAC(SaltedPassword, "Client Key")), ServerKey := HMAC(SaltedPassword,
 * "Server Key"). With these a proof can be checked but none can be made. */
static int scram_derive(const EVP_MD *md, struct slice password, struct credential *out,
                        struct err *err)
{
    uint8_t salted[EVP_MAX_MD_SIZE], client[EVP_MAX_MD_SIZE];
    unsigned n = (unsigned)EVP_MD_get_size(md), client_n = 0, server_n = 0;
    bool ok =
        PKCS5_PBKDF2_HMAC((const char *)password.p, (int)password.n, out->salt, CREDENTIAL_SALT,
                          (int)out->parameter, md, (int)n, salted) == 1 &&
        HMAC(md, salted, (int)n, (const uint8_t *)"Client Key", 10, client, &client_n) &&
        EVP_Digest(client, client_n, out->secret, NULL, md, NULL) == 1 &&
        HMAC(md, salted, (int)n, (const uint8_t *)"Server Key", 10, out->secret + n, &server_n);

    wipe(salted, sizeof(salted));
    wipe(client, sizeof(client));
    out->secret_n = 2 * (size_t)n;
    return ok ? 0 : no_memory(err);
}

int credential_derive(struct slice prepared, struct credential out[CREDENTIAL_KINDS],
                      struct err *err)
{
    if (prepared.n < CREDENTIAL_PASSWORD_MIN)
        return err_set(err, ERR_INVALID, "a password needs at least %d characters",
                       CREDENTIAL_PASSWORD_MIN);
    if (prepared.n > CREDENTIAL_PASSWORD_MAX)
        return err_set(err, ERR_LIMIT, "a password has at most %d characters",
                       CREDENTIAL_PASSWORD_MAX);
    out[0] = (struct credential){.kind = "password", .parameter = SCRYPT_LOG_N};
    out[1] = (struct credential){.kind = "scram-sha-256", .parameter = 4096};
    out[2] = (struct credential){.kind = "scram-sha-1", .parameter = 8192};
    for (size_t i = 0; i < CREDENTIAL_KINDS; i++)
        random_bytes(out[i].salt, sizeof(out[i].salt));
    int rc = scrypt(prepared, out[0].salt, SCRYPT_LOG_N, out[0].secret, err);

    out[0].secret_n = SCRYPT_BYTES;
    if (rc == 0)
        rc = scram_derive(EVP_sha256(), prepared, &out[1], err);
    if (rc == 0)
        rc = scram_derive(EVP_sha1(), prepared, &out[2], err);
    return rc;
}

int credential_check(const struct credential_stored *stored, struct slice prepared, bool *match_out,
                     struct err *err)
{
    bool known = stored->secret_n == SCRYPT_BYTES;
    int64_t log_n = known ? stored->parameter : SCRYPT_LOG_N;
    uint8_t derived[SCRYPT_BYTES];

    if (log_n < 10 || log_n > SCRYPT_LOG_N)
        return err_set(err, ERR_DAMAGED, "the stored password cannot be read");
    int rc = scrypt(prepared, stored->salt, log_n, derived, err);

    if (rc == 0) {
        bool equal =
            ct_equal(slice_of(derived, sizeof(derived)), slice_of(stored->secret, SCRYPT_BYTES));

        *match_out = equal && known;
    }
    wipe(derived, sizeof(derived));
    return rc;
}

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
                       const struct credential_stored *stored, struct slice prepared,
                       uint8_t hash[32])
{
    uint8_t text[8 + CREDENTIAL_SALT + SCRYPT_BYTES + CREDENTIAL_PASSWORD_MAX];
    size_t n = 8 + CREDENTIAL_SALT + SCRYPT_BYTES;
    unsigned hash_n = 0;

    if (stored->secret_n != SCRYPT_BYTES || prepared.n < CREDENTIAL_PASSWORD_MIN ||
        prepared.n > CREDENTIAL_PASSWORD_MAX)
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
                          const struct credential_stored *stored, struct slice prepared)
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
                          const struct credential_stored *stored, struct slice prepared)
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
