/* The public key of a client certificate, as far as logins care: only the key counts, so neither
 * names, nor validity, nor constraints of the certificate are looked at. */
#pragma once

#include <openssl/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

#define CLIENT_KEY_FINGERPRINT 32u
#define CLIENT_KEY_INPUT_MAX (64u * 1024)
#define CLIENT_KEY_RSA_MIN 2048 /* bits */

struct client_key {
    uint8_t fingerprint[CLIENT_KEY_FINGERPRINT]; /* SHA-256 of the DER SubjectPublicKeyInfo */
    struct slice type;                           /* "ecdsa-p256", "ed25519", "rsa-2048" */
    struct slice name;        /* the subject's CN, else "serial" and its hexadecimal number */
    struct slice certificate; /* DER */
};

/* Reads a certificate: in DER, or as the one PEM block, a CERTIFICATE, of a text. Everything lives
 * in `a`.
 * fails: ERR_SYNTAX no certificate, or more than one block; ERR_INVALID a kind of key, or a size,
 * that is not taken; ERR_LIMIT; ERR_NOMEM. */
int client_key_read(struct arena *a, struct slice in, struct client_key *out,
                    struct err *err) WARN_UNUSED;
/* The same fingerprint of a certificate that libssl has; false: out of memory. */
bool client_key_fingerprint(X509 *certificate, uint8_t out[CLIENT_KEY_FINGERPRINT]);
