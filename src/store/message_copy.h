/* Copying and moving messages between mailboxes of an account. Only for files in src/store. */
#pragma once

#include "store/mailbox.h"

struct message_copy {
    /* in: the mailboxes' counters change and are saved. */
    struct mailbox *from, *to;
    const struct ranges *ranges;
    bool move;
    size_t ranges_max; /* of copied_from */
    /* out; the sets are released by the caller, also after an error */
    struct ranges copied_from, copied_to;
    uint64_t modseq;   /* 0: nothing matched */
    uint32_t next_uid; /* not 0: stopped here, the set was full */
};

/* Within a write. One modseq for all. fails: ERR_QUOTA (copies only), ERR_LIMIT (UIDs exhausted).
 */
int message_copy(struct write_ctx *ctx, struct arena *a, struct message_copy *copy,
                 struct err *err) WARN_UNUSED;
