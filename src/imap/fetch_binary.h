/* BINARY of FETCH: the octets of a part without its transfer encoding (RFC 9051 6.4.5, RFC 3516).
 */
#pragma once

#include "imap/body.h"

struct imap_binary {
    bool unknown_encoding; /* nothing else is set: the reply is [UNKNOWN-CTE] */
    bool decoded;          /* the range is in the spool; else in the message */
    bool has_nul;          /* only a literal8 can hold it */
    uint64_t at, n;
};

/* Finds the octets that a BINARY item asks for, its partial range cut out; what had to be decoded
 * is appended to `spool`. A message as a whole (no part number) is given as it is, unless it is one
 * encoded part: then its body is decoded, and the header's Content-Transfer-Encoding left out.
 * May load the octets, which ends the life of the store's last answer.
 * fails: ERR_NOT_FOUND, ERR_INVALID (multiparts and messages have no encoding). */
int imap_binary_octets(struct imap_body *b, struct imap_session *s, uint32_t uid,
                       const struct imap_fetch_item *item, struct spool *spool,
                       struct imap_binary *out, struct err *err) WARN_UNUSED;
/* The same for BINARY.SIZE: only n and unknown_encoding are set. */
int imap_binary_size(struct imap_body *b, struct imap_session *s, uint32_t uid,
                     const struct imap_fetch_item *item, struct imap_binary *out,
                     struct err *err) WARN_UNUSED;
