/* Certificates for localserve: an authority of its own and one certificate for this machine, so
 * that mail clients can be told to trust exactly that. */
#pragma once

#include <openssl/types.h>
#include <stdbool.h>

#include "base/err.h"

/* Writes ca.pem, ca.key, localhost.pem and localhost.key (ECDSA P-256) into the directory; names:
 * localhost, 127.0.0.1, ::1 and `ip` (may be NULL). Keys have mode 0600. Existing files are
 * replaced. */
int certificate_write(const char *directory, const char *ip, struct err *err) WARN_UNUSED;

/* A random number (RFC 5280 4.1.2.2). */
bool certificate_set_serial(X509 *x509);
