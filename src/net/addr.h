/* Internet addresses. IPv4-mapped IPv6 addresses are turned into IPv4 when read. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/slice.h"

struct addr {
    uint8_t ip[16];
    uint8_t ip_n; /* 4, 16, or 0: none (a local socket) */
    uint16_t port;
};

#define ADDR_TEXT_MAX 48

struct addr addr_of_sockaddr(const struct sockaddr_storage *ss);
socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *ss);
/* "192.0.2.1" or "2001:db8::1", no port, no brackets, no zone. */
int addr_parse_ip(struct slice text, struct addr *out, struct err *err) WARN_UNUSED;
/* Writes the IP as text with a NUL and returns buf. */
const char *addr_ip_text(const struct addr *a, char buf[static ADDR_TEXT_MAX]);
static inline struct slice addr_ip_octets(const struct addr *a)
{
    return slice_of(a->ip, a->ip_n);
}
bool addr_is_loopback(const struct addr *a);
