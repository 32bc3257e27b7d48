/* The directory database: who there is, and where mail for an address goes. Only for files in
 * src/store. `db` is a read handle of the directory, or the writer's within a write. */
#pragma once

#include "base/arena.h"
#include "store/address.h"
#include "store/db.h"

struct directory_domain {
    struct slice domain;
    bool disabled;
    bool case_sensitive;
    struct slice separators; /* one per line */
};
/* 1: found; 0: not ours. Lives in `a`. */
int directory_domain(struct db *db, struct arena *a, struct slice domain,
                     struct directory_domain *out, struct err *err) WARN_UNUSED;

struct directory_account {
    int64_t account_id;
    unsigned shard;
    struct slice name;
    struct slice login_disabled;
};
int directory_account(struct db *db, struct arena *a, struct slice name,
                      struct directory_account *out, struct err *err) WARN_UNUSED;
int directory_account_by_id(struct db *db, struct arena *a, int64_t account_id,
                            struct directory_account *out, struct err *err) WARN_UNUSED;

enum directory_use {
    DIRECTORY_RCPT,  /* mail for it: aliases and postmaster count */
    DIRECTORY_LOGIN, /* who logs in: neither, and a disabled domain does not matter */
};

enum directory_where {
    DIRECTORY_REMOTE,
    DIRECTORY_LOCAL,
    DIRECTORY_UNKNOWN,
    DIRECTORY_DISABLED,
    DIRECTORY_ALIAS,
};

struct directory_target {
    enum directory_where where;
    struct slice canonical;         /* localpart@domain; for a catch-all as it was asked */
    struct slice localpart, domain; /* of canonical */
    int64_t account_id;             /* LOCAL */
    struct slice mailbox;           /* LOCAL; empty: Inbox */
};

/* hostname: of this installation, for postmaster; may be empty. A text that is no address is
 * REMOTE: it cannot be one of ours. */
int directory_resolve(struct db *db, struct arena *a, struct slice address, struct slice hostname,
                      enum directory_use use, struct directory_target *out,
                      struct err *err) WARN_UNUSED;

struct directory_alias {
    bool post_public, allow_msg_from;
    struct address *members; /* canonical */
    size_t members_n;
};
/* Of a target that is an ALIAS. */
int directory_alias(struct db *db, struct arena *a, const struct directory_target *target,
                    struct directory_alias *out, struct err *err) WARN_UNUSED;
