/* CRAM-MD5 (RFC 2195): the client answers a challenge with its HMAC-MD5. */
#pragma once

#include <stdint.h>

#include "base/slice.h"

#define CRAM_DIGEST 16
#define CRAM_STATES 32

/* What a server keeps instead of the password: the state of MD5 after the block with the inner pad,
 * then that after the outer one. It is as good as the password for this mechanism, and for no
 * other. false: no memory. */
bool cram_states(struct slice password, uint8_t out[CRAM_STATES]);
void cram_digest(const uint8_t states[CRAM_STATES], struct slice challenge,
                 uint8_t out[CRAM_DIGEST]);
