#include "net/tls_private.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICE_MAX 31

static int tls_failed(struct err *err, const char *what)
{
    char reason[256];

    ERR_error_string_n(ERR_peek_last_error(), reason, sizeof(reason));
    ERR_clear_error();
    (void)err_set(err, ERR_INVALID, "TLS: %s", what);
    return err_detail(err, "%s", reason);
}

static BIO *bio_of(struct slice pem)
{
    return pem.n > 0 && pem.n <= INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
}

static int use_chain(SSL_CTX *ctx, BIO *bio, struct err *err)
{
    X509 *leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    if (!leaf)
        return tls_failed(err, "no certificate in the PEM text");
    int ok = SSL_CTX_use_certificate(ctx, leaf);

    X509_free(leaf);
    if (ok != 1)
        return tls_failed(err, "the certificate cannot be used");
    for (;;) {
        X509 *issuer = PEM_read_bio_X509(bio, NULL, NULL, NULL);

        if (!issuer)
            break;
        if (SSL_CTX_add0_chain_cert(ctx, issuer) != 1) {
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

/* A key behind a pass phrase is an error: nobody is there to be asked. */
static int no_pass_phrase(char *buf, int size, int writing, void *arg)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static int use_key(SSL_CTX *ctx, BIO *bio, struct err *err)
{
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL);

    if (!key)
        return tls_failed(err, "no usable private key in the PEM text");
    int ok = SSL_CTX_use_PrivateKey(ctx, key) == 1 && SSL_CTX_check_private_key(ctx) == 1;

    EVP_PKEY_free(key);
    return ok ? 0 : tls_failed(err, "the private key does not belong to the certificate");
}

static int load(SSL_CTX *ctx, const struct tls_config *config, struct err *err)
{
    BIO *chain = bio_of(config->certificate_pem), *key = bio_of(config->key_pem);
    int rc = chain && key ? use_chain(ctx, chain, err)
                          : err_set(err, ERR_INVALID, "TLS: certificate or key is missing");

    if (rc == 0)
        rc = use_key(ctx, key, err);
    BIO_free(chain);
    BIO_free(key);
    return rc;
}

/* RFC 7301 3.2: a client that offers protocols, none of them ours, gets no_application_protocol. */
static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                       const unsigned char *in, unsigned in_n, void *arg)
{
    const struct tls_context *ctx = arg;
    struct slice want = slice_str(ctx->alpn);

    (void)ssl;
    for (size_t at = 0; at < in_n;) {
        struct slice name = slice_sub(slice_of(in, in_n), at + 1, in[at]);

        if (slice_eq(name, want)) {
            *out = name.p;
            *out_n = (unsigned char)name.n;
            return SSL_TLSEXT_ERR_OK;
        }
        at += (size_t)in[at] + 1;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void set_options(SSL_CTX *ctx, bool tickets)
{
    uint64_t options = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION;

    if (!tickets)
        options |= SSL_OP_NO_TICKET;
    (void)SSL_CTX_set_options(ctx, options);
    /* Without tickets TLS 1.3 would still send some that name sessions in the cache we lack. */
    (void)SSL_CTX_set_num_tickets(ctx, tickets ? 2 : 0);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    /* With read-ahead a record could wait inside libssl while the socket is silent. */
    SSL_CTX_set_read_ahead(ctx, 0);
}

int tls_context_new(const struct tls_config *config, struct tls_context **out, struct err *err)
{
    size_t alpn_n = config->alpn ? strlen(config->alpn) : 0;
    size_t service_n = config->service ? strlen(config->service) : 0;

    if (alpn_n >= TLS_ALPN_MAX || service_n > SERVICE_MAX)
        return err_set(err, ERR_LIMIT, "TLS: the name of a protocol is too long");
    struct tls_context *ctx = calloc(1, sizeof(*ctx));

    if (!ctx)
        return err_set(err, ERR_NOMEM, "out of memory");
    (void)snprintf(ctx->alpn, sizeof(ctx->alpn), "%s", config->alpn ? config->alpn : "");
    ERR_clear_error();
    ctx->ssl = SSL_CTX_new(TLS_server_method());
    int rc = 0;

    if (!ctx->ssl ||
        SSL_CTX_set_min_proto_version(ctx->ssl,
                                      config->minimum ? config->minimum : TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_session_id_context(ctx->ssl, (const unsigned char *)config->service,
                                       (unsigned)service_n) != 1)
        rc = tls_failed(err, "cannot make a context");
    if (rc == 0)
        rc = load(ctx->ssl, config, err);
    if (rc < 0) {
        tls_context_free(ctx);
        return rc;
    }
    set_options(ctx->ssl, config->tickets);
    if (config->tickets) {
        ctx->tickets = tls_tickets_new(config->clock);
        if (!ctx->tickets) {
            tls_context_free(ctx);
            return err_set(err, ERR_NOMEM, "out of memory");
        }
        tls_tickets_use(ctx->tickets, ctx->ssl);
    }
    if (alpn_n > 0)
        SSL_CTX_set_alpn_select_cb(ctx->ssl, choose_alpn, ctx);
    *out = ctx;
    return 0;
}

void tls_context_free(struct tls_context *ctx)
{
    if (!ctx)
        return;
    SSL_CTX_free(ctx->ssl);
    tls_tickets_free(ctx->tickets);
    free(ctx);
}
