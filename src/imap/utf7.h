/* Mailbox names in modified UTF-7 (RFC 3501 5.1.3). */
#pragma once

#include "base/builder.h"
#include "base/err.h"
#include "base/slice.h"

/* To UTF-8. Only the canonical form is accepted: encode(decode(x)) is x.
 * fails: ERR_SYNTAX with the offset of the run that is wrong; ERR_LIMIT when `out` is full. */
int imap_utf7_decode(struct builder *out, struct slice in, struct err *err) WARN_UNUSED;

/* From UTF-8; invalid octets become U+FFFD. */
void imap_utf7_encode(struct builder *out, struct slice in);
