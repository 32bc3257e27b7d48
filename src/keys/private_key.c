#include "keys/private_key.h"

#include <malloc.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/secret.h"

/* Of the locked pages; an RSA key of 4096 bits takes about 3 KiB. */
#define LOCKED_OCTETS (256u * 1024)
#define LOCKED_LEAST 64u
#define RSA_BITS_MIN 2048

/* libcrypto decodes keys in ordinary memory, and releases some of it as it is. */
static void *take(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return malloc(n);
}

static void give_back(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    if (p)
        wipe(p, malloc_usable_size(p));
    free(p);
}

static void *resize(void *p, size_t n, const char *file, int line)
{
    size_t old = p ? malloc_usable_size(p) : 0;

    if (n == 0) {
        give_back(p, file, line);
        return NULL;
    }
    if (old >= n)
        return p;
    void *fresh = malloc(n);

    if (fresh && p) {
        memcpy(fresh, p, old);
        give_back(p, file, line);
    }
    return fresh;
}

void private_key_memory(void)
{
    (void)CRYPTO_set_mem_functions(take, resize, give_back);
    (void)CRYPTO_secure_malloc_init(LOCKED_OCTETS, LOCKED_LEAST);
}

static bool is_curve(const EVP_PKEY *key)
{
    static const char *const curves[] = {"prime256v1", "secp384r1", "secp521r1"};
    char name[32] = "";

    (void)EVP_PKEY_get_group_name(key, name, sizeof(name), NULL);
    for (size_t i = 0; i < ARRAY_SIZE(curves); i++)
        if (strcmp(name, curves[i]) == 0)
            return true;
    return false;
}

static int check_kind(const EVP_PKEY *key, struct err *err)
{
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_ED25519:
        return 0;
    case EVP_PKEY_RSA:
        if (EVP_PKEY_get_bits(key) < RSA_BITS_MIN)
            return err_set(err, ERR_INVALID, "an RSA key needs at least %d bits", RSA_BITS_MIN);
        return 0;
    case EVP_PKEY_EC:
        return is_curve(key) ? 0
                             : err_set(err, ERR_INVALID, "the curve must be P-256, P-384 or P-521");
    default:
        return err_set(err, ERR_INVALID, "the key must be ECDSA, RSA or Ed25519");
    }
}

int private_key_read(struct slice pem, EVP_PKEY **out, struct err *err)
{
    BIO *bio = pem.n <= PRIVATE_KEY_FILE_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
    /* The empty pass phrase keeps libcrypto from asking on the terminal. */
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"") : NULL;

    BIO_free(bio);
    ERR_clear_error();
    if (!key)
        return err_set(err, ERR_INVALID, "no private key (PEM, without pass phrase)");
    int rc = check_kind(key, err);

    if (rc < 0)
        EVP_PKEY_free(key);
    else
        *out = key;
    return rc;
}

int private_key_id(const EVP_PKEY *key, uint8_t out[static PRIVATE_KEY_ID_OCTETS], struct err *err)
{
    uint8_t *der = NULL;
    int n = i2d_PUBKEY(key, &der);
    bool ok = n > 0 && EVP_Digest(der, (size_t)n, out, NULL, EVP_sha256(), NULL) == 1;

    OPENSSL_free(der);
    return ok ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}
