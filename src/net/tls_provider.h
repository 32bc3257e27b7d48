/* Private keys that are elsewhere: a provider for libcrypto whose keys have a public half and
 * whoever signs with the other.
 *
 * libssl gets an EVP_PKEY as usual; when a handshake has to be signed, the signer is called with
 * the octets themselves (not their hash: Ed25519 needs them, and whoever holds the key can see what
 * it is that it signs). */
#pragma once

#include <openssl/types.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

#define TLS_KEY_ID_OCTETS 32
#define TLS_SIGNATURE_MAX 2048u

/* Lives longer than the keys that name it. Called from any thread. */
struct tls_signer {
    void *owner;
    /* key: SHA-256 of the DER SubjectPublicKeyInfo. scheme: RFC 8446 4.2.3. out: TLS_SIGNATURE_MAX
     * octets. */
    int (*sign)(void *owner, struct slice key, uint16_t scheme, struct slice octets, uint8_t *out,
                size_t *n_out, struct err *err);
};

/* The signer's half of this public key; ECDSA with P-256, P-384 or P-521, RSA, Ed25519. The first
 * call changes how libcrypto works in the whole process: call it before threads start, and before
 * the sandbox. fails: ERR_INVALID a key of another kind; ERR_INTERNAL. */
int tls_provider_key(EVP_PKEY *public_key, const struct tls_signer *signer, EVP_PKEY **out,
                     struct err *err) WARN_UNUSED;

/* Goes with contexts that use such keys: our half is not to be taken where it was not asked for. */
#define TLS_PROVIDER_PROPERTIES "?provider!=gw"
