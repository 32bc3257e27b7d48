/* The content of a message on its way out: CRLF alone ends lines, and for DATA dots are doubled
 * (RFC 5321 4.5.2). Pure. */
#pragma once

#include <stdbool.h>

#include "base/builder.h"
#include "base/err.h"
#include "base/slice.h"

struct smtpc_lines {
    bool dots; /* set at the start: for DATA */
    bool cr;   /* the last octet was CR */
    bool text; /* the last octet did not end a line */
};

/* Appends what is to be sent for the next octets, at most twice as many.
 * fails: ERR_INVALID for a bare CR or LF: one such was the end of a message to some servers, and
 * what followed another message. Nothing of `octets` has been appended then. */
int smtpc_lines_feed(struct smtpc_lines *l, struct slice octets, struct builder *out,
                     struct err *err) WARN_UNUSED;
/* At the end of the message; with dots it appends "." CRLF.
 * fails: ERR_INVALID when the last line has no CRLF. */
int smtpc_lines_end(const struct smtpc_lines *l, struct builder *out, struct err *err) WARN_UNUSED;
