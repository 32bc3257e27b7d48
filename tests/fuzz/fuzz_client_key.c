/* fuzz: dep_net
 * A certificate that is taken has a name and a type for people, and reads back from its DER. */
#include <stdlib.h>
#include <string.h>

#include "net/client_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct client_key key, again;
    struct arena a;
    struct err err;

    arena_init(&a, 1u << 20);
    if (client_key_read(&a, slice_of(data, size), &key, &err) == 0) {
        if (key.name.n == 0 || key.name.n > 256 || key.type.n == 0 ||
            client_key_read(&a, key.certificate, &again, &err) < 0 ||
            memcmp(key.fingerprint, again.fingerprint, sizeof(key.fingerprint)) != 0)
            abort();
    }
    arena_done(&a);
    return 0;
}
