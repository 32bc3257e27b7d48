/* From octets to whole commands (RFC 9051 2.2.1, RFC 7888).
 *
 * A command is kept as it came, with its literals and their announcements, in one string. The
 * framer takes whole lines; at a line that announces a literal it stops and asks: the caller
 * accepts it into the command, or resets the framer.
 *
 * LF alone ends a line too. */
#pragma once

#include <stdbool.h>

#include "base/builder.h"
#include "base/slice.h"

#define IMAP_LINE_MAX 16384u /* with its line end */
#define IMAP_LITERAL_MAX 102400u
#define IMAP_LITERALS_BYTES_MAX 1024000u
#define IMAP_LITERALS_MAX 1000u

struct imap_framer {
    struct builder held; /* the command so far */
    uint64_t need;       /* octets of an accepted literal that are still to come */
    uint32_t literals_n;
    uint32_t literals_bytes;
};

struct imap_literal {
    size_t at;     /* where "{" or "~{" stands in the held command */
    uint64_t size; /* UINT64_MAX when the number does not fit in 63 bits */
    bool sync;     /* the peer waits for "+ " */
    bool binary;   /* "~{" */
};

enum imap_frame {
    IMAP_FRAME_MORE,    /* wait for more octets */
    IMAP_FRAME_COMMAND, /* `held` is a command with its last line end */
    IMAP_FRAME_LITERAL, /* `held` ends with the announcement of a literal */
    IMAP_FRAME_TOO_LONG,
};

/* No memory is taken before the first octet. */
void imap_framer_init(struct imap_framer *f);
/* Gives all memory back and starts with the next command. */
void imap_framer_reset(struct imap_framer *f);

enum imap_frame imap_framer_feed(struct imap_framer *f, struct slice in, size_t *used_out,
                                 struct imap_literal *literal_out);
/* Goes on with the literal as part of the command; false when it breaks a limit. */
bool imap_framer_accept(struct imap_framer *f, const struct imap_literal *literal);

static inline struct slice imap_framer_held(const struct imap_framer *f)
{
    return build_slice(&f->held);
}
