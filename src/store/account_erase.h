/* The end of an account: everything that its shard has of it. */
#pragma once

#include "base/err.h"
#include "store/shard.h"

/* Within a write: a part of it, so that the mail of others does not wait for all of it. *more_out:
 * call again in another write. Succeeds also when there is nothing. */
int account_erase(struct write_ctx *ctx, int64_t account_id, bool *more_out,
                  struct err *err) WARN_UNUSED;
