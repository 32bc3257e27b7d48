#include "local_signer.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

static int sign(void *owner, struct slice key, uint16_t scheme, struct slice octets, uint8_t *out,
                size_t *n_out, struct err *err)
{
    static const char *const digests[] = {
        [4] = "SHA256", [5] = "SHA384", [6] = "SHA512", [7] = NULL, [8] = NULL};
    bool pss = scheme >> 8 == 8 && scheme != 0x0807;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_ctx;
    size_t n = TLS_SIGNATURE_MAX;
    bool ok = key.n == TLS_KEY_ID_OCTETS &&
              EVP_DigestSignInit_ex(ctx, &key_ctx, digests[pss ? scheme & 0xf : scheme >> 8], NULL,
                                    NULL, owner, NULL) == 1;

    if (ok && pss)
        ok = EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
    ok = ok && EVP_DigestSign(ctx, out, &n, octets.p, octets.n) == 1;
    EVP_MD_CTX_free(ctx);
    *n_out = n;
    return ok ? 0 : err_set(err, ERR_INTERNAL, "no signature");
}

struct tls_signer local_signer(EVP_PKEY *key)
{
    return (struct tls_signer){key, sign};
}
