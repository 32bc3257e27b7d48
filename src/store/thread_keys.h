/* The keys under which threads are found, and their table thread_key: 64-bit hashes of "i" and a
 * Message-ID, and of "s", a mailbox and a base subject. store/thread_index.h decides when a key
 * goes into the table. */
#pragma once

#include "store/db.h"

/* Under what a content is found. */
struct thread_keys {
    int64_t account_id;
    int64_t content_id;
    int64_t mailbox_orig_id;
    struct slice message_id;   /* empty: none */
    struct slice subject_base; /* empty: none */
};

int thread_hash_message_id(struct slice message_id, int64_t *out, struct err *err) WARN_UNUSED;
int thread_hash_subject(int64_t mailbox_id, struct slice subject_base, int64_t *out,
                        struct err *err) WARN_UNUSED;
/* None, one or two. */
int thread_hashes(const struct thread_keys *k, int64_t out[2], size_t *n_out,
                  struct err *err) WARN_UNUSED;

/* Nothing happens when the content is gone, or when the key is there. */
int thread_key_put(struct db *db, int64_t account_id, int64_t hash, int64_t content_id,
                   struct err *err) WARN_UNUSED;
/* The oldest or the newest contents with the key, in that order, at most `max`. */
int thread_key_find(struct db *db, int64_t account_id, int64_t hash, bool newest_first,
                    int64_t *content_ids_out, size_t max, size_t *n_out,
                    struct err *err) WARN_UNUSED;
/* Before the content row goes. */
int thread_keys_remove(struct db *db, const struct thread_keys *k, struct err *err) WARN_UNUSED;
