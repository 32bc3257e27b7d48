/* Parsing a message while it arrives: one pass, bounded, never refusing.
 *
 * The parser is fed the octets of a message in chunks of any size, in order, CRLF or bare LF at
 * line ends. At the end it gives the part tree, the envelope, identifiers for threads, and text for
 * search. What is broken is treated as mail clients treat it; when nothing sensible remains, the
 * message is one application/octet-stream with its header. Work is linear in the octets; memory
 * stays within the limits below, whatever arrives.
 *
 *   struct mail_parser *p = mail_parser_new(arena, err);
 *   while (more) mail_parser_feed(p, chunk);
 *   const struct mail_message *m = mail_parser_finish(p);   // lives in the arena
 *
 * Whatever the chunks, the result is the same. Where a message breaks the rules:
 *
 * - A line ends at LF, with or without CR; a bare CR is an octet like others; lines have any
 * length.
 * - Header lines that are no field are skipped; a header may end without an empty line, by the end
 * of the message or by a boundary. Past the limits below further fields count as not written.
 * - A Content-Type that cannot be read is application/octet-stream; "text" alone is text/plain;
 *   superfluous semicolons and unquoted spaces in parameters are accepted; of fields and parameters
 *   that occur twice the first counts.
 * - A multipart without boundary parameter (or with one longer than 256 octets, or nested too deep)
 *   stays one opaque body. One whose boundary never comes has one part, all of it, as text/plain.
 * - A missing closing boundary: the part ends with the enclosing part, or with the message. After
 * its closing boundary a multipart has no more parts. A boundary line may have white space, and
 *   anything behind that; of boundaries that match, the longest counts, then the innermost.
 * - message/rfc822 with base64 or quoted-printable (RFC 2046 5.2.1 forbids it) stays one opaque
 * body: offsets of what is within would not be octets of the message. message/partial and
 *   message/external-body are never followed.
 * - What was forgiven is listed in mail_message.faults (fault.h).
 * - decoded_size counts what mail_decode_transfer writes: an unknown encoding is not decoded.
 *
 * See RFC 5322, RFC 2045-2047, RFC 2231, RFC 6532, RFC 8970. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "mail/address.h"
#include "mail/fault.h"
#include "mail/header.h"

#define MAIL_PARTS_MAX 1000           /* further parts belong to the body of the last one */
#define MAIL_DEPTH_MAX 100            /* deeper multiparts and messages are opaque */
#define MAIL_HEADER_MAX (256u * 1024) /* octets of header kept per message, all parts together */
#define MAIL_FIELDS_MAX 2000          /* header fields kept per part */
#define MAIL_TEXT_MAX (12u * 1024)    /* octets of text for search */
#define MAIL_ADDRESSES_MAX 1000       /* per message */
#define MAIL_ARENA_MAX (4u * 1024 * 1024) /* what a parser's arena should allow */

struct mail_param {
    struct slice name;  /* lower case */
    struct slice value; /* RFC 2231 decoded to UTF-8 */
    struct slice raw; /* as written, continuations joined, not decoded; empty when equal to value */
};

/* A MIME entity. Offsets count from the first octet of the message. Absent values have p == NULL;
 * present but empty ones have p != NULL and n == 0. */
struct mail_part {
    uint64_t header_at; /* first octet of the header */
    uint64_t body_at;   /* first octet after the empty line */
    uint64_t end_at; /* first octet after the body; the CRLF before a boundary is not part of it */
    uint64_t lines;  /* in the undecoded body */
    uint64_t decoded_size;
    struct slice type;    /* "TEXT"; p == NULL without a usable Content-Type */
    struct slice subtype; /* "PLAIN" */
    const struct mail_param *params;
    size_t params_n;
    struct slice id; /* Content-ID … as written, unfolded */
    struct slice description;
    struct slice encoding;    /* upper case */
    struct slice disposition; /* lower case */
    const struct mail_param *disposition_params;
    size_t disposition_params_n;
    struct slice md5, language, location;
    const struct mail_header *header; /* the fields that were kept */
    const struct mail_envelope
        *envelope;           /* of the message itself and of nested messages; else NULL */
    struct mail_part *child; /* first part of a multipart; the root part of a nested message */
    struct mail_part *next;  /* sibling */
    bool is_multipart;
    bool is_message; /* message/rfc822 or message/global that was parsed */
};

struct mail_envelope {
    struct slice date; /* field body, unfolded; p == NULL when absent */
    int64_t date_s;    /* Unix time; valid when has_date */
    bool has_date;
    struct slice subject; /* unfolded, with encoded-words */
    struct mail_address_list from, sender, reply_to, to, cc,
        bcc;                              /* over all instances of the field */
    struct slice in_reply_to, message_id; /* unfolded */
};

struct mail_message {
    struct mail_part *root;
    uint64_t size;
    bool has_body_separator; /* an empty line ended the header */
    bool has_8bit;
    bool header_8bit;        /* octets above 0x7f in a header of the message or of a MIME part, not
                                of a message within */
    bool header_cut;         /* its own header exceeds the limits: some fields are not known */
    unsigned received_n;     /* Received fields in the message's own header */
    struct slice message_id; /* canonical: lower case, without brackets; empty when absent or
                                unusable */
    const struct slice
        *references; /* canonical, oldest first, from References, else In-Reply-To; at most 100 */
    size_t references_n;
    struct slice subject_base; /* RFC 5256 2.1, UTF-8, lower case */
    bool subject_is_response;
    bool dsn;
    struct slice text;    /* words of the header fields and text parts, UTF-8, for search */
    struct slice preview; /* at most 256 characters of the first text part */
    const struct mail_fault *faults; /* one per kind, by the offset of the first */
    size_t faults_n;
    /* Of those the first that is strict: a submission is refused with mail_fault_text of it. NULL:
     * none. */
    const struct mail_fault *strict;
    /* For DMARC and submission: the one address of the one From field, of plain form.
     * NULL when there is any doubt: several fields or addresses, a group, obsolete or broken
     * syntax, a header that was cut; in all these cases `strict` is set. */
    const struct mail_address *author;
};

struct mail_parser;

/* The name of an attachment as people read it: filename of Content-Disposition, else name of
 * Content-Type; encoded-words in it decoded, which RFC 2231 does not have and programs write. Lives
 * in `a`, or borrows; p == NULL: none. */
struct slice mail_part_filename(struct arena *a, const struct mail_part *p);

/* The parser and its results live in `a`, whose maximum should be MAIL_ARENA_MAX. fails: ERR_NOMEM.
 */
struct mail_parser *mail_parser_new(struct arena *a, struct err *err);
void mail_parser_feed(struct mail_parser *p, struct slice chunk);
/* Releases what the parser holds outside the arena (also mail_parser_free, for giving up early;
 * accepts NULL). NULL only when the arena is exhausted. */
const struct mail_message *mail_parser_finish(struct mail_parser *p);
void mail_parser_free(struct mail_parser *p);

/* The message as it is with these fields on top of its header, for what is added to it on its way:
 * envelope and identifier change, offsets do not. Field bodies without the line end; p == NULL: not
 * added. Shares everything else with *m. NULL only when the arena is exhausted. */
const struct mail_message *mail_message_with(struct arena *a, const struct mail_message *m,
                                             struct slice message_id, struct slice date);
