#include "keys/keyring.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "keys/handshake_octets.h"

struct entry {
    uint8_t id[PRIVATE_KEY_ID_OCTETS];
    uint32_t generation;
    EVP_PKEY *key;
};

struct keyring {
    pthread_mutex_t mu;
    struct entry entry[KEYRING_MAX]; /* GUARDED_BY(mu), as the next */
    size_t n;
};

/* RFC 8446 4.2.3. */
static const struct scheme {
    uint16_t number;
    int kind; /* of key */
    const char *digest;
    bool pss;
} schemes[] = {
    {0x0403, EVP_PKEY_EC, "SHA256", false},  {0x0503, EVP_PKEY_EC, "SHA384", false},
    {0x0603, EVP_PKEY_EC, "SHA512", false},  {0x0804, EVP_PKEY_RSA, "SHA256", true},
    {0x0805, EVP_PKEY_RSA, "SHA384", true},  {0x0806, EVP_PKEY_RSA, "SHA512", true},
    {0x0401, EVP_PKEY_RSA, "SHA256", false}, {0x0501, EVP_PKEY_RSA, "SHA384", false},
    {0x0601, EVP_PKEY_RSA, "SHA512", false}, {0x0807, EVP_PKEY_ED25519, NULL, false},
};

struct keyring *keyring_new(void)
{
    struct keyring *r = calloc(1, sizeof(*r));

    if (r)
        (void)pthread_mutex_init(&r->mu, NULL);
    return r;
}

void keyring_free(struct keyring *r)
{
    if (!r)
        return;
    keyring_forget(r, UINT32_MAX);
    (void)pthread_mutex_destroy(&r->mu);
    free(r);
}

/* With the lock held. */
static struct entry *find(struct keyring *r, struct slice id)
{
    for (size_t i = 0; i < r->n; i++)
        if (slice_eq(slice_of(r->entry[i].id, sizeof(r->entry[i].id)), id))
            return &r->entry[i];
    return NULL;
}

static int keep(struct keyring *r, struct entry *fresh, struct err *err)
{
    struct entry *known = find(r, slice_of(fresh->id, sizeof(fresh->id)));

    if (known) {
        known->generation = MAX(known->generation, fresh->generation);
        return 0;
    }
    if (r->n == KEYRING_MAX)
        return err_set(err, ERR_LIMIT, "more than %d keys", KEYRING_MAX);
    r->entry[r->n++] = *fresh;
    fresh->key = NULL;
    return 0;
}

int keyring_add(struct keyring *r, struct slice pem, uint32_t generation, struct err *err)
{
    struct entry fresh = {.generation = generation};
    int rc = private_key_read(pem, &fresh.key, err);

    if (rc == 0)
        rc = private_key_id(fresh.key, fresh.id, err);
    if (rc == 0) {
        (void)pthread_mutex_lock(&r->mu);
        rc = keep(r, &fresh, err);
        (void)pthread_mutex_unlock(&r->mu);
    }
    EVP_PKEY_free(fresh.key);
    return rc;
}

void keyring_forget(struct keyring *r, uint32_t before)
{
    (void)pthread_mutex_lock(&r->mu);
    for (size_t i = r->n; i-- > 0;) {
        if (r->entry[i].generation >= before)
            continue;
        EVP_PKEY_free(r->entry[i].key);
        r->entry[i] = r->entry[--r->n];
    }
    (void)pthread_mutex_unlock(&r->mu);
}

static EVP_PKEY *take(struct keyring *r, struct slice id)
{
    (void)pthread_mutex_lock(&r->mu);
    const struct entry *entry = find(r, id);
    EVP_PKEY *key = entry ? entry->key : NULL;

    if (key)
        (void)EVP_PKEY_up_ref(key);
    (void)pthread_mutex_unlock(&r->mu);
    return key;
}

static void give_back(struct keyring *r, EVP_PKEY *key)
{
    (void)pthread_mutex_lock(&r->mu);
    EVP_PKEY_free(key);
    (void)pthread_mutex_unlock(&r->mu);
}

static bool carry_out(EVP_PKEY *key, const struct scheme *scheme, struct slice octets, uint8_t *out,
                      size_t *n_out)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_ctx; /* of ctx */
    size_t n = KEYRING_SIGNATURE_MAX;
    bool ok =
        ctx && EVP_DigestSignInit_ex(ctx, &key_ctx, scheme->digest, NULL, NULL, key, NULL) == 1;

    if (ok && scheme->pss)
        ok = EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
    ok = ok && EVP_DigestSign(ctx, out, &n, octets.p, octets.n) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    *n_out = n;
    return ok;
}

static const struct scheme *scheme_of(const EVP_PKEY *key, uint32_t number)
{
    for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
        if (schemes[i].number == number && schemes[i].kind == EVP_PKEY_get_base_id(key))
            return &schemes[i];
    return NULL;
}

int keyring_sign(struct keyring *r, struct slice id, uint32_t scheme, struct slice octets,
                 uint8_t *out, size_t *n_out, struct err *err)
{
    EVP_PKEY *key = take(r, id);
    const struct scheme *how = key ? scheme_of(key, scheme) : NULL;
    int rc = 0;

    if (!key)
        rc = err_set(err, ERR_NOT_FOUND, "there is no such key");
    else if (!how)
        rc = err_set(err, ERR_DENIED, "not signed: the scheme is not one of the key");
    if (rc == 0)
        rc = handshake_octets_check(octets, how->number, err);
    if (rc == 0 && !carry_out(key, how, octets, out, n_out))
        rc = err_set(err, ERR_INTERNAL, "the signature failed");
    give_back(r, key);
    return rc;
}
