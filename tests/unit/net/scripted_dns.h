/* A resolver that answers from a text, for tests and fuzzers. A line per record:
 *
 *   name TYPE data          A, AAAA, CNAME, MX, NS, PTR, TXT, TLSA; data as in a zone file (TXT:
 * the rest of the line, in pieces of 255 octets; TLSA: three numbers and hex digits) name TYPE an
 * answer that comes empty, though the name exists name TYPE !fail         temporary failure;
 * !bogus: fails validation; TYPE may be "*" -name …                 this step is not authentic,
 * whatever `authentic` says # …                     a comment
 *
 * Aliases are followed for all other types, at most 8 of them, then it is a failure. Names that no
 * line has do not exist. An answer is authentic when each step is. */
#pragma once

#include "net/dns.h"

struct scripted_dns {
    struct dns dns;   /* give out &s.dns */
    const char *zone; /* borrowed */
    bool authentic;   /* of what has no "-" */
    unsigned asked;   /* queries */
    unsigned prefetched;
    bool stopped;
};

void scripted_dns_init(struct scripted_dns *s, const char *zone);
