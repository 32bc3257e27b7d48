#include "net/tls_private.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/tls_provider.h"

#define SERVICE_MAX 31

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

/* What the keys process signs, and no key exchange that needs the private key for more than a
 * signature. */
static int set_algorithms(SSL_CTX *ctx, struct err *err)
{
    static const char schemes[] =
        "ECDSA+SHA256:ed25519:RSA-PSS+SHA256:ECDSA+SHA384:ECDSA+SHA512:RSA-PSS+SHA384:"
        "RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512";

    return SSL_CTX_set1_sigalgs_list(ctx, schemes) == 1 &&
                   SSL_CTX_set_cipher_list(ctx, "DEFAULT:!kRSA") == 1
               ? 0
               : tls_failed(err, "cannot choose the algorithms");
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
    ctx->others = config->others;
    ctx->others_n = config->others_n;
    ERR_clear_error();
    ctx->ssl = SSL_CTX_new_ex(NULL, TLS_PROVIDER_PROPERTIES, TLS_server_method());
    int rc = 0;

    if (!ctx->ssl ||
        SSL_CTX_set_min_proto_version(ctx->ssl,
                                      config->minimum ? config->minimum : TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_session_id_context(ctx->ssl, (const unsigned char *)config->service,
                                       (unsigned)service_n) != 1)
        rc = tls_failed(err, "cannot make a context");
    if (rc == 0)
        rc = set_algorithms(ctx->ssl, err);
    if (rc == 0)
        rc = tls_certificate_use(config->certificate, ctx, err);
    if (rc < 0) {
        tls_context_free(ctx);
        return rc;
    }
    set_options(ctx->ssl, config->tickets);
    if (config->client_certificates)
        tls_client_ask(ctx->ssl);
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
