/* Parameters of MAIL and RCPT (RFC 5321 4.1.2, esmtp-param). Pure. */
#pragma once

#include "base/cursor.h"
#include "smtp/reply.h"
#include "smtp/transaction.h"

/* RFC 4865 3: announced as FUTURERELEASE. */
#define SMTP_HOLD_MAX_S 5184000

/* What is offered here and now. What is not is unknown: 555 5.3.3. */
struct smtp_parameter_rules {
    uint64_t size_max;   /* of a message */
    bool trailing_space; /* tolerated */
    bool future_release; /* RFC 4865 */
    bool dsn;            /* RFC 3461 */
    bool require_tls;    /* RFC 8689 */
    bool tls;            /* is active */
    int64_t now_ns;      /* for times to hold a message */
};

/* Reads the rest of a MAIL command into *t (whose arena serves). A reply with code 0 when all is
 * well, else what is wrong. */
struct smtp_reply smtp_mail_parameters(struct cursor *c, const struct smtp_parameter_rules *rules,
                                       struct smtp_transaction *t);
/* The same for RCPT, into *r, where text borrows from the command. t->smtputf8 allows UTF-8. */
struct smtp_reply smtp_rcpt_parameters(struct cursor *c, const struct smtp_parameter_rules *rules,
                                       const struct smtp_transaction *t, struct smtp_recipient *r);
