/* Quotas. The directory has what was set: of an account 0 (that of the installation), a number of
 * octets, or a negative number (unlimited). The account's row in its shard has what follows from
 * it, because that is where messages are counted. Only for files in src/store. */
#pragma once

#include "store/shard.h"

struct account_quota {
    int64_t bytes; /* 0: none */
    bool inherited;
};
/* set: the account's own; installation: of those that inherit, 0: none. */
struct account_quota account_quota(int64_t set, int64_t installation);

/* Within a write of the account's shard. */
int account_quota_write(struct write_ctx *ctx, int64_t account_id,
                        const struct account_quota *quota, struct err *err) WARN_UNUSED;
/* The same for all accounts of the shard that inherit. */
int account_quota_write_inherited(struct write_ctx *ctx, int64_t installation,
                                  struct err *err) WARN_UNUSED;
/* 1: the shard has the account, *same_out: with this quota; 0: it has not. */
int account_quota_same(struct db *db, int64_t account_id, const struct account_quota *quota,
                       bool *same_out, struct err *err) WARN_UNUSED;
