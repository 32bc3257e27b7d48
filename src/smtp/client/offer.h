/* What a server offers in its answer to EHLO (RFC 5321 4.1.1.1). Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct smtpc_limits { /* RFC 9422; 0: not said */
    uint32_t mail_max, rcpt_max, rcpt_domain_max;
};

struct smtpc_offer {
    bool starttls, enhanced, eightbit, pipelining, requiretls, dsn, smtputf8, chunking, binary,
        size, auth;
    uint64_t size_max;   /* 0: no fixed limit (RFC 1870 4) */
    unsigned mechanisms; /* bit i: sasl_mechanisms[i] */
    struct smtpc_limits limits;
};

/* text: the lines of the reply, with LF between them; the first has the server's name. What is not
 * known is ignored. */
void smtpc_offer_parse(struct slice text, struct smtpc_offer *out);

/* RFC 9422 3: the items behind "LIMITS", with the space in front. A fault or a name that comes
 * twice voids all, a number that cannot be used voids itself. False: void. */
bool smtpc_limits_parse(struct slice in, struct smtpc_limits *out);
