/* Contexts that are costly to make, kept where they are used. */
#pragma once

#include <openssl/types.h>
#include <zstd.h>

/* The calling thread's compressor; freed when the thread ends. NULL: out of memory. */
ZSTD_CCtx *compress_context(void);

/* SHA-256, looked up once: EVP_sha256() would be looked up again at every use. NULL: libcrypto has
 * none. */
const EVP_MD *compress_sha256(void);
