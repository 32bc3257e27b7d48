/* What a new account has in its shard: counters and the first mailboxes. */
#pragma once

#include "base/err.h"
#include "store/shard.h"

/* Within a write. Inbox, Archive, Drafts, Junk, Sent and Trash, with their special use (RFC 6154),
 * subscribed, with one UIDVALIDITY and mod-sequence 2. quota_bytes: what the
 * installation gives, 0: none.
 * fails: ERR_EXISTS when the account is there already. */
int account_create(struct write_ctx *ctx, int64_t account_id, int64_t quota_bytes,
                   struct err *err) WARN_UNUSED;
