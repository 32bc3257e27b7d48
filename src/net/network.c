#include "net/network.h"

#include "base/num.h"

/* Whether the address and the other agree in their first bits. */
static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    for (unsigned i = 0; i < bits; i++)
        if (((a[i / 8] ^ b[i / 8]) >> (7 - i % 8)) & 1)
            return false;
    return true;
}

static bool is_zero_behind(const struct network *n)
{
    for (unsigned i = n->bits; i < n->addr.ip_n * 8u; i++)
        if ((n->addr.ip[i / 8] >> (7 - i % 8)) & 1)
            return false;
    return true;
}

int network_parse(struct slice text, struct network *out, struct err *err)
{
    size_t slash = slice_find_byte(text, '/');
    struct network n = {.bits = 0};
    uint64_t bits;

    if (addr_parse_ip(slice_sub(text, 0, slash), &n.addr, err) < 0)
        return -ERR_SYNTAX;
    bits = n.addr.ip_n * 8u;
    if (slash != SIZE_MAX && !num_parse(slice_from(text, slash + 1), bits, &bits))
        return err_set(err, ERR_SYNTAX, "not a prefix length");
    n.bits = (uint8_t)bits;
    if (!is_zero_behind(&n))
        return err_set(err, ERR_SYNTAX, "there are bits behind the prefix");
    *out = n;
    return 0;
}

bool network_holds(const struct network *network, const struct addr *addr)
{
    return network->addr.ip_n == addr->ip_n && addr->ip_n > 0 &&
           same_prefix(network->addr.ip, addr->ip, network->bits);
}
