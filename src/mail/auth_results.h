/* Writing Authentication-Results (RFC 8601): what was found about where a message comes from. Pure.
 */
#pragma once

#include "base/arena.h"
#include "base/slice.h"

/* A name of ours or of others; `unicode` in U-labels, empty where the field is to be ASCII or there
 * is no such form. Then it is what the field says, with `ascii` in a comment. */
struct auth_name {
    struct slice ascii, unicode;
};

/* "smtp.mailfrom=ann@d1.example" */
struct auth_property {
    const char *type;     /* "smtp", "header", "policy" */
    const char *property; /* "mailfrom" */
    struct slice value;   /* what is no token is quoted */
    bool is_address;      /* of the form [local-part "@"] domain, with all its quotes: stays */
    struct slice comment; /* empty: none */
};

struct auth_method {
    const char *method;   /* "spf" */
    const char *result;   /* "pass" */
    struct slice comment; /* written only where a reason or properties follow */
    struct slice reason;
    const struct auth_property *properties;
    size_t properties_n;
};

/* RFC 8601 2.2: the whole field, one line per method, in the order given; n == 0 is "none". Texts
 * are foreign: control octets become spaces. Lives in `a`; empty when out of memory. */
struct slice mail_auth_results(struct arena *a, const struct auth_name *host,
                               const struct auth_method *v, size_t n);
