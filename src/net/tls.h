/* TLS for servers: one context per listener, made at start, shared by all threads.
 *
 * TLS 1.2 and newer, RELEASE_BUFFERS, no renegotiation, no session cache, read-ahead off; tickets
 * as asked. See the numbers on memory in docs/decisions. The private key is elsewhere: whoever has
 * it is asked to sign (net/tls_provider.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/slice.h"

struct tls_context;
struct tls_signer;

/* What the server can be: a certificate with its chain and whoever signs for it. Constant, shared
 * by contexts; lives longer than they. */
struct tls_certificate;

/* pem: leaf first, then the chain. signer: borrowed.
 * fails: ERR_INVALID, ERR_INTERNAL, ERR_NOMEM. */
int tls_certificate_new(struct slice pem, const struct tls_signer *signer,
                        struct tls_certificate **out, struct err *err) WARN_UNUSED;
void tls_certificate_free(struct tls_certificate *certificate);

struct tls_config {
    const struct tls_certificate *certificate;
    /* RFC 6066 3: a client that asks for a name that `certificate` does not have gets the first of
     * these that has it; else `certificate`. Borrowed. */
    const struct tls_certificate *const *others;
    size_t others_n;
    bool tickets;
    bool client_certificates;  /* are asked for; listener_config.client_keys decides */
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
