/* Parameters of MAIL and RCPT (RFC 5321 4.1.2, esmtp-param). Pure. */
#pragma once

#include "base/cursor.h"
#include "smtp/reply.h"
#include "smtp/transaction.h"

struct smtp_parameter_rules {
    uint64_t size_max;   /* of a message */
    bool trailing_space; /* tolerated */
};

/* Reads the rest of a MAIL command into *t (whose arena serves). A reply with code 0 when all is
 * well, else what is wrong. */
struct smtp_reply smtp_mail_parameters(struct cursor *c, const struct smtp_parameter_rules *rules,
                                       struct smtp_transaction *t);
/* The same for RCPT, for which there are none yet that we know. */
struct smtp_reply smtp_rcpt_parameters(struct cursor *c, const struct smtp_parameter_rules *rules);
