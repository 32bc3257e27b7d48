/* Delivery of one message to mailboxes of one shard: the body once, a message for each recipient.
 *
 * The caller resolves the addresses, groups them by shard, packs body and search text outside the
 * write, and calls deliver_apply from the apply of its own write:
 *
 *   struct deliver d = {.facts = …, .body = &packed, .targets = targets, .targets_n = n, …};
 *   static int apply(struct write *w, struct write_ctx *ctx, struct err *err)
 *   {
 *       return deliver_apply(ctx, &container(w)->deliver, err);
 *   }
 *
 * The copy of a target begins with its Delivered-To field (RFC 9228), then come prefix and body.
 *
 * After done(0) each target says what became of it; after done(< 0) nothing was stored for any. */
#pragma once

#include "store.pb-c.h"
#include "store/body.h"
#include "store/shard.h"

struct deliver_target {
    /* in */
    int64_t account_id;
    struct slice mailbox;      /* name; empty: Inbox; made and subscribed when missing */
    struct slice address;      /* as in RCPT TO */
    struct slice destination;  /* canonical: the address of the account that this is for */
    struct slice delivered_to; /* the same as it is shown */
    struct slice prefix;
    uint32_t notify; /* what the sender wants to hear about it (store.proto, Recipient) */
    struct slice orcpt;
    /* out */
    enum err_kind kind; /* ERR_NONE: stored */
    char text[160];
    int64_t mailbox_id;
    uint64_t modseq; /* the account's after it; 0 when not stored by this target */
    uint32_t uid;
};

struct deliver {
    const Gw__Facts *facts;
    const Gw__Origin *origin;
    const Gw__Wishes *wishes; /* NULL: none */
    struct slice reverse_path;
    int64_t received_ns;
    const struct body_packed *body;
    struct slice search_packed;
    struct slice extras_packed; /* of the wishes */
    struct deliver_target *targets;
    size_t targets_n;
};

/* Within a write. A target that cannot be served (over quota, no such account, no UIDs) fails
 * alone; targets with one destination share the message of the first of them that has one. Returns
 * an error only when the disk or the database fails. */
int deliver_apply(struct write_ctx *ctx, struct deliver *d, struct err *err) WARN_UNUSED;
