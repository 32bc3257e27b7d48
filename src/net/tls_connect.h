/* TLS for clients: how a server is recognised, and what we show of ourselves. A connector serves
 * any number of connections, one after the other or at once. TLS 1.2 and newer, no tickets. */
#pragma once

#include <openssl/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

#define TLS_PIN_OCTETS 32u

/* A private key with its certificate. */
struct tls_identity;

/* From one of:
 * - PEM with exactly one PRIVATE KEY and its certificate, which comes before further ones of the
 *   chain;
 * - PEM with a PRIVATE KEY alone (Ed25519, P-256, P-384, P-521, RSA), to which the smallest
 * possible certificate is made: a server that knows the key looks at nothing else;
 * - one line with the 32 octets of an Ed25519 seed, in base64url without padding.
 * Other kinds of blocks, encrypted keys, and a key that is not the certificate's are refused.
 * Messages never quote the input.
 * fails: ERR_SYNTAX, ERR_INVALID, ERR_NOMEM. */
int tls_identity_read(struct slice text, struct tls_identity **out, struct err *err) WARN_UNUSED;
void tls_identity_free(struct tls_identity *identity);

enum tls_verify {
    TLS_VERIFY_NAME, /* a trusted authority says that it is the host (RFC 9525, RFC 5280) */
    TLS_VERIFY_PIN,  /* its key is the pinned one; names, dates and authorities do not matter */
    TLS_VERIFY_NONE, /* opportunistic: against who only listens (RFC 7435) */
};

struct tls_connector_config {
    enum tls_verify verify;
    struct slice authorities_pem;        /* NAME: trusted authorities; empty: the system's */
    uint8_t pin[TLS_PIN_OCTETS];         /* PIN: SHA-256 of the DER SubjectPublicKeyInfo */
    const struct tls_identity *identity; /* NULL: none; needed only while the connector is made */
    const char *alpn;                    /* NULL: none is offered */
};

struct tls_connector;

int tls_connector_new(const struct tls_connector_config *config, struct tls_connector **out,
                      struct err *err) WARN_UNUSED;
void tls_connector_free(struct tls_connector *c);
/* Whether a client certificate is shown when the server asks. */
bool tls_connector_has_identity(const struct tls_connector *c);

/* A client's end for a connection to this host, a name or an address in text; its BIO is still to
 * be set. The caller frees it with SSL_free. */
int tls_connector_ssl(const struct tls_connector *c, const char *host, SSL **out,
                      struct err *err) WARN_UNUSED;
