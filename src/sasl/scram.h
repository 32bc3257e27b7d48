/* The arithmetic of SCRAM (RFC 5802 3): what a server keeps instead of a password, and how the two
 * sides prove to each other that they know it. Keys and signatures have as many octets as the hash
 * gives. All fail only when libcrypto has no memory. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "sasl/mechanism.h"

#define SCRAM_KEY_MAX 32
#define SCRAM_SALT_MAX 64

/* 20 or 32. */
size_t scram_key_size(enum sasl_hash hash);

/* SaltedPassword. password: prepared (OpaqueString). Takes milliseconds. */
int scram_salted(enum sasl_hash hash, struct slice password, struct slice salt, uint32_t iterations,
                 uint8_t out[SCRAM_KEY_MAX], struct err *err) WARN_UNUSED;
/* What the server keeps: with it a proof can be checked, but none can be made. */
struct scram_keys {
    uint8_t stored[SCRAM_KEY_MAX]; /* StoredKey */
    uint8_t server[SCRAM_KEY_MAX]; /* ServerKey */
};
int scram_keys_of(enum sasl_hash hash, const uint8_t salted[SCRAM_KEY_MAX], struct scram_keys *out,
                  struct err *err) WARN_UNUSED;

/* message is AuthMessage: client-first-message-bare "," server-first-message ","
 * client-final-message-without-proof. */
int scram_proof(enum sasl_hash hash, const uint8_t salted[SCRAM_KEY_MAX], struct slice message,
                uint8_t proof_out[SCRAM_KEY_MAX], struct err *err) WARN_UNUSED;
/* The same work whatever the proof is; false also without memory. */
bool scram_proof_matches(enum sasl_hash hash, const uint8_t stored[SCRAM_KEY_MAX],
                         struct slice message, struct slice proof);
int scram_signature(enum sasl_hash hash, const uint8_t server[SCRAM_KEY_MAX], struct slice message,
                    uint8_t out[SCRAM_KEY_MAX], struct err *err) WARN_UNUSED;
