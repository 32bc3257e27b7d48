/* A signer that has the key itself. */
#pragma once

#include <openssl/types.h>

#include "net/tls_provider.h"

struct tls_signer local_signer(EVP_PKEY *key);
