/* Rows of the mailbox table, and what happens to several of them together. Only for files in
 * src/store. */
#pragma once

#include "base/arena.h"
#include "base/ranges.h"
#include "store.pb-c.h"
#include "store/db.h"
#include "store/shard.h"

enum {
    MESSAGE_SEEN = 1u << 0,
    MESSAGE_DELETED = 1u << 3,
    MESSAGE_JUNK = 1u << 6,
    MESSAGE_NOTJUNK = 1u << 7,
    MESSAGE_FLAGS = (1u << 10) - 1,
};

/* UIDs up to and including this one are given out. */
#define MAILBOX_UID_LAST (UINT32_MAX - 1)
#define MAILBOX_SPECIAL_USE 31u
#define MAILBOXES_MAX 10000

struct mailbox {
    int64_t account_id;
    int64_t id;
    int64_t parent_id;
    struct slice name;
    uint32_t uidvalidity;
    int64_t uidnext;
    uint32_t special_use;
    struct slice keywords;
    int64_t create_modseq;
    int64_t modseq;
    int64_t total, deleted, unseen, unread, size_bytes;
};

/* 1: found, text lives in `a`; 0: no such mailbox. */
int mailbox_by_name(struct db *db, struct arena *a, int64_t account_id, struct slice name,
                    struct mailbox *out, struct err *err) WARN_UNUSED;
int mailbox_by_id(struct db *db, struct arena *a, int64_t account_id, uint64_t id,
                  struct mailbox *out, struct err *err) WARN_UNUSED;
/* The next mailbox in the order of names, after `name`. */
int mailbox_after(struct db *db, struct arena *a, int64_t account_id, struct slice name,
                  struct mailbox *out, struct err *err) WARN_UNUSED;
/* As above, but none is ERR_NOT_FOUND. */
int mailbox_need_name(struct db *db, struct arena *a, int64_t account_id, struct slice name,
                      struct mailbox *out, struct err *err) WARN_UNUSED;
int mailbox_need_id(struct db *db, struct arena *a, int64_t account_id, uint64_t id,
                    struct mailbox *out, struct err *err) WARN_UNUSED;

/* Within a write. */
int mailbox_save(struct write_ctx *ctx, const struct mailbox *m, struct err *err) WARN_UNUSED;
/* A message with these flags comes (sign 1) or goes (-1). */
void mailbox_count(struct mailbox *m, uint32_t flags, int64_t size_bytes, int sign);

/* Within a write: makes the mailbox and the parents that it lacks. *list gets the new ones, parents
 * first; nothing new: ERR_EXISTS. */
struct mailbox_list {
    struct mailbox v[32]; /* MAILBOX_LEVELS_MAX */
    size_t n;
};
int mailbox_create(struct write_ctx *ctx, struct arena *a, int64_t account_id, struct slice name,
                   bool subscribe, uint64_t modseq, struct mailbox_list *list,
                   struct err *err) WARN_UNUSED;

/* For a response; text is shared with `m`. fails: ERR_NOMEM. */
int mailbox_to_row(struct arena *a, const struct mailbox *m, Gw__Mailbox *out,
                   struct err *err) WARN_UNUSED;

/* Whether the name is subscribed: 1, 0 or an error. */
int subscription_has(struct db *db, int64_t account_id, struct slice name,
                     struct err *err) WARN_UNUSED;

/* Within a write: removes live messages of the ranges (all when NULL), those with \Deleted only
 * when asked. At most ranges_max ranges are removed, and about messages_max messages:
 * then *next_uid_out is not 0. The mailbox's
 * counters change in *m, which is not saved. The change row is written. */
struct mailbox_expunge {
    const struct ranges *ranges;
    bool only_deleted;
    bool moved;            /* they live on elsewhere: the account's size shrinks at once */
    size_t ranges_max;     /* 0: no limit */
    uint64_t messages_max; /* 0: no limit */
};
int mailbox_expunge(struct write_ctx *ctx, struct arena *a, struct mailbox *m,
                    const struct mailbox_expunge *what, uint64_t *modseq, struct ranges *removed,
                    uint32_t *next_uid_out, struct err *err) WARN_UNUSED;
