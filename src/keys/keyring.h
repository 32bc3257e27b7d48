/* The private keys of the process, and what they are used for: signing handshakes.
 *
 * Keys come with the number of the configuration that named them. After a reload the older ones
 * stay until the processes that were started with them have ended. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "keys/private_key.h"

#define KEYRING_MAX 128             /* keys */
#define KEYRING_SIGNATURE_MAX 2048u /* RSA of 16,384 bits */

struct keyring;

struct keyring *keyring_new(void); /* NULL: out of memory */
void keyring_free(struct keyring *r);

/* A key that is here already gets the new number. fails: ERR_INVALID, ERR_LIMIT, ERR_NOMEM. */
int keyring_add(struct keyring *r, struct slice pem, uint32_t generation,
                struct err *err) WARN_UNUSED;
/* Drops the keys of configurations before that one. */
void keyring_forget(struct keyring *r, uint32_t before);

/* Any thread. octets: see handshake_octets.h. out: KEYRING_SIGNATURE_MAX octets.
 * fails: ERR_NOT_FOUND no such key; ERR_DENIED no handshake, or the scheme is not one of the key;
 * ERR_INTERNAL. */
int keyring_sign(struct keyring *r, struct slice id, uint32_t scheme, struct slice octets,
                 uint8_t *out, size_t *n_out, struct err *err) WARN_UNUSED;
