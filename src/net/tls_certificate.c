#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "net/tls_private.h"
#include "net/tls_provider.h"

int tls_failed(struct err *err, const char *what)
{
    char reason[256];

    ERR_error_string_n(ERR_peek_last_error(), reason, sizeof(reason));
    ERR_clear_error();
    (void)err_set(err, ERR_INVALID, "TLS: %s", what);
    return err_detail(err, "%s", reason);
}

static int read_chain(struct tls_certificate *certificate, BIO *bio, struct err *err)
{
    certificate->leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    certificate->chain = sk_X509_new_null();
    if (!certificate->leaf || !certificate->chain)
        return tls_failed(err, "no certificate in the PEM text");
    for (;;) {
        X509 *issuer = PEM_read_bio_X509(bio, NULL, NULL, NULL);

        if (!issuer)
            break;
        if (sk_X509_push(certificate->chain, issuer) <= 0) {
            X509_free(issuer);
            return tls_failed(err, "a certificate of the chain cannot be used");
        }
    }
    unsigned long last = ERR_peek_last_error();

    if (ERR_GET_LIB(last) != ERR_LIB_PEM || ERR_GET_REASON(last) != PEM_R_NO_START_LINE)
        return tls_failed(err, "the certificate chain is damaged");
    ERR_clear_error();
    return 0;
}

int tls_certificate_new(struct slice pem, const struct tls_signer *signer,
                        struct tls_certificate **out, struct err *err)
{
    BIO *bio = pem.n > 0 && pem.n <= INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
    struct tls_certificate *certificate = calloc(1, sizeof(*certificate));
    int rc = !bio           ? err_set(err, ERR_INVALID, "TLS: the certificate is missing")
             : !certificate ? err_set(err, ERR_NOMEM, "out of memory")
                            : read_chain(certificate, bio, err);
    EVP_PKEY *public_key = rc == 0 ? X509_get0_pubkey(certificate->leaf) : NULL;

    BIO_free(bio);
    if (rc == 0)
        rc = public_key ? tls_provider_key(public_key, signer, &certificate->key, err)
                        : tls_failed(err, "the certificate's key cannot be used");
    if (rc < 0)
        tls_certificate_free(certificate);
    else
        *out = certificate;
    return rc;
}

void tls_certificate_free(struct tls_certificate *certificate)
{
    if (!certificate)
        return;
    EVP_PKEY_free(certificate->key);
    sk_X509_pop_free(certificate->chain, X509_free);
    X509_free(certificate->leaf);
    free(certificate);
}

/* RFC 9525 6.3, with wildcards for a whole label. */
static bool has_name(const struct tls_certificate *certificate, const char *name)
{
    return X509_check_host(certificate->leaf, name, 0,
                           X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
                           NULL) == 1;
}

/* Only a connection that asks for another one has its own references to it. */
static int choose(SSL *ssl, void *arg)
{
    const struct tls_context *ctx = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    if (!name || has_name(ctx->certificate, name))
        return 1;
    for (size_t i = 0; i < ctx->others_n; i++) {
        const struct tls_certificate *other = ctx->others[i];

        if (!has_name(other, name))
            continue;
        /* Else one of another kind of key would stay, and be preferred. */
        SSL_certs_clear(ssl);
        return SSL_use_cert_and_key(ssl, other->leaf, other->key, other->chain,
                                    /* override= */ 1);
    }
    return 1;
}

int tls_certificate_use(const struct tls_certificate *certificate, struct tls_context *ctx,
                        struct err *err)
{
    if (!certificate || SSL_CTX_use_cert_and_key(ctx->ssl, certificate->leaf, certificate->key,
                                                 certificate->chain, /* override= */ 1) != 1)
        return tls_failed(err, "the certificate cannot be used");
    ctx->certificate = certificate;
    if (ctx->others_n > 0)
        SSL_CTX_set_cert_cb(ctx->ssl, choose, ctx);
    return 0;
}
