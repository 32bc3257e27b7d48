/* Which thread a new message belongs to. By its Message-ID, by those that it refers to (RFC 5322
 * 3.6.4), else by its base subject (RFC 5256 2.1), as RFC 8474 section 5.2 leaves to the server.
 *
 * Lookups go by 64-bit hashes (store/thread_index.h) and are verified on the content row, so that a
 * chosen collision joins nothing. */
#pragma once

#include "store.pb-c.h"
#include "store/shard.h"
#include "store/thread_index.h"

/* Bits of content.thread_flags. */
#define THREADS_MUTED 1
#define THREADS_COLLAPSED 2
#define THREADS_MISSING_LINK 4

/* Bits of content.facts_flags. */
#define THREADS_IS_RESPONSE 1
#define THREADS_IS_DSN 2
#define THREADS_HAS_8BIT 4
#define THREADS_HAS_RECIPIENTS 8 /* there are rows in `recipient` */

struct thread_place {
    int64_t thread_id; /* 0: a thread of its own */
    int64_t parent_id; /* content_id; 0: none */
    int64_t flags;
};

/* Within a write, before the content is inserted. */
int threads_find(struct write_ctx *ctx, int64_t account_id, int64_t mailbox_id, int64_t received_ns,
                 const Gw__Facts *facts, struct thread_place *out, struct err *err) WARN_UNUSED;
int threads_remember(struct write_ctx *ctx, const struct thread_keys *keys,
                     struct err *err) WARN_UNUSED;
/* Before the content row goes. */
int threads_forget(struct write_ctx *ctx, int64_t account_id, int64_t content_id,
                   struct err *err) WARN_UNUSED;
