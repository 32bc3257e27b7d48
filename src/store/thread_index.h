/* Finding contents by their keys (store/thread_keys.h), the newest of which are in memory only.
 *
 * Keys lie at random places of their index, so that writing each with its delivery costs a page of
 * the log for every key. Here they collect until there are THREAD_INDEX_GATHER of them; then they
 * are put in order and go into the table with the batches that follow, neighbours together.
 * `account.keys_done` says up to which content an account's keys are in the table; after a crash
 * the others are read from the content rows again. See docs/decisions/009-thread-keys.md.
 *
 * Belongs to the writer thread of a shard. What a batch adds and moves counts when
 * thread_index_committed is called, and is taken back by thread_index_abandon. */
#pragma once

#include "store/thread_keys.h"

#define THREAD_INDEX_GATHER 8192u
/* Contents looked at for one key: more have a chosen hash, or a subject that says nothing. */
#define THREAD_CANDIDATES_MAX 64u

struct thread_index;

/* NULL when out of memory. */
struct thread_index *thread_index_new(void);
void thread_index_free(struct thread_index *t);

/* At the start: the keys that are not in the table yet. */
int thread_index_load(struct thread_index *t, struct db *db, struct err *err) WARN_UNUSED;

/* Within a write. fails: ERR_NOMEM. */
int thread_index_add(struct thread_index *t, const struct thread_keys *keys,
                     struct err *err) WARN_UNUSED;
/* How much a batch has added; takes back what was added since. */
size_t thread_index_mark(const struct thread_index *t);
void thread_index_undo(struct thread_index *t, size_t mark);

/* Contents that may have the key: the caller looks at the rows, some of which may be gone. After a
 * crash one may be named twice. */
struct thread_candidates {
    int64_t content_ids[THREAD_CANDIDATES_MAX];
    size_t n;
};
/* The oldest ones first. */
int thread_index_by_message_id(const struct thread_index *t, struct db *db, int64_t account_id,
                               struct slice message_id, struct thread_candidates *out,
                               struct err *err) WARN_UNUSED;
/* The newest ones first. */
int thread_index_by_subject(const struct thread_index *t, struct db *db, int64_t account_id,
                            int64_t mailbox_id, struct slice subject_base,
                            struct thread_candidates *out, struct err *err) WARN_UNUSED;

/* Within a batch, after its writes: moves a share of the gathered keys into the table. */
int thread_index_drain(struct thread_index *t, struct db *db, struct err *err) WARN_UNUSED;
void thread_index_committed(struct thread_index *t);
void thread_index_abandon(struct thread_index *t);
/* In a last batch without writes: moves every key. Only to be freed afterwards. */
int thread_index_drain_all(struct thread_index *t, struct db *db, struct err *err) WARN_UNUSED;
