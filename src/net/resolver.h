/* The resolver of a process: libunbound, which validates by itself, behind the interface of
 * net/dns.h.
 *
 * Made before the door is shut: everything it needs is in the configuration, it reads no file. Its
 * threads (libunbound's own and one that takes its answers) begin with the first question, so a
 * process that asks nothing holds little. The cache is shared by all threads; at most
 * RESOLVER_CACHE_BYTES.
 *
 * At most RESOLVER_OUTSTANDING_MAX questions wait at the same time; more are DNS_TEMPORARY at once.
 * A question whose caller's deadline has passed is withdrawn.
 *
 * Callers are threads that others need: only some of them may wait long for name servers that say
 * nothing (`patient_max`). The others get DNS_TEMPORARY after RESOLVER_BRIEF_MS, in which every
 * answer from the cache and most from healthy name servers come. */
#pragma once

#include "base/err.h"
#include "net/dns.h"

#define RESOLVER_OUTSTANDING_MAX 1024
#define RESOLVER_CACHE_BYTES (48u * 1024 * 1024)
#define RESOLVER_BRIEF_MS 250

struct resolver;

struct resolver_config {
    /* DS and DNSKEY records as in a zone file, a line each; ";" begins a comment. Without any, no
     * answer is authentic. */
    struct slice trust_anchors;
    /* "192.0.2.1" or "2001:db8::1@5353": resolvers that are asked; none: the name servers
     * themselves, from the root on. What they say is validated all the same. */
    const struct slice *forward_to;
    size_t forward_to_n;
    /* "example.test 127.0.0.1@5353": where a zone is, whatever the delegations say: private zones.
     */
    const struct slice *zones;
    size_t zones_n;
    /* Callers that may wait longer than RESOLVER_BRIEF_MS at the same time; 0: nobody may. */
    unsigned patient_max;
};

/* fails: ERR_INVALID with what is wrong in the configuration. */
int resolver_new(const struct resolver_config *config, struct resolver **out,
                 struct err *err) WARN_UNUSED;
/* Nobody may be waiting any more. */
void resolver_free(struct resolver *r);
struct dns *resolver_dns(struct resolver *r);
