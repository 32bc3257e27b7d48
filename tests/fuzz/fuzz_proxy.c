/* fuzz: dep_net
 * The header of the PROXY protocol. What is said to be missing never goes beyond the limit, and a
 * header that is whole is whole only there. */
#include <stdlib.h>

#include "net/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool law)
{
    if (!law)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_header h = {0};
    size_t have = 0;
    struct err err;

    for (;;) {
        size_t missing = 0;

        if (proxy_parse(slice_of(data, have), &h, &missing, &err) < 0)
            return 0;
        if (missing == 0)
            break;
        require(have + missing <= PROXY_HEADER_MAX);
        if (missing > size - have)
            return 0;
        have += missing;
    }
    require(have > 0);
    require(!h.known || (h.source.ip_n > 0 && h.destination.ip_n > 0));
    return 0;
}
