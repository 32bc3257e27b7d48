#include "net/addr.h"

#include <arpa/inet.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static void set_ipv6(struct addr *a, const uint8_t octets[static 16])
{
    /* RFC 4291 2.5.5.2: an IPv4-mapped address stands for the IPv4 address. */
    if (memcmp(octets, mapped_prefix, sizeof(mapped_prefix)) == 0) {
        a->ip_n = 4;
        memcpy(a->ip, octets + sizeof(mapped_prefix), 4);
    } else {
        a->ip_n = 16;
        memcpy(a->ip, octets, 16);
    }
}

struct addr addr_of_sockaddr(const struct sockaddr_storage *ss)
{
    struct addr a = {.ip_n = 0};

    if (ss->ss_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, ss, sizeof(in));
        a.ip_n = 4;
        memcpy(a.ip, &in.sin_addr, 4);
        a.port = ntohs(in.sin_port);
    } else if (ss->ss_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, ss, sizeof(in6));
        set_ipv6(&a, in6.sin6_addr.s6_addr);
        a.port = ntohs(in6.sin6_port);
    }
    return a;
}

socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *ss)
{
    memset(ss, 0, sizeof(*ss));
    if (a->ip_n == 4) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(a->port)};

        memcpy(&in.sin_addr, a->ip, 4);
        memcpy(ss, &in, sizeof(in));
        return sizeof(in);
    }
    if (a->ip_n == 16) {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(a->port)};

        memcpy(&in6.sin6_addr, a->ip, 16);
        memcpy(ss, &in6, sizeof(in6));
        return sizeof(in6);
    }
    ss->ss_family = AF_UNSPEC;
    return sizeof(ss->ss_family);
}

int addr_parse_ip(struct slice text, struct addr *out, struct err *err)
{
    struct addr a = {.ip_n = 0};
    char buf[ADDR_TEXT_MAX];
    uint8_t octets[16];

    if (text.n == 0 || text.n >= sizeof(buf) || slice_find_byte(text, '\0') != SIZE_MAX)
        return err_set(err, ERR_SYNTAX, "not an IP address");
    memcpy(buf, text.p, text.n);
    buf[text.n] = '\0';
    if (inet_pton(AF_INET, buf, octets) == 1) {
        a.ip_n = 4;
        memcpy(a.ip, octets, 4);
    } else if (inet_pton(AF_INET6, buf, octets) == 1) {
        set_ipv6(&a, octets);
    } else {
        return err_set(err, ERR_SYNTAX, "not an IP address");
    }
    *out = a;
    return 0;
}

const char *addr_ip_text(const struct addr *a, char buf[static ADDR_TEXT_MAX])
{
    buf[0] = '\0';
    if (a->ip_n > 0)
        (void)inet_ntop(a->ip_n == 4 ? AF_INET : AF_INET6, a->ip, buf, ADDR_TEXT_MAX);
    return buf;
}

bool addr_is_loopback(const struct addr *a)
{
    static const uint8_t loopback6[16] = {[15] = 1};

    /* RFC 1122 3.2.1.3 (g): all of 127/8. RFC 4291 2.5.3: ::1. */
    return (a->ip_n == 4 && a->ip[0] == 127) ||
           (a->ip_n == 16 && memcmp(a->ip, loopback6, 16) == 0);
}
