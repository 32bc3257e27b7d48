/* Data of DNS records in wire form (RFC 1035 3.3, without compression). Pure. Everything that is
 * read must use up its input; what comes out borrows from it or lives in `a`. A cursor that has
 * failed means: not such a record, or out of memory. */
#pragma once

#include "base/cursor.h"
#include "net/dns.h"

/* A name as text, in lower case; empty for the root. Fails on labels with octets other than
 * letters, digits, "-" and "_", and on more than DNS_NAME_MAX octets. */
struct slice dns_wire_name(struct arena *a, struct cursor *c);
struct dns_mx dns_wire_mx(struct arena *a, struct cursor *c);
/* RFC 1035 3.3.14: the strings put together. */
struct slice dns_wire_txt(struct arena *a, struct cursor *c);
struct dns_tlsa dns_wire_tlsa(struct cursor *c);
/* The type says whether it is IPv4 or IPv6. An IPv4-mapped address is not turned into IPv4: that is
 * not what the owner of a name means. */
struct addr dns_wire_addr(struct cursor *c, uint16_t type);
