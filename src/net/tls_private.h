/* What the connection needs to know of a context. */
#pragma once

#include <openssl/ssl.h>

#include "net/tls.h"

#define TLS_ALPN_MAX 32

struct tls_certificate {
    X509 *leaf;
    STACK_OF(X509) * chain;
    EVP_PKEY *key; /* net/tls_provider.h */
};

struct tls_context {
    SSL_CTX *ssl;
    const struct tls_certificate *certificate;
    const struct tls_certificate *const *others;
    size_t others_n;
    char alpn[TLS_ALPN_MAX]; /* empty: any */
    struct tls_tickets *tickets;
};

/* ERR_INVALID with libcrypto's reason as detail. */
int tls_failed(struct err *err, const char *what);

/* ---- tls_certificate.c ---- */
int tls_certificate_use(const struct tls_certificate *certificate, struct tls_context *ctx,
                        struct err *err) WARN_UNUSED;

/* ---- tls_client.c ---- */
struct conn;
/* Clients are asked for a certificate; connections need listener_config.client_keys. */
void tls_client_ask(SSL_CTX *ctx);
/* The handshake has failed behind a certificate that was let through, if there was one. */
void tls_client_failed(struct conn *c, bool lost);

/* ---- tls_tickets.c ---- */
struct tls_tickets *tls_tickets_new(const struct clock *clock); /* NULL: out of memory */
void tls_tickets_free(struct tls_tickets *t);
/* Tickets of this context are under these keys, which are to live longer. */
void tls_tickets_use(struct tls_tickets *t, SSL_CTX *ctx);
