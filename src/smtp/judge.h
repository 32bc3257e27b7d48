/* What is found out about an incoming message as a whole, once, before it is delivered to anybody.
 * What a recipient wants is judged by the store. */
#pragma once

#include "mail/message.h"
#include "net/dns.h"
#include "smtp/reply.h"
#include "smtp/transaction.h"

struct smtp_evidence {
    struct arena *arena; /* of the message */
    struct dns *dns;     /* NULL: no names are looked up */
    const struct addr *remote;
    struct slice ehlo; /* as the client said; an address literal with its brackets */
    bool tls;
    const struct smtp_transaction *tx;
    const struct mail_message *parsed;
};

struct smtp_verdict {
    struct smtp_reply refusal; /* for all recipients; code 0: none */
    struct slice reverse;      /* the client's name by reverse DNS; empty: not known */
    struct slice fields;       /* Authentication-Results, Received-SPF, with their CRLF */
};

/* Everything in *out lives in e->arena, or is a literal. */
void smtp_judge(const struct smtp_evidence *e, struct smtp_verdict *out);
