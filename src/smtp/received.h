/* The Received field that delivery puts in front of a message. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"
#include "mail/auth_results.h"

/* All text is free of control octets. */
struct smtp_trace {
    struct auth_name from; /* what the client called itself; own hostname on submission */
    struct slice reverse;  /* what the reverse DNS calls it; empty: not known */
    struct slice from_ip;  /* as text; empty: is not told (submission) */
    struct auth_name by;   /* own hostname */
    struct slice by_ip;
    bool extended; /* EHLO */
    bool authenticated;
    bool smtputf8; /* the message needs it */
    bool require_tls;
    const char *tls_version; /* "TLS1.3"; NULL without TLS */
    const char *tls_cipher;
    struct slice id;
    struct slice recipient; /* for the "for" clause; empty: none */
    int64_t unix_s;
};

/* RFC 5321 4.4: one Received field, folded at 78 columns, with its CRLF. Lives in `a`; empty when
 * out of memory. */
struct slice smtp_received(struct arena *a, const struct smtp_trace *trace);
