/* Names in the DNS: typed lookups over an interface, with what DNSSEC says about each answer.
 *
 *   struct dns_call call = {env->dns, arena, clock_mono_ns() + 60 * NS_PER_S};
 *   struct dns_mx_list mx;
 *   if (dns_mx(&call, domain, &mx) == DNS_FOUND) …
 *
 * Pure but for the interface: the process has a resolver that validates by itself (net/resolver.h),
 * a test has one with a zone text (tests/unit/net/scripted_dns.h). Lookups block the caller, at
 * most DNS_QUERY_TIMEOUT_S each and never past the call's deadline. Everything they give lives in
 * the call's arena.
 *
 * Names are given and got as text in A-labels without the dot at the end, and are always absolute:
 * there are no search domains. What is got is in lower case, and consists of letters, digits, "-"
 * and "_"; records that name something else are left out and counted.
 *
 * `authentic` says that the whole answer, each step of an alias included, was signed and validated
 * up to a trust anchor; for "no such name" and "no such record" as well. It is never set together
 * with DNS_TEMPORARY and DNS_BOGUS. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "net/addr.h"

#define DNS_QUERY_TIMEOUT_S 10
#define DNS_NAME_MAX 253    /* octets of a name as text */
#define DNS_RECORDS_MAX 256 /* of one answer; with more it counts as DNS_TEMPORARY */

enum dns_outcome {
    DNS_FOUND,
    DNS_NO_NAME,   /* NXDOMAIN: neither this nor any other record */
    DNS_NO_DATA,   /* the name exists, the record does not */
    DNS_TEMPORARY, /* no answer in time, or one that says nothing (SERVFAIL, REFUSED, …) */
    DNS_BOGUS,     /* fails validation: to be treated as temporary, never as a plain answer */
};

/* The peer's answer is that there is nothing. */
static inline bool dns_is_absent(enum dns_outcome outcome)
{
    return outcome == DNS_NO_NAME || outcome == DNS_NO_DATA;
}
static inline bool dns_is_failure(enum dns_outcome outcome)
{
    return outcome == DNS_TEMPORARY || outcome == DNS_BOGUS;
}
/* "found", "no-name", … for logs. */
const char *dns_outcome_name(enum dns_outcome outcome);

struct dns_answer {
    enum dns_outcome outcome;
    bool authentic;
    bool alias;         /* the name is an alias; `name` is what it leads to */
    struct slice name;  /* whose records these are; that which was asked for unless found */
    const char *reason; /* of DNS_TEMPORARY and DNS_BOGUS, printable, for the log; otherwise "" */
    uint32_t ttl_s;
    size_t left_out; /* records that could not be read, or name no proper name */
};

/* Types by their IANA numbers. */
enum dns_type {
    DNS_A = 1,
    DNS_NS = 2,
    DNS_CNAME = 5,
    DNS_PTR = 12,
    DNS_MX = 15,
    DNS_TXT = 16,
    DNS_AAAA = 28,
    DNS_SRV = 33,
    DNS_TLSA = 52,
};

/* ---- the interface ---- */

struct dns_query {
    struct slice name;
    uint16_t type;
    struct dns_answer answer; /* out */
    struct slice *rdata;      /* out: wire form, without compression */
    size_t rdata_n;           /* out: not 0 exactly when found */
};

struct dns {
    /* Answers all n queries, asked at the same time, or says for each why not, at the latest at
     * `deadline_ns` of the monotonic clock. The names are valid. Any thread. Never NULL. */
    void (*ask)(struct dns *dns, struct arena *a, struct dns_query *v, size_t n,
                int64_t deadline_ns);
    /* Begins a query whose answer will be wanted soon, and does not wait. Any thread. */
    void (*prefetch)(struct dns *dns, struct slice name, uint16_t type);
    /* Whoever waits gets DNS_TEMPORARY now, and so does everybody who asks later: at shutdown. */
    void (*stop)(struct dns *dns);
};

/* ---- lookups ---- */

struct dns_call {
    struct dns *dns;
    struct arena *arena;
    int64_t deadline_ns; /* of the monotonic clock, for everything that is asked with this call */
};

/* At most DNS_NAME_MAX octets, labels of 1 to 63 octets, printable ASCII, no "\"; no dot at the
 * end. Wider than what host names may be: "_25._tcp" and the names that SPF macros make are names
 * too. */
bool dns_name_valid(struct slice name);

/* Any records, as they are. A name that is not valid cannot exist: DNS_NO_NAME, not authentic,
 * without asking; so do the lookups below. Returns query->answer.outcome. */
enum dns_outcome dns_ask(const struct dns_call *call, struct dns_query *query);
/* The same for several queries at once. */
void dns_ask_all(const struct dns_call *call, struct dns_query *v, size_t n);

/* Addresses (port 0) in the order of the answer, IPv6 first. With both families: found when one is;
 * absent only when both are; authentic only when both answers are. When one family failed and the
 * other was found, `incomplete` is set; when it failed and the other is absent, the outcome is the
 * failure. */
enum dns_family { DNS_IP_ANY, DNS_IP_4, DNS_IP_6 };
struct dns_address_list {
    struct dns_answer answer;
    struct addr *v;
    size_t n;
    bool incomplete;
};
enum dns_outcome dns_addresses(const struct dns_call *call, struct slice name,
                               enum dns_family family, struct dns_address_list *out);
/* The same for n names at once. */
void dns_addresses_all(const struct dns_call *call, const struct slice *names, size_t n,
                       enum dns_family family, struct dns_address_list *out);

/* Sorted by preference; hosts of the same preference in the order of the answer (who delivers mail
 * puts those into random order, RFC 5321 5.1). */
struct dns_mx {
    uint16_t preference;
    struct slice host;
};
struct dns_mx_list {
    struct dns_answer answer;
    struct dns_mx *v; /* without records whose host is "." */
    size_t n;         /* may be 0 though found: see answer.left_out and null_mx */
    bool null_mx;     /* RFC 7505: the only record is "."; the domain takes no mail */
};
enum dns_outcome dns_mx(const struct dns_call *call, struct slice name, struct dns_mx_list *out);

/* One slice per record, its strings put together (RFC 7208 3.3, RFC 6376 3.6.2.2). Any octets. */
struct dns_text_list {
    struct dns_answer answer;
    struct slice *v;
    size_t n;
};
enum dns_outcome dns_txt(const struct dns_call *call, struct slice name, struct dns_text_list *out);

/* PTR of an address; NS of a zone; CNAME of an alias (absent when the name is none; only this step
 * is authentic, then). */
struct dns_name_list {
    struct dns_answer answer;
    struct slice *v;
    size_t n;
};
enum dns_outcome dns_ptr(const struct dns_call *call, const struct addr *ip,
                         struct dns_name_list *out);
enum dns_outcome dns_names(const struct dns_call *call, struct slice name, enum dns_type type,
                           struct dns_name_list *out);

/* RFC 6698 2.1. */
struct dns_tlsa {
    uint8_t usage, selector, match;
    struct slice data; /* may be empty */
};
struct dns_tlsa_list {
    struct dns_answer answer;
    struct dns_tlsa *v;
    size_t n;
};
enum dns_outcome dns_tlsa(const struct dns_call *call, struct slice name,
                          struct dns_tlsa_list *out);

/* "4.3.2.1.in-addr.arpa" and its like (RFC 1035 3.5, RFC 3596 2.5), or the same in front of another
 * zone, as blocklists want it (RFC 5782 2.1, 2.4); empty when there is no address, no memory, or
 * the name would be too long. */
struct slice dns_reverse_name(struct arena *a, const struct addr *ip);
struct slice dns_reverse_in(struct arena *a, const struct addr *ip, struct slice zone);
/* Begins the PTR lookup of an address. */
void dns_prefetch_ptr(struct dns *dns, const struct addr *ip);
