/* The client's side of SMTP and submission, as plain calls that wait (RFC 5321, RFC 6409).
 *
 *   smtpc_new(&settings, stream, &c, err);         the stream is the client's from here on
 *   smtpc_greet(c, err);                           greeting, EHLO
 *   smtpc_start_tls(c, connector, host, err);      unless TLS is on, or not wanted
 *   smtpc_login(c, &login, err);                   for submission
 *   smtpc_send(c, &envelope, recipients, n, err);  any number of times
 *   smtpc_quit(c);
 *   smtpc_free(c);
 *
 * Calls return 0 or a negative kind; why, in terms of SMTP, is in smtpc_failure(). After an error
 * of the connection, a reply that breaks the rules, or 421, smtpc_usable() is false and all calls
 * fail. Credentials are in no error and no log. One thread at a time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "sasl/choose.h"
#include "smtp/client/offer.h"

struct smtpc;
struct stream;
struct tls_connector;

/* Nanoseconds; 0: as RFC 5321 4.5.3.2 has it. A final dot that is given too little time makes
 * duplicates. */
struct smtpc_timeouts {
    int64_t greeting_ns, mail_ns, rcpt_ns, data_ns, block_ns, final_ns, tls_ns, other_ns;
};

struct smtpc_settings {
    const char *hostname; /* our name for EHLO, in ASCII */
    struct smtpc_timeouts timeouts;
    int64_t deadline_ns; /* of everything, clock_mono_ns; 0: none */
    bool prefer_chunks;  /* BDAT instead of DATA where both can be had (RFC 3030) */
    bool strict_8bit;    /* a message with octets above 0x7f is not sent without 8BITMIME */
};

enum smtpc_state {
    SMTPC_NOT_TRIED, /* MAILMAX is reached (RFC 9422): another connection is needed */
    SMTPC_TAKEN,
    SMTPC_TEMPORARY,
    SMTPC_PERMANENT,
};

enum smtpc_reason {
    SMTPC_BY_REPLY,
    SMTPC_BY_CONNECTION,  /* lost, too slow, or not SMTP: temporary */
    SMTPC_BY_CERTIFICATE, /* TLS could not be had as wanted: temporary */
    SMTPC_BY_SIZE,        /* larger than the server's SIZE: permanent */
    SMTPC_NO_SMTPUTF8,    /* needed and not offered: temporary, another host may have it */
    SMTPC_NO_REQUIRETLS,  /* idem */
    SMTPC_NO_8BITMIME,    /* needed, not offered, and strict_8bit: permanent */
    SMTPC_NO_BINARYMIME,  /* needed and not offered: permanent */
    SMTPC_NO_MECHANISM,   /* no common way to log in: temporary, an operator can repair it */
    SMTPC_BY_CONTENT,     /* the message cannot be sent as it is, or cannot be read */
};

/* What became of a recipient, or of a call. */
struct smtpc_outcome {
    enum smtpc_state state;
    enum smtpc_reason reason;
    unsigned code;       /* of the reply; 0: there was none */
    char ecode[8];       /* "1.1", without its class; "" */
    const char *command; /* "RCPT"; "greeting"; never NULL in a failure */
    struct slice text;   /* the reply's lines with LF between, or a sentence of ours */
};

/* The message, read as often as transactions need it. */
struct smtpc_source {
    /* Octets into buf; *n_out 0 at the end. Lines end in CRLF, the last one too. */
    int (*read)(struct smtpc_source *s, uint8_t *buf, size_t room, size_t *n_out, struct err *err);
    int (*rewind)(struct smtpc_source *s, struct err *err);
    uint64_t size; /* octets, all in all */
};
/* A source over memory that stays. */
struct smtpc_memory {
    struct smtpc_source base;
    struct slice octets;
    size_t at;
};
void smtpc_memory_init(struct smtpc_memory *m, struct slice octets);

struct smtpc_envelope {
    struct slice from; /* localpart@domain, the localpart unquoted; empty: the null sender */
    struct smtpc_source *source;
    bool eightbit;    /* there are octets above 0x7f */
    bool binary;      /* there are lines that are none: needs BINARYMIME and CHUNKING */
    bool utf8_header; /* the header needs SMTPUTF8 */
    bool require_tls; /* RFC 8689 */
    /* RFC 3461; ignored by servers without DSN. As they go out. */
    struct slice ret;    /* "FULL", "HDRS", or empty */
    struct slice envid;  /* xtext, or empty */
    struct arena *arena; /* where the texts of outcomes live */
};

struct smtpc_recipient {
    struct slice address; /* as envelope.from */
    struct slice notify;  /* RFC 3461 4.1: "NEVER", "SUCCESS,FAILURE"; or empty */
    struct slice orcpt;   /* RFC 3461 4.2: "rfc822;user+40example.org"; or empty */
    struct smtpc_outcome outcome;
};

int smtpc_new(const struct smtpc_settings *settings, struct stream *stream, struct smtpc **out,
              struct err *err) WARN_UNUSED;
/* Closes the connection; NULL is accepted. */
void smtpc_free(struct smtpc *c);

int smtpc_greet(struct smtpc *c, struct err *err) WARN_UNUSED;
/* STARTTLS, and EHLO again: nothing that was said before counts (RFC 3207 4.2). Octets behind the
 * 220, which somebody in between could have put there, end the connection. */
int smtpc_start_tls(struct smtpc *c, const struct tls_connector *connector, const char *host,
                    struct err *err) WARN_UNUSED;
int smtpc_login(struct smtpc *c, const struct sasl_credentials *login, struct err *err) WARN_UNUSED;

/* Sends the message to all recipients and fills in each one's outcome, whatever is returned. As
 * many transactions are made as the server's limits ask for; who was refused because there were too
 * many (452, 552) gets another one at once. 0: at least one has taken it. */
int smtpc_send(struct smtpc *c, const struct smtpc_envelope *envelope,
               struct smtpc_recipient *recipients, size_t n, struct err *err) WARN_UNUSED;
/* QUIT, waiting for its answer for a few seconds only. */
void smtpc_quit(struct smtpc *c);

bool smtpc_usable(const struct smtpc *c);
const struct smtpc_offer *smtpc_offer(const struct smtpc *c);
/* The name in the server's greeting, cleaned; "" when it said none. */
const char *smtpc_peer_name(const struct smtpc *c);
/* Of the last call that failed; lives until the next call. */
const struct smtpc_outcome *smtpc_failure(const struct smtpc *c);
