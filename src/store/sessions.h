/* Logged-in sessions. A handle is a random number that is worth something only together with the
 * process (group) that it was given to. Any thread may call. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct sessions;

struct session {
    int64_t account_id;
    unsigned shard;
};

struct sessions *sessions_new(void); /* NULL: out of memory */
void sessions_free(struct sessions *s);

/* Counts up whenever sessions of an account are ended. Note it before credentials are read and give
 * it to sessions_add: a login that raced with a change of the password then fails. */
uint64_t sessions_epoch(struct sessions *s);
/* fails: ERR_UNAVAILABLE (the epoch has passed, or too many sessions), ERR_NOMEM. */
int sessions_add(struct sessions *s, uint32_t group, const struct session *session, uint64_t epoch,
                 uint64_t *handle_out, struct err *err) WARN_UNUSED;
/* False when there is no such session for this group. */
bool sessions_get(struct sessions *s, uint32_t group, uint64_t handle, struct session *out);
/* Counts a watch of the session up or down; false when that is not possible. */
bool sessions_watch(struct sessions *s, uint32_t group, uint64_t handle, bool on);

/* Called for each session that ends, outside the lock; watches: how many it had. */
typedef void sessions_ended(void *owner, uint32_t group, int64_t account_id, uint32_t watches);

void sessions_end(struct sessions *s, uint32_t group, uint64_t handle, sessions_ended *ended,
                  void *owner);
void sessions_end_group(struct sessions *s, uint32_t group, sessions_ended *ended, void *owner);
void sessions_end_account(struct sessions *s, int64_t account_id, sessions_ended *ended,
                          void *owner);
