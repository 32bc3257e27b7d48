/* Adding a message to a mailbox: the one way, for delivery, APPEND and import. */
#pragma once

#include "store.pb-c.h"
#include "store/body.h"
#include "store/shard.h"

struct message_new {
    int64_t account_id;
    int64_t mailbox_id;
    uint32_t flags;
    struct slice keywords; /* lower case, sorted, with spaces between */
    int64_t received_ns;   /* 0: now */
    int zone_minutes;
    struct slice prefix;
    const Gw__Facts *facts;
    int64_t body_id;
    uint64_t body_size;
    const Gw__Origin *origin;  /* NULL for APPEND */
    struct slice reverse_path; /* with origin */
    struct slice rcpt_to;
    uint32_t notify; /* NOTIFY_* of store.proto */
    struct slice orcpt;
    const Gw__Wishes *wishes; /* NULL: none; its extras come packed */
    struct slice extras_packed;
    struct slice search_packed; /* from search_text_pack; empty: packed within the write */
};

struct message_added {
    uint32_t uid;
    uint64_t modseq;
    int64_t content_id;
    uint32_t uidvalidity;
    bool keywords_added; /* the mailbox has keywords that it did not have: a change of its own */
};

/* Within a write. `modseq`: the account's new mod-sequence for this write (account_modseq_next),
 * shared by all messages of it. Takes one reference of the body. Updates mailbox and account
 * counters, thread keys, search text; does not write the change row. fails: ERR_QUOTA, ERR_LIMIT
 * (UIDs exhausted), ERR_NOT_FOUND. */
int message_add(struct write_ctx *ctx, const struct message_new *m, uint64_t modseq,
                struct message_added *out, struct err *err) WARN_UNUSED;

/* Within a write: the next mod-sequence of the account. */
int account_modseq_next(struct write_ctx *ctx, int64_t account_id, uint64_t *out,
                        struct err *err) WARN_UNUSED;
/* Within a write: appends to the change log. `kind` is Gw__Change__Kind; `uids` pairs packed as in
 * schema.sql. */
int change_append(struct write_ctx *ctx, int64_t account_id, uint64_t modseq, int kind,
                  int64_t mailbox_id, struct slice uids, struct slice name, struct slice old_name,
                  struct err *err) WARN_UNUSED;

/* The text of facts as search_pending keeps it, in malloc'd memory; NULL and 0 when there is none.
 * Outside the write: it takes time. */
int search_text_pack(const Gw__Facts *facts, uint8_t **out, size_t *n_out,
                     struct err *err) WARN_UNUSED;
