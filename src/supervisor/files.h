/* The files that the supervisor itself reads and makes, with the rights that it was started with.
 */
#pragma once

#include "base/builder.h"
#include "base/err.h"
#include "base/secret.h"
#include "supervisor/config.h"

#define FILES_ID_KEY_BYTES 24

/* All of a file, up to the builder's maximum. fails: ERR_LIMIT and what reading can give; the text
 * names the file. */
int files_text_read(const char *path, struct builder *out, struct err *err) WARN_UNUSED;

/* The text of the trust anchors that resolvers start with; empty when no names are looked up.
 * fails: as above; the text names the file. */
int files_anchors_read(const struct config *config, struct builder *out,
                       struct err *err) WARN_UNUSED;

/* Who the processes run as: uid 0 in `uid` means: as we do. */
struct files_user {
    unsigned uid, gid;
};
/* fails: ERR_NOT_FOUND there is no such user; ERR_INVALID it is root. */
int files_user_find(const struct config *config, struct files_user *out,
                    struct err *err) WARN_UNUSED;

/* Makes the data directory when it is absent, takes its lock, reads or makes the key of the ids
 * that peers see. *lock_fd_out holds the lock until it is closed. fails: ERR_UNAVAILABLE another
 * server has the lock. */
int files_data_open(const struct config *config, const struct files_user *user, int *lock_fd_out,
                    uint8_t id_key_out[static FILES_ID_KEY_BYTES], struct err *err) WARN_UNUSED;
