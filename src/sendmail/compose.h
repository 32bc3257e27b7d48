/* From what a program wrote on standard input to a message that can be sent, and to whom. Pure.
 *
 * Line ends become CRLF, whatever they were. Missing: From, Date, Message-ID, To are added; Bcc and
 * Return-Path are removed; octets above 0x7f in the header are encoded, unless they are in an
 * address; a body without MIME fields that needs some gets them, and overlong lines are encoded. */
#pragma once

#include "base/arena.h"
#include "base/builder.h"
#include "base/err.h"
#include "sendmail/options.h"

#define COMPOSE_MESSAGE_MAX ((size_t)256 * 1024 * 1024)
#define COMPOSE_RECIPIENTS_MAX 10000

struct compose_input {
    struct slice text;
    bool ignore_dots;            /* a line with a dot alone is text, not the end */
    bool from_header;            /* recipients are in To, Cc and Bcc too */
    struct slice from;           /* our address */
    struct slice name;           /* of the user, for From; may be empty */
    const struct slice *allowed; /* more addresses, and "@domain"s, that From may have */
    size_t allowed_n;
    struct slice default_destination; /* for names without domain; empty: an error */
    char *const *recipients;          /* addresses, or lists of them */
    size_t recipients_n;
    bool tls_optional; /* RFC 8689 5: TLS-Required: No */
    int64_t now_s;
    uint8_t random[16]; /* for Message-ID */
};

struct compose_message {
    struct builder wire;
    const struct slice *recipients; /* localpart@domain, unquoted; each once; live in the arena */
    size_t recipients_n;
    bool eightbit;    /* octets above 0x7f */
    bool utf8_header; /* needs SMTPUTF8 */
};

/* Whether mail may be sent from this address. */
bool compose_may_use(const struct compose_input *in, struct slice address);

/* fails: ERR_INVALID no recipient, or one that is no address; ERR_LIMIT, ERR_NOMEM. *out is to be
 * released with compose_done in any case. */
int compose(struct arena *a, const struct compose_input *in, struct compose_message *out,
            struct err *err) WARN_UNUSED;
void compose_done(struct compose_message *m);

/* RFC 2045 6.7: lines that end in CRLF, as quoted-printable. */
void compose_quoted_printable(struct builder *out, struct slice body);
