/* What stands for an account's password. Only for files in src/store. */
#pragma once

#include "store/credential.h"
#include "store/db.h"

/* secret_n stays 0 when the account has no password. */
int login_read_stored(struct db *db, int64_t account_id, struct credential_stored *out,
                      struct err *err) WARN_UNUSED;
