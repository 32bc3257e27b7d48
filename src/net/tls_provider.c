/* Two tables for libcrypto: what keys are (keymgmt), and how they sign (signature).
 *
 * What has to hold, and is not obvious from provider(7):
 * - Names carry all aliases of a type, or TLS does not recognise it.
 * - There is no export. With one, libcrypto would move the key to the default provider, which has
 *   no private half and fails.
 * - Import takes a key that is only public: libssl compares ours with the certificate's that way.
 * - digest_sign_init runs twice a handshake, the first time as a probe: nothing remote is in it.
 * - The padding of RSA comes after init, as a number or as text.
 * - Loading any provider switches the automatic default one off. */
#include "net/tls_provider.h"

#include <openssl/bn.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "net/tls_provider_private.h"

#define PROVIDER "gw"

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_store)
{
    (void)provider;
    *no_store = 0;
    return operation == OSSL_OP_KEYMGMT     ? tls_provider_keymgmt
           : operation == OSSL_OP_SIGNATURE ? tls_provider_signature
                                            : NULL;
}

static int init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
                void **provider)
{
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
        {0, NULL},
    };
    static int context;

    (void)handle;
    (void)in;
    *out = functions;
    *provider = &context; /* has to be something */
    return 1;
}

/* The library is one for the process, and so is what was loaded into it: set once. */
static OSSL_PROVIDER *loaded[2];

static void unload(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(loaded); i++)
        if (loaded[i])
            (void)OSSL_PROVIDER_unload(loaded[i]);
}

static void load(void)
{
    if (OSSL_PROVIDER_add_builtin(NULL, PROVIDER, init) != 1)
        return;
    loaded[0] = OSSL_PROVIDER_load(NULL, "default");
    loaded[1] = OSSL_PROVIDER_load(NULL, PROVIDER);
    (void)EVP_set_default_properties(NULL, TLS_PROVIDER_PROPERTIES);
    (void)OPENSSL_atexit(unload);
}

static int failed(struct err *err, const char *what)
{
    char reason[256];

    ERR_error_string_n(ERR_peek_last_error(), reason, sizeof(reason));
    ERR_clear_error();
    (void)err_set(err, ERR_INTERNAL, "TLS: %s", what);
    return err_detail(err, "%s", reason);
}

static const char *kind_of(const EVP_PKEY *key)
{
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_EC:
        return "EC";
    case EVP_PKEY_RSA:
        return "RSA";
    case EVP_PKEY_ED25519:
        return "ED25519";
    default:
        return NULL;
    }
}

static bool key_id(const EVP_PKEY *key, uint8_t out[static TLS_KEY_ID_OCTETS])
{
    uint8_t *der = NULL;
    int n = i2d_PUBKEY(key, &der);
    bool ok = n > 0 && EVP_Digest(der, (size_t)n, out, NULL, EVP_sha256(), NULL) == 1;

    OPENSSL_free(der);
    return ok;
}

/* The public half's parameters as they are, with the two of ours. */
static EVP_PKEY *make(const char *kind, OSSL_PARAM *params)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, "provider=" PROVIDER);
    EVP_PKEY *key = NULL;

    if (ctx && EVP_PKEY_fromdata_init(ctx) == 1)
        (void)!EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

int tls_provider_key(EVP_PKEY *public_key, const struct tls_signer *signer, EVP_PKEY **out,
                     struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const char *kind = kind_of(public_key);
    uint8_t id[TLS_KEY_ID_OCTETS];
    OSSL_PARAM *public = NULL, *all = NULL;
    OSSL_PARAM own[] = {
        OSSL_PARAM_construct_octet_string(TLS_PARAM_ID, id, sizeof(id)),
        OSSL_PARAM_construct_octet_ptr(TLS_PARAM_SIGNER, (void **)(uintptr_t)&signer,
                                       sizeof(*signer)),
        OSSL_PARAM_construct_end(),
    };

    (void)pthread_once(&once, load);
    if (!kind)
        return err_set(err, ERR_INVALID, "TLS: the key must be ECDSA, RSA or Ed25519");
    if (key_id(public_key, id) && EVP_PKEY_todata(public_key, EVP_PKEY_PUBLIC_KEY, &public) == 1 &&
        (all = OSSL_PARAM_merge(public, own)))
        *out = make(kind, all);
    bool ok = all && *out;

    OSSL_PARAM_free(public);
    OPENSSL_free(all);
    return ok ? 0 : failed(err, "the key cannot be used");
}
