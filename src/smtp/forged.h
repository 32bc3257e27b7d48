/* Leaves out header fields that only we may write, while a message passes. Pure.
 *
 * These are X-Godwit-Reason, and Authentication-Results with our name as authserv-id (RFC 8601 5)
 * or with one that cannot be read: whoever shows the message believes them. It is asked for the
 * octets as they came; what it gives is what is parsed and stored, so that offsets and facts are of
 * the same message. A check of signatures takes the octets before this.
 *
 *   struct smtp_forged f = {.host = hostname};
 *   while (smtp_forged_next(&f, &in, &run))    // `in` shrinks
 *       store(run);
 *   if (smtp_forged_end(&f, &run))             // after the last octet
 *       store(run);
 *
 * Fed in chunks of any size, cut anywhere: the result is the same. Only fields that may be among
 * those are held back and copied; everything else is given as parts of the chunk itself. */
#pragma once

#include <stdbool.h>

#include "base/slice.h"

#define SMTP_REASON_FIELD "X-Godwit-Reason"
/* An authserv-id is at most 255 octets; a field that has not told it by then is left out. */
#define SMTP_FORGED_HOLD_MAX 1024

struct smtp_forged {
    struct slice host; /* ours: A-labels, lower case; stays the caller's */
    enum {
        SMTP_FORGED_LINE, /* at the start of a line of the header */
        SMTP_FORGED_BLANK,
        SMTP_FORGED_PASS, /* within a line that is given */
        SMTP_FORGED_NAME, /* held: perhaps such a name */
        SMTP_FORGED_VALUE,
        SMTP_FORGED_VALUE_LINE, /* held: at the start of its next line */
        SMTP_FORGED_CUT,        /* within a line that is left out */
        SMTP_FORGED_CUT_LINE,
        SMTP_FORGED_BODY,
    } state;
    size_t hold_n;
    uint8_t hold[SMTP_FORGED_HOLD_MAX];
};

/* Takes from the front of *in, gives the next run (never empty; valid until the next call). False
 * when *in is used up. */
bool smtp_forged_next(struct smtp_forged *f, struct slice *in, struct slice *run_out);
/* What was held back to the end. */
bool smtp_forged_end(struct smtp_forged *f, struct slice *run_out);
