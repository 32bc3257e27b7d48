/* Header fields that delivery puts in front of a message. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"

/* All text is free of control octets. */
struct smtp_trace {
    struct slice from;    /* what the client called itself; own hostname on submission */
    struct slice from_ip; /* as text; empty: is not told (submission) */
    struct slice by;      /* own hostname */
    struct slice by_ip;
    bool extended; /* EHLO */
    bool authenticated;
    const char *tls_version; /* "TLS1.3"; NULL without TLS */
    const char *tls_cipher;
    struct slice id;
    struct slice recipient; /* for the "for" clause; empty: none */
    int64_t unix_s;
};

/* RFC 5321 4.4: one Received field, folded at 78 columns, with its CRLF. Lives in `a`; empty when
 * out of memory. */
struct slice smtp_received(struct arena *a, const struct smtp_trace *trace);
