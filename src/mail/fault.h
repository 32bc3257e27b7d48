/* Where a message breaks the rules, and what was made of it.
 *
 * The parser refuses nothing; what it had to forgive it notes here. Some faults are such that a
 * submission server refuses the message (RFC 6409 6.1, 8): they are strict, see
 * mail_message.strict. Where "header: strict" is said, that holds for the message's own header:
 * what a user sends on as an attachment may be broken. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum mail_fault_kind {
    MAIL_FAULT_BARE_CR,          /* a CR that is not before LF; strict */
    MAIL_FAULT_BARE_LF,          /* a LF that is not behind CR */
    MAIL_FAULT_NUL,              /* a NUL octet */
    MAIL_FAULT_LINE_LONG,        /* more than 998 octets in a line of a body */
    MAIL_FAULT_HEADER_LINE_LONG, /* the same in a header; header: strict */
    MAIL_FAULT_HEADER_JUNK,  /* a header line that is neither field nor continuation; header: strict
                              */
    MAIL_FAULT_HEADER_SPACE, /* white space between the name of a field and its colon */
    MAIL_FAULT_HEADER_OPEN,  /* no empty line behind a header */
    MAIL_FAULT_HEADER_CUT,   /* header fields beyond the limits are not read; header: strict */
    MAIL_FAULT_HEADER_CHARSET,   /* octets in a header that are no UTF-8 */
    MAIL_FAULT_FIELD_REPEATED,   /* a field that may stand once stands again */
    MAIL_FAULT_FROM_MISSING,     /* no From field; strict */
    MAIL_FAULT_FROM_REPEATED,    /* more than one; strict */
    MAIL_FAULT_FROM_ADDRESS,     /* From is not exactly one address of plain form; strict */
    MAIL_FAULT_ADDRESS_BAD,      /* something in a list that is no address */
    MAIL_FAULT_ADDRESS_OBSOLETE, /* a route, an empty element, an unclosed comment or group */
    MAIL_FAULT_DATE_BAD,         /* a Date that cannot be read */
    MAIL_FAULT_ID_BAD,           /* a Message-ID that cannot be read */
    MAIL_FAULT_TYPE_BAD,         /* a Content-Type that cannot be read; header: strict */
    MAIL_FAULT_TYPE_PARAMETERS, /* parameters of a Content-Type break the grammar; header: strict */
    MAIL_FAULT_MIME_REPEATED,   /* a Content- field stands twice in one part; header: strict */
    MAIL_FAULT_PARAM_REPEATED,  /* a parameter stands twice */
    MAIL_FAULT_ENCODING_UNKNOWN, /* a transfer encoding that is not decoded */
    MAIL_FAULT_ENCODING_PARTS,   /* an encoding where parts or a message are within */
    MAIL_FAULT_BASE64_JUNK,      /* octets outside of the alphabet; offset: of the body */
    MAIL_FAULT_QP_JUNK,          /* "=" without two hexadecimal digits; offset: of the body */
    MAIL_FAULT_CHARSET_UNKNOWN,  /* of a text part */
    MAIL_FAULT_BOUNDARY_MISSING, /* a multipart without usable boundary parameter; header: strict */
    MAIL_FAULT_BOUNDARY_NEVER,   /* a multipart whose boundary never comes */
    MAIL_FAULT_BOUNDARY_OPEN,    /* a multipart without closing boundary */
    MAIL_FAULT_TOO_DEEP,         /* nested deeper than MAIL_DEPTH_MAX: opaque */
    MAIL_FAULT_TOO_MANY_PARTS,   /* more than MAIL_PARTS_MAX: the last one holds the rest */
    MAIL_FAULT_KINDS
};

#define MAIL_FAULT_OFFSETS 5

struct mail_fault {
    enum mail_fault_kind kind;
    bool strict;
    uint64_t n;                      /* how often */
    uint64_t at[MAIL_FAULT_OFFSETS]; /* where the first of them are, MIN(n, MAIL_FAULT_OFFSETS) */
};

/* "bare-cr": a stable name. */
const char *mail_fault_name(enum mail_fault_kind kind);
/* A sentence without a full stop, for people and for replies. */
const char *mail_fault_text(enum mail_fault_kind kind);
