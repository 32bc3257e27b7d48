/* What a client has said about the message it is about to send. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "smtp/path.h"

/* RFC 9422: announced as LIMITS RCPTMAX. RFC 5321 4.5.3.1.8 wants at least 100. */
#define SMTP_RECIPIENTS_MAX 1000

struct smtp_recipient {
    struct smtp_path path;
    struct slice canonical; /* as the store knows it; empty when it does not */
    bool unknown;           /* port 25: our domain, no such address; refused after DATA */
    unsigned notify;        /* NOTIFY_* of store.proto; 0: not said */
    struct slice orcpt;     /* RFC 3461 4.2, as it came */
};

/* Between MAIL and its end. The states, and what leads from one to the next (RFC 5321 4.1.4, RFC
 * 3030 2):
 *
 *   state        MAIL   RCPT         DATA    BDAT            BDAT LAST   chunk fails   content ends
 *   none         mail   503          503     503             503         -             -
 *   mail         503    recipients   503     503             503         -             -
 *   recipients   503    recipients   data    chunks          chunks      -             -
 *   chunks       503    503          503     chunks          chunks      failed        none
 *   failed       503    503          503     503             503         -             -
 *   data         -      -            -       -               -           -             none
 *
 * RSET, EHLO, HELO, STARTTLS and XCLIENT lead from each to none. Content ends with the dot of DATA
 * or the last octet of BDAT LAST, whatever the answer is. A MAIL that fails leads to none; a RCPT
 * or DATA that fails leaves the state as it was. BODY=BINARYMIME takes no DATA (RFC 3030 3). The
 * octets of a chunk are taken in every state. A new field here is cleared by
 * smtp_transaction_reset without being named there. */
struct smtp_transaction {
    struct arena arena; /* everything below; holds nothing while there is no transaction */
    bool given;         /* MAIL was accepted */
    bool body_8bit;
    bool body_binary;
    bool smtputf8;
    bool require_tls;
    bool has_size;
    bool chunks;           /* BDAT brought the content so far */
    bool failed;           /* and a part of it could not be taken */
    uint64_t size;         /* as declared */
    unsigned ret;          /* RET_* of store.proto */
    struct slice envid;    /* RFC 3461 4.4, as it came */
    int64_t hold_until_ns; /* RFC 4865; 0: not to be held */
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
