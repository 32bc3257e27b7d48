/* Sending limits: how much an account may send in 24 hours, so that a stolen password or a machine
 * gone wild does little harm. Two numbers: recipients of all messages, and recipients that the
 * account has never written to before. Only for files in src/store. */
#pragma once

#include "store/shard.h"

#define OUTGOING_MESSAGES_PER_DAY 1000
#define OUTGOING_RECIPIENTS_PER_DAY 200

struct outgoing_limits {
    int64_t messages_per_day;   /* negative: unlimited */
    int64_t recipients_per_day; /* the same */
};

/* What was counted for one message. */
struct outgoing_mark {
    int64_t sent_ns, n, recipients;
};

/* Within a write. Counts the recipients of one message, each occurrence, or none of them. They are
 * canonical where that is known, else localpart@domain with U-labels. What is older than a day is
 * forgotten, except whom the account has written to.
 * fails: ERR_QUOTA over a limit. */
int outgoing_count(struct write_ctx *ctx, int64_t account_id, const struct slice *recipients,
                   size_t n, const struct outgoing_limits *limits, struct outgoing_mark *out,
                   struct err *err) WARN_UNUSED;
/* Within a later write: the message was not sent after all. */
int outgoing_take_back(struct write_ctx *ctx, int64_t account_id, const struct outgoing_mark *mark,
                       struct err *err) WARN_UNUSED;
