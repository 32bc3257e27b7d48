/* What a client has said about the message it is about to send. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "smtp/path.h"

/* RFC 9422: announced as LIMITS RCPTMAX. RFC 5321 4.5.3.1.8 wants at least 100. */
#define SMTP_RECIPIENTS_MAX 1000

struct smtp_recipient {
    struct smtp_path path;
    bool unknown; /* port 25: our domain, no such address; refused after DATA */
};

/* Between MAIL and its end. The states, and what leads from one to the next (RFC 5321 4.1.4):
 *
 *   state        MAIL       RCPT         DATA          RSET, EHLO, HELO, STARTTLS   end of DATA
 *   none         mail       503          503           none                         -
 *   mail         503        recipients   503           none                         -
 *   recipients   503        recipients   data          none                         -
 *   data         -          -            -             -                            none, whatever
 * the outcome
 *
 * A MAIL that fails leads to none; a RCPT or DATA that fails leaves the state as it was. A new
 * field here is cleared by smtp_transaction_reset without being named there. */
struct smtp_transaction {
    struct arena arena; /* everything below; holds nothing while there is no transaction */
    bool given;         /* MAIL was accepted */
    bool body_8bit;
    bool smtputf8;
    bool require_tls;
    bool has_size;
    uint64_t size; /* as declared */
    struct smtp_path from;
    struct smtp_recipient *recipients;
    size_t recipients_n;
    size_t recipients_cap;
};

void smtp_transaction_init(struct smtp_transaction *t);
/* The only way back to the state none; gives the memory back. */
void smtp_transaction_reset(struct smtp_transaction *t);
void smtp_transaction_done(struct smtp_transaction *t);
/* A new one at the end, cleared; NULL when out of memory. The maximum is the caller's to check. */
struct smtp_recipient *smtp_transaction_add(struct smtp_transaction *t);
