/* What the server's private keys may sign: the two things that a TLS server signs in a handshake.
 * An intruder in an edge who could have anything else signed could speak as this server elsewhere.
 *
 * RFC 8446 4.4.3, CertificateVerify of TLS 1.3:
 *   64 spaces | "TLS 1.3, server CertificateVerify" | 0 | hash of the handshake, 32 or 48 octets
 * RFC 5246 7.4.3 with RFC 8422 5.4, ServerKeyExchange of TLS 1.2:
 *   client random, 32 | server random, 32 | 3 (named curve) | group, 2 | length, 1 | point */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

/* The first 64 octets of the second may be spaces, so the next one decides which it is.
 * scheme: RFC 8446 4.2.3. fails: ERR_DENIED; the text says which rule. */
int handshake_octets_check(struct slice octets, uint16_t scheme, struct err *err) WARN_UNUSED;
