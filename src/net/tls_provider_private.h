/* Shared by the two halves of the provider and by nothing else. */
#pragma once

#include <openssl/core.h>
#include <openssl/types.h>

#include "net/tls_provider.h"

/* Parameters of ours beside the public key's: the id, and a pointer to the signer. */
#define TLS_PARAM_ID "gw-id"
#define TLS_PARAM_SIGNER "gw-signer"

enum tls_key_kind { TLS_KEY_EC, TLS_KEY_RSA, TLS_KEY_ED25519 };

/* What the provider's keys are; constant once they are made. */
struct tls_key {
    enum tls_key_kind kind;
    EVP_PKEY *public_key;            /* the default provider's */
    const struct tls_signer *signer; /* NULL: only the public half */
    uint8_t id[TLS_KEY_ID_OCTETS];
};

extern const OSSL_ALGORITHM tls_provider_keymgmt[];
extern const OSSL_ALGORITHM tls_provider_signature[];
