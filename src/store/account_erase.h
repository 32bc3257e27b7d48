/* The end of an account: everything that its shard has of it. */
#pragma once

#include "base/err.h"
#include "store/shard.h"

/* Within a write. Succeeds also when there is nothing. */
int account_erase(struct write_ctx *ctx, int64_t account_id, struct err *err) WARN_UNUSED;
