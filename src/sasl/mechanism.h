/* The mechanisms, in the order in which a server announces them: the ones that tell the least come
 * first, since many clients take the first that they know. */
#pragma once

#include <stdbool.h>

#include "base/slice.h"

enum sasl_kind { SASL_EXTERNAL, SASL_SCRAM, SASL_CRAM_MD5, SASL_PLAIN, SASL_LOGIN };
enum sasl_hash { SASL_SHA1, SASL_SHA256 };

struct sasl_mechanism {
    struct slice name;
    struct slice label; /* lower case, for logs and metrics */
    enum sasl_kind kind;
    enum sasl_hash hash; /* SCRAM */
    bool plus;           /* SCRAM: bound to the TLS channel */
    bool reveals;        /* the password itself is sent */
    bool needs_tls;      /* means nothing without TLS */
};

#define SASL_MECHANISMS 8
extern const struct sasl_mechanism sasl_mechanisms[SASL_MECHANISMS];

#define SASL_NAME_MAX 20 /* RFC 4422 3.1 */

/* In any case of letters; NULL when it is not known. */
const struct sasl_mechanism *sasl_find(struct slice name);
