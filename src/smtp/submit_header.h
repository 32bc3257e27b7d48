/* What a submitted message says to us in fields of our own. Pure. */
#pragma once

#include "mail/message.h"
#include "smtp/reply.h"
#include "store.pb-c.h"

#define SMTP_EXTRA_PREFIX "X-Godwit-Extra-"
#define SMTP_EXTRA_MAX 100
#define SMTP_EXTRA_OCTETS_MAX (16u * 1024)

/* The extra fields, in their order, the letters of their keys as in "Content-Type"; NULL when there
 * are none. They live in `a`. 554 for a key that comes twice, an empty one, or more of them than
 * the limits allow. */
struct smtp_reply smtp_extras_read(struct arena *a, const struct mail_header *h, Gw__Extras **out);
/* RFC 8689 3: the sender does not insist on TLS; every "TLS-Required" field says "No". */
bool smtp_tls_optional(const struct mail_header *h);
