/* fuzz: dep_keys
 * Records as an edge sends them, to a keyring without keys: whatever comes is answered with an
 * error, or is no request. */
#include <stdlib.h>

#include "keys/serve.h"
#include "rpc/call.h"
#include "runtime/channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t buf[CHANNEL_RECORD_MAX];
    struct keyring *ring = keyring_new();
    struct arena a;
    struct err err;
    size_t n = 0;

    arena_init(&a, RPC_DECODE_MAX);
    if (keys_answer(ring, slice_of(data, size), &a, buf, &n, &err) == 0 &&
        (n == 0 || n > sizeof(buf)))
        abort();
    arena_done(&a);
    keyring_free(ring);
    return 0;
}
