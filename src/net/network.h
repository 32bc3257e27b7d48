/* A network: an address and how many of its leading bits count. */
#pragma once

#include "net/addr.h"

struct network {
    struct addr addr;
    uint8_t bits; /* of the address as `addr` holds it: at most 32, or 128 */
};

/* "192.0.2.0/24", "2001:db8::/32"; an address alone is a network of one. Bits behind the prefix
 * must be zero. fails: ERR_SYNTAX. */
int network_parse(struct slice text, struct network *out, struct err *err) WARN_UNUSED;
bool network_holds(const struct network *network, const struct addr *addr);
