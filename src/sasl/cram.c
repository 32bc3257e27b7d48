/* EVP does not give out the state of a digest, the old interface of libcrypto does. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "sasl/cram.h"

#include <openssl/md5.h>

#include "base/secret.h"

/* Four words, as MD5 itself writes them: the least octet first. */
static void put_state(const MD5_CTX *ctx, uint8_t *out)
{
    const MD5_LONG words[] = {ctx->A, ctx->B, ctx->C, ctx->D};

    for (size_t i = 0; i < CRAM_DIGEST; i++)
        out[i] = (uint8_t)(words[i / 4] >> (8 * (i % 4)));
}

/* A context that has seen one block. */
static bool get_state(const uint8_t *in, MD5_CTX *ctx)
{
    MD5_LONG words[4] = {0};

    if (MD5_Init(ctx) != 1)
        return false;
    for (size_t i = 0; i < CRAM_DIGEST; i++)
        words[i / 4] |= (MD5_LONG)in[i] << (8 * (i % 4));
    ctx->A = words[0];
    ctx->B = words[1];
    ctx->C = words[2];
    ctx->D = words[3];
    ctx->Nl = MD5_CBLOCK * 8;
    return true;
}

static bool pad_state(const uint8_t key[MD5_CBLOCK], uint8_t pad, uint8_t *out)
{
    uint8_t block[MD5_CBLOCK];
    MD5_CTX ctx;

    for (size_t i = 0; i < MD5_CBLOCK; i++)
        block[i] = key[i] ^ pad;
    bool ok = MD5_Init(&ctx) == 1 && MD5_Update(&ctx, block, sizeof(block)) == 1;

    if (ok)
        put_state(&ctx, out);
    wipe(block, sizeof(block));
    wipe(&ctx, sizeof(ctx));
    return ok;
}

bool cram_states(struct slice password, uint8_t out[CRAM_STATES])
{
    uint8_t key[MD5_CBLOCK] = {0};

    /* RFC 2104 2: longer keys are hashed first. */
    if (password.n > MD5_CBLOCK)
        (void)MD5(password.p, password.n, key);
    else if (password.n > 0)
        memcpy(key, password.p, password.n);
    bool ok = pad_state(key, 0x36, out) && pad_state(key, 0x5c, out + CRAM_DIGEST);

    wipe(key, sizeof(key));
    return ok;
}

void cram_digest(const uint8_t states[CRAM_STATES], struct slice challenge,
                 uint8_t out[CRAM_DIGEST])
{
    uint8_t inner[CRAM_DIGEST];
    MD5_CTX ctx;

    if (get_state(states, &ctx))
        (void)MD5_Update(&ctx, challenge.p, challenge.n);
    (void)MD5_Final(inner, &ctx);
    if (get_state(states + CRAM_DIGEST, &ctx))
        (void)MD5_Update(&ctx, inner, sizeof(inner));
    (void)MD5_Final(out, &ctx);
    wipe(&ctx, sizeof(ctx));
    wipe(inner, sizeof(inner));
}
