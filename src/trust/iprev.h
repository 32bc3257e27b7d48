/* iprev (RFC 8601 3): whether a name that an address claims leads back to the address. Pure but for
 * the resolver. */
#pragma once

#include "net/dns.h"

#define IPREV_NAMES_MAX 10 /* that are looked up; more are not looked at */

enum iprev_result {
    IPREV_PASS,
    IPREV_FAIL,      /* there are names, none leads back */
    IPREV_TEMPERROR, /* DNS failed before an answer was found */
    IPREV_PERMERROR, /* no name */
};
/* "pass", "fail", "temperror", "permerror": as Authentication-Results has it. */
const char *iprev_result_name(enum iprev_result result);

struct iprev {
    enum iprev_result result;
    struct slice name;   /* the first that leads back; empty unless PASS */
    struct slice *names; /* all that the address has, at most IPREV_NAMES_MAX */
    size_t names_n;
    bool authentic;     /* the PTR answer, and each answer up to the one that decided, was */
    const char *reason; /* of the errors, for logs and for reason=; otherwise "" */
};

/* The names and texts of *out live in the call's arena. */
void iprev_check(const struct dns_call *call, const struct addr *ip, struct iprev *out);
/* The name to show for the address: the confirmed one, else the first; may be empty. */
struct slice iprev_best_name(const struct iprev *iprev);
