/* What the connection needs to know of a context. */
#pragma once

#include <openssl/ssl.h>

#include "net/tls.h"

#define TLS_ALPN_MAX 32

struct tls_context {
    SSL_CTX *ssl;
    char alpn[TLS_ALPN_MAX]; /* empty: any */
};
