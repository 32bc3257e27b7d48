/* Between tls_identity.c and tls_connect.c. */
#pragma once

#include "net/tls_connect.h"

/* Contexts hold their own references. */
int tls_identity_use(const struct tls_identity *identity, SSL_CTX *ctx, struct err *err);
