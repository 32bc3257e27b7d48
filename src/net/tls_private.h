/* What the connection needs to know of a context. */
#pragma once

#include <openssl/ssl.h>

#include "net/tls.h"

#define TLS_ALPN_MAX 32

struct tls_context {
    SSL_CTX *ssl;
    char alpn[TLS_ALPN_MAX]; /* empty: any */
    struct tls_tickets *tickets;
};

/* ---- tls_tickets.c ---- */
struct tls_tickets *tls_tickets_new(const struct clock *clock); /* NULL: out of memory */
void tls_tickets_free(struct tls_tickets *t);
/* Tickets of this context are under these keys, which are to live longer. */
void tls_tickets_use(struct tls_tickets *t, SSL_CTX *ctx);
