/* Signatures of the provider: what libcrypto says about digest and padding becomes the number that
 * TLS has for it. */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "net/tls_provider_private.h"

struct operation {
    const struct tls_key *key; /* libcrypto's, for as long as this */
    unsigned hash;             /* RFC 5246 7.4.1.4.1: 4 SHA-256, 5 SHA-384, 6 SHA-512; 0: none */
    bool pss;
};

static void *op_new(void *provider, const char *properties)
{
    (void)provider;
    (void)properties;
    return calloc(1, sizeof(struct operation));
}

static void op_free(void *data)
{
    free(data);
}

/* False for a hash with which nothing is signed here. */
static bool set_hash(struct operation *op, const char *name)
{
    static const struct {
        const char *name;
        unsigned number;
    } hashes[] = {{"", 0},         {"SHA256", 4}, {"SHA2-256", 4}, {"SHA384", 5},
                  {"SHA2-384", 5}, {"SHA512", 6}, {"SHA2-512", 6}};

    for (size_t i = 0; i < ARRAY_SIZE(hashes); i++)
        if (strcmp(hashes[i].name, name) == 0) {
            op->hash = hashes[i].number;
            return true;
        }
    return false;
}

/* "pss", or its number. */
static bool set_padding(struct operation *op, const OSSL_PARAM *p)
{
    int number = 0;

    if (p->data_type == OSSL_PARAM_UTF8_STRING)
        op->pss = strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0;
    else if (OSSL_PARAM_get_int(p, &number) == 1)
        op->pss = number == RSA_PKCS1_PSS_PADDING;
    else
        return false;
    return op->pss || number == RSA_PKCS1_PADDING || p->data_type == OSSL_PARAM_UTF8_STRING;
}

/* Of the length of the salt nothing is kept: RFC 8446 4.2.3 has one for each scheme. */
static int op_set_params(void *data, const OSSL_PARAM params[])
{
    struct operation *op = data;
    const OSSL_PARAM *padding =
        params ? OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE) : NULL;

    return !padding || set_padding(op, padding);
}

static const OSSL_PARAM *op_settable(void *data, void *provider)
{
    static const OSSL_PARAM known[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)data;
    (void)provider;
    return known;
}

static int op_init(void *data, const char *digest, void *key, const OSSL_PARAM params[])
{
    struct operation *op = data;

    if (key)
        op->key = key;
    return op->key && op->key->signer && set_hash(op, digest ? digest : "") &&
           op_set_params(op, params);
}

/* RFC 8446 4.2.3; 0: there is none. */
static uint16_t scheme_of(const struct operation *op)
{
    switch (op->key->kind) {
    case TLS_KEY_EC:
        return op->hash ? (uint16_t)(op->hash << 8 | 3) : 0;
    case TLS_KEY_RSA:
        if (op->pss)
            return op->hash ? (uint16_t)(0x0800 | op->hash) : 0;
        return op->hash ? (uint16_t)(op->hash << 8 | 1) : 0;
    case TLS_KEY_ED25519:
        return op->hash ? 0 : 0x0807;
    }
    return 0;
}

static int op_sign(void *data, unsigned char *out, size_t *n_out, size_t size,
                   const unsigned char *octets, size_t n)
{
    const struct operation *op = data;
    const struct tls_signer *signer = op->key->signer;
    uint8_t signature[TLS_SIGNATURE_MAX];
    uint16_t scheme = scheme_of(op);
    struct err err;
    size_t got = 0;

    if (!out) {
        *n_out = (size_t)EVP_PKEY_get_size(op->key->public_key);
        return 1;
    }
    if (scheme == 0 ||
        signer->sign(signer->owner, slice_of(op->key->id, sizeof(op->key->id)), scheme,
                     slice_of(octets, n), signature, &got, &err) < 0 ||
        got > size)
        return 0;
    memcpy(out, signature, got);
    *n_out = got;
    return 1;
}

static const OSSL_DISPATCH functions[] = {
    {OSSL_FUNC_SIGNATURE_NEWCTX, (void (*)(void))op_new},
    {OSSL_FUNC_SIGNATURE_FREECTX, (void (*)(void))op_free},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, (void (*)(void))op_init},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN, (void (*)(void))op_sign},
    {OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, (void (*)(void))op_set_params},
    {OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, (void (*)(void))op_settable},
    {0, NULL},
};

const OSSL_ALGORITHM tls_provider_signature[] = {
    {"ECDSA", "provider=gw", functions, "asks a signer"},
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", "provider=gw", functions, "asks a signer"},
    {"ED25519:1.3.101.112", "provider=gw", functions, "asks a signer"},
    {NULL, NULL, NULL, NULL},
};
