/* Keys of the provider: the public half is a key of the default provider, which knows everything
 * that libcrypto asks about it. */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "net/tls_provider_private.h"

static const char *const kind_names[] = {
    [TLS_KEY_EC] = "EC", [TLS_KEY_RSA] = "RSA", [TLS_KEY_ED25519] = "ED25519"};

static void *new_of(enum tls_key_kind kind)
{
    struct tls_key *key = calloc(1, sizeof(*key));

    if (key)
        key->kind = kind;
    return key;
}

static void *ec_new(void *provider)
{
    (void)provider;
    return new_of(TLS_KEY_EC);
}

static void *rsa_new(void *provider)
{
    (void)provider;
    return new_of(TLS_KEY_RSA);
}

static void *ed25519_new(void *provider)
{
    (void)provider;
    return new_of(TLS_KEY_ED25519);
}

static void key_free(void *data)
{
    struct tls_key *key = data;

    if (key)
        EVP_PKEY_free(key->public_key);
    free(key);
}

static int key_has(const void *data, int selection)
{
    const struct tls_key *key = data;

    if (!key->public_key)
        return 0;
    return !(selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) || key->signer != NULL;
}

static int take_own(struct tls_key *key, const OSSL_PARAM params[])
{
    const OSSL_PARAM *id = OSSL_PARAM_locate_const(params, TLS_PARAM_ID);
    const OSSL_PARAM *signer = OSSL_PARAM_locate_const(params, TLS_PARAM_SIGNER);
    const void *pointer;
    size_t n;

    if (!id || !signer)
        return 1;
    if (id->data_size != sizeof(key->id) || OSSL_PARAM_get_octet_ptr(signer, &pointer, &n) != 1)
        return 0;
    memcpy(key->id, id->data, sizeof(key->id));
    key->signer = pointer;
    return 1;
}

static int key_import(void *data, int selection, const OSSL_PARAM params[])
{
    struct tls_key *key = data;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind_names[key->kind], "provider=default");
    bool ok = ctx && !key->public_key && EVP_PKEY_fromdata_init(ctx) == 1 &&
              EVP_PKEY_fromdata(ctx, &key->public_key, EVP_PKEY_PUBLIC_KEY,
                                (OSSL_PARAM *)(uintptr_t)params) == 1;

    (void)selection;
    EVP_PKEY_CTX_free(ctx);
    return ok && take_own(key, params);
}

static int key_match(const void *a, const void *b, int selection)
{
    const struct tls_key *x = a, *y = b;

    (void)selection;
    return x->public_key && y->public_key && EVP_PKEY_eq(x->public_key, y->public_key) == 1;
}

static int key_get_params(void *data, OSSL_PARAM params[])
{
    const struct tls_key *key = data;

    return key->public_key && EVP_PKEY_get_params(key->public_key, params) == 1;
}

static const OSSL_PARAM *key_gettable(void *provider)
{
    static const OSSL_PARAM known[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)provider;
    return known;
}

static const OSSL_PARAM *key_import_types(int selection)
{
    static const OSSL_PARAM known[] = {
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_octet_string(TLS_PARAM_ID, NULL, 0),
        OSSL_PARAM_octet_ptr(TLS_PARAM_SIGNER, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)selection;
    return known;
}

static const char *ec_operation(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

#define COMMON_FUNCTIONS                                                                           \
    {OSSL_FUNC_KEYMGMT_FREE, (void (*)(void))key_free},                                            \
        {OSSL_FUNC_KEYMGMT_HAS, (void (*)(void))key_has},                                          \
        {OSSL_FUNC_KEYMGMT_IMPORT, (void (*)(void))key_import},                                    \
        {OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (void (*)(void))key_import_types},                        \
        {OSSL_FUNC_KEYMGMT_MATCH, (void (*)(void))key_match},                                      \
        {OSSL_FUNC_KEYMGMT_GET_PARAMS, (void (*)(void))key_get_params},                            \
    {                                                                                              \
        OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (void (*)(void))key_gettable                            \
    }

static const OSSL_DISPATCH ec_functions[] = {
    {OSSL_FUNC_KEYMGMT_NEW, (void (*)(void))ec_new},
    {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, (void (*)(void))ec_operation},
    COMMON_FUNCTIONS,
    {0, NULL},
};
static const OSSL_DISPATCH rsa_functions[] = {
    {OSSL_FUNC_KEYMGMT_NEW, (void (*)(void))rsa_new},
    COMMON_FUNCTIONS,
    {0, NULL},
};
static const OSSL_DISPATCH ed25519_functions[] = {
    {OSSL_FUNC_KEYMGMT_NEW, (void (*)(void))ed25519_new},
    COMMON_FUNCTIONS,
    {0, NULL},
};

const OSSL_ALGORITHM tls_provider_keymgmt[] = {
    {"EC:id-ecPublicKey:1.2.840.10045.2.1", "provider=gw", ec_functions, "key of a signer"},
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", "provider=gw", rsa_functions, "key of a signer"},
    {"ED25519:1.3.101.112", "provider=gw", ed25519_functions, "key of a signer"},
    {NULL, NULL, NULL, NULL},
};
