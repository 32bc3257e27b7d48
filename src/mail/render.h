/* A parsed message in the forms in which it is stored and shown: IMAP ENVELOPE and BODYSTRUCTURE
 * (RFC 9051 7.5.2), and the part tree that finds the octets of a section. */
#pragma once

#include "base/builder.h"
#include "mail/message.h"

/* An IMAP nstring: NIL when p is NULL; quoted when that is possible; else a literal "{n}CRLF…". In
 * a quoted string octets above 0x7f stand only with `utf8`, where all that is no UTF-8 becomes
 * U+FFFD. NUL, which IMAP strings cannot hold, becomes '?'. */
void render_string(struct builder *out, struct slice s, bool utf8);

/* "(date subject ((name NIL localpart domain)…) … )". utf8: names and subject decoded, strings may
 * hold UTF-8. Without it the header's own text, encoded-words and all; octets above 0x7f then make
 * a literal8-free IMAP literal. */
void render_envelope(struct builder *out, const struct mail_envelope *e, bool utf8);
/* BODYSTRUCTURE of a part with everything below it. A multipart or message/rfc822 that could not be
 * parsed as one is shown as application/octet-stream. Numbers saturate at 4294967295. */
void render_bodystructure(struct builder *out, const struct mail_part *p);
/* The same within limits, so that the result fits a record. */
struct render_limits {
    size_t addresses; /* per list */
    size_t octets;    /* per string, of its text */
    bool flat;        /* the top entity only, as application/octet-stream when it has parts */
};
void render_envelope_limited(struct builder *out, const struct mail_envelope *e, bool utf8,
                             const struct render_limits *limits);
void render_bodystructure_limited(struct builder *out, const struct mail_part *p,
                                  const struct render_limits *limits);
/* BODY from a rendered BODYSTRUCTURE: the same without extension data. What is not of that form
 * is copied as it is. */
void render_body_of_structure(struct builder *out, struct slice bodystructure);

/* ---- parts: what a FETCH of BODY[section] and BINARY[section] needs ---- */

struct part_entry {
    uint64_t header_at, body_at, end_at;
    uint64_t decoded_size;
    uint32_t depth; /* 0: the message */
    bool is_multipart;
    bool is_message;  /* message/rfc822: its one child is the nested message */
    uint8_t encoding; /* enum part_encoding */
    bool is_text;
    struct slice charset; /* lower case, may be empty */
};
enum part_encoding { PART_IDENTITY, PART_BASE64, PART_QUOTED_PRINTABLE, PART_UNKNOWN_ENCODING };

/* A compact list of all entities in depth-first order, at most 64 octets each. */
void render_parts(struct builder *out, const struct mail_part *root);
/* Only the top entity, as a leaf: what belongs to a flat BODYSTRUCTURE. */
void render_parts_flat(struct builder *out, const struct mail_part *root);
/* The inverse. fails: ERR_DAMAGED, ERR_NOMEM. */
int parts_read(struct arena *a, struct slice rendered, struct part_entry **out, size_t *n_out,
               struct err *err) WARN_UNUSED;

/* Finds a section's part: numbers as in "2.1.3" (RFC 9051 6.4.5.1; part 1 of a message that is not
 * a multipart is its body; numbering descends into message/rfc822). n == 0 is the message itself.
 * Returns the index, or -1. */
int parts_find(const struct part_entry *entries, size_t n, const uint32_t *numbers,
               size_t numbers_n);
