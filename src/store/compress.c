#include "store/compress.h"

#include <openssl/evp.h>
#include <pthread.h>

static pthread_key_t cctx_key;
static EVP_MD *sha256;

static void cctx_free(void *cctx)
{
    (void)ZSTD_freeCCtx(cctx);
}

static void make_shared(void)
{
    (void)pthread_key_create(&cctx_key, cctx_free);
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static void prepare(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, make_shared);
}

ZSTD_CCtx *compress_context(void)
{
    prepare();
    ZSTD_CCtx *cctx = pthread_getspecific(cctx_key);

    if (cctx)
        return cctx;
    cctx = ZSTD_createCCtx();
    if (cctx && pthread_setspecific(cctx_key, cctx) != 0) {
        (void)ZSTD_freeCCtx(cctx);
        return NULL;
    }
    return cctx;
}

const EVP_MD *compress_sha256(void)
{
    prepare();
    return sha256;
}
