/* TLS for servers: one context per service, made at start from certificate and key, shared by all
 * threads.
 *
 * TLS 1.2 and newer, RELEASE_BUFFERS, no renegotiation, no session cache, read-ahead off; tickets
 * as asked. See the numbers on memory in docs/decisions. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/slice.h"

struct tls_context;

struct tls_config {
    struct slice certificate_pem; /* leaf first, then the chain */
    struct slice key_pem;
    bool tickets;
    uint16_t minimum;          /* 0x0303 or 0x0304; 0: TLS 1.2 */
    const struct clock *clock; /* borrowed; for the age of ticket keys */
    const char
        *alpn; /* NULL: any; else the only protocol name accepted when the client offers ALPN */
    const char *service; /* session id context: tickets do not work across services; at most 31
                            characters */
};

int tls_context_new(const struct tls_config *config, struct tls_context **out,
                    struct err *err) WARN_UNUSED;
void tls_context_free(struct tls_context *ctx);
