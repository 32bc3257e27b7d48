/* Logins of browsers: rows of web_session. Only for files in src/store. */
#pragma once

#include "store/shard.h"

#define WEB_SESSION_TOKEN 16u
#define WEB_SESSION_HASH 32u
#define WEB_SESSIONS_MAX 100 /* per account */
#define WEB_SESSION_NS (24 * 3600 * NS_PER_S)

int web_session_hash(struct slice token, uint8_t out[WEB_SESSION_HASH],
                     struct err *err) WARN_UNUSED;
/* Within a write of the directory: all of the account but the one with the hash `keep` (empty:
 * none is kept). */
int web_session_end_account(struct write_ctx *ctx, int64_t account_id, struct slice keep,
                            struct err *err) WARN_UNUSED;
