/* fuzz: dep_keys
 * What is let through is one of the two forms to the last octet: no beginning of it, and nothing
 * longer, is let through too. */
#include <stdlib.h>
#include <string.h>

#include "keys/handshake_octets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool law)
{
    if (!law)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t schemes[] = {0x0403, 0x0804, 0x0401, 0x0807};
    struct slice in = slice_of(data, size);
    struct err err;

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (handshake_octets_check(in, schemes[i], &err) < 0)
            continue;
        bool exchange = data[64] == 3;
        uint8_t longer[256];

        require(size <= 64 + 4 + 133 && size >= 64 + 4 + 32);
        require(exchange || slice_starts(slice_from(in, 64), SLICE("TLS 1.3, server ")));
        require(handshake_octets_check(slice_sub(in, 0, size - 1), schemes[i], &err) < 0);
        memcpy(longer, data, size);
        longer[size] = 0;
        require(handshake_octets_check(slice_of(longer, size + 1), schemes[i], &err) < 0);
    }
    return 0;
}
