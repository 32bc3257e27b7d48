/* What a submitted message says to us in fields of our own. Pure. */
#pragma once

#include "mail/message.h"
#include "smtp/reply.h"

#define SMTP_EXTRA_PREFIX "X-Godwit-Extra-"
#define SMTP_EXTRA_MAX 100
#define SMTP_EXTRA_OCTETS_MAX (16u * 1024)

/* A field that the sender wants to get back with what is reported about the message. */
struct smtp_extra {
    struct slice key; /* what follows the prefix; ASCII letters as in Content-Type */
    struct slice value;
};

/* The extra fields, in their order; they live in `a`. 554 for a key that comes twice, an empty one,
 * or more of them than the limits allow. */
struct smtp_reply smtp_extra_read(struct arena *a, const struct mail_header *h,
                                  struct smtp_extra **v_out, size_t *n_out);
