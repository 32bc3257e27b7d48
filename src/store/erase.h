/* Erasing, in the background and in small steps: expunged messages an hour after they went, so that
 * a session which still shows one can read it (and the quota is freed then); what only they used;
 * and segment files that are mostly dead. */
#pragma once

#include "base/slice.h"
#include "store/shard.h"

struct segments;

#define ERASE_DELAY_NS (INT64_C(3600) * 1000000000)

/* Within a write, after expunged_ns of the message was set: has it erased when its time has come.
 * The account's size then shrinks by size_bytes. */
int erase_schedule(struct write_ctx *ctx, int64_t account_id, int64_t mailbox_id, uint32_t uid,
                   int64_t size_bytes, struct err *err) WARN_UNUSED;
/* Within a write: erases a message row now, with its share of content, threads, search text and
 * body; the account's counters stay. Returns 0 also when there is no such row. */
int erase_message(struct write_ctx *ctx, int64_t account_id, int64_t mailbox_id, uint32_t uid,
                  struct err *err) WARN_UNUSED;

/* One round of the shard's own cleaning. */
#define ERASE_ROUND_MESSAGES 64
#define ERASE_ROUND_BODIES 64

struct erase_round {
    bool more;                          /* there is more to do at once */
    int64_t emptied_segment;            /* its row is gone with this round; 0: none */
    uint8_t *moved[ERASE_ROUND_BODIES]; /* octets on their way to another segment */
    size_t moved_n;
};

void erase_round_init(struct erase_round *round);
/* Within a write. */
int erase_run(struct write_ctx *ctx, struct erase_round *round, struct err *err) WARN_UNUSED;
/* After the commit; `segments` NULL when it failed. */
void erase_round_done(struct erase_round *round, struct segments *segments);

/* Runs rounds until nothing is left to do. Not from a writer thread. */
int erase_all(struct shard *s, struct err *err) WARN_UNUSED;
