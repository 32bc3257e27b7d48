/* Which mailboxes get a message, and what is to be said about each of its recipients. Only for
 * files in src/store. */
#pragma once

#include "store/deliver.h"
#include "store/request.h"

/* One mailbox that gets the message for a recipient; an alias has several. */
struct deliver_wanted {
    size_t recipient;
    unsigned shard;
    size_t index; /* in the targets of its shard, once they are made */
    struct deliver_target target;
};

/* Lives in the request's arena. */
struct deliver_plan {
    Gw__Outcome *outcomes; /* one per recipient; ERR_NONE so far: not refused */
    struct deliver_wanted *wanted;
    size_t wanted_n;
    size_t wanted_cap;
    struct slice *sent; /* recipients that exist, canonical: what is counted */
    size_t sent_n;
};

/* Resolves the recipients of the request, aliases to their members. A recipient that gets nothing
 * has its reason in its outcome.
 * fails: ERR_LIMIT, ERR_NOMEM, as the database. */
int deliver_plan_make(struct call *c, struct deliver_plan *p, struct err *err) WARN_UNUSED;
void deliver_refuse(struct deliver_plan *p, size_t recipient, enum err_kind kind, const char *text);
