/* Private keys as they lie in files, and memory in which no trace of them stays.
 *
 *   int main(void)
 *   {
 *       private_key_memory();
 *       ...
 *       EVP_PKEY *key;
 *       if (private_key_read(pem, &key, &err) < 0) ...
 */
#pragma once

#include <openssl/types.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

#define PRIVATE_KEY_ID_OCTETS 32
#define PRIVATE_KEY_FILE_MAX (24u * 1024)

/* Before the first call of libcrypto: what it releases is wiped, and numbers that are secret lie in
 * pages that are neither swapped nor dumped (where the limit of locked memory allows). */
void private_key_memory(void);

/* From PEM text without pass phrase: ECDSA with P-256, P-384 or P-521, RSA from 2048 bits, Ed25519.
 * The caller releases it with EVP_PKEY_free. fails: ERR_INVALID. */
int private_key_read(struct slice pem, EVP_PKEY **out, struct err *err) WARN_UNUSED;

/* SHA-256 of the public half, as proto/keys.proto has it. fails: ERR_NOMEM. */
int private_key_id(const EVP_PKEY *key, uint8_t out[static PRIVATE_KEY_ID_OCTETS],
                   struct err *err) WARN_UNUSED;
