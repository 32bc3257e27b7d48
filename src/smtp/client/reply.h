/* Replies of a server, read within limits: a line has at most SMTPC_LINE_MAX octets, a reply at
 * most SMTPC_LINES_MAX lines, of whose text the first SMTPC_TEXT_MAX octets are kept. Pure.
 *
 *   struct smtpc_reply_reader r;
 *   smtpc_reply_init(&r);
 *   while (!whole) smtpc_reply_feed(&r, octets, enhanced, &used, &whole, err);
 *   ... r.reply ...; the next feed begins a new reply
 *   smtpc_reply_done(&r); */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/builder.h"
#include "base/err.h"
#include "base/slice.h"

/* RFC 5321 4.5.3.1.5 has 512; we take 2048: some servers write their policies into replies. */
#define SMTPC_LINE_MAX 2048u
#define SMTPC_LINES_MAX 500u
#define SMTPC_TEXT_MAX (16u * 1024)

struct smtpc_reply {
    unsigned code; /* 200 … 599 */
    char ecode[8]; /* RFC 2034 4: "1.1" of "5.1.1"; empty when there is none, or its class is not
                      that of the code */
    /* Lines, without codes, with LF between them; valid UTF-8, control octets are "?". Borrowed
     * from the reader until the next reply. */
    struct slice text;
};

struct smtpc_reply_reader {
    struct smtpc_reply reply;
    struct builder text;
    uint8_t line[SMTPC_LINE_MAX];
    size_t line_n;
    size_t lines;
    bool whole;
};

void smtpc_reply_init(struct smtpc_reply_reader *r);
void smtpc_reply_done(struct smtpc_reply_reader *r);

/* Takes octets until a reply is whole. *used_out of them belong to it. `enhanced`: the server
 * announced ENHANCEDSTATUSCODES.
 * fails: ERR_SYNTAX not a reply, or lines with different codes, or NUL; ERR_LIMIT; ERR_NOMEM. The
 * connection cannot be used any more then. */
int smtpc_reply_feed(struct smtpc_reply_reader *r, struct slice octets, bool enhanced,
                     size_t *used_out, bool *whole_out, struct err *err) WARN_UNUSED;
