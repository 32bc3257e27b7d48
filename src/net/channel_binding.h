/* What both ends of a TLS connection know of it, and nobody between them: a login that is bound to
 * it cannot be passed on over another connection (RFC 5056). tls-exporter with TLS 1.3 (RFC 9266),
 * tls-unique with TLS 1.2 (RFC 5929 3). */
#pragma once

#include <openssl/types.h>
#include <stddef.h>
#include <stdint.h>

struct conn;

struct channel_binding {
    const char *name; /* NULL: no TLS, or nothing that could be trusted */
    uint8_t data[64];
    size_t n;
};

struct channel_binding conn_channel_binding(const struct conn *c);
/* The same for either end of a connection of libssl; NULL is accepted. */
struct channel_binding channel_binding_of(SSL *ssl);
