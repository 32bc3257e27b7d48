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
    DIRECTORY_RCPT,  /* mail for it: postmaster counts */
    DIRECTORY_LOGIN, /* who logs in: it does not, nor whether the domain is disabled; only LOCAL can
                      */
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
    struct address given;           /* as it was asked, normalised, with what follows a separator */
    struct slice localpart, domain; /* of canonical */
    int64_t account_id;             /* LOCAL */
    bool stand_in;                  /* LOCAL: for a postmaster whom nobody configured */
    struct slice mailbox;           /* LOCAL; empty: Inbox */
};

/* hostname: of this installation, for postmaster; may be empty. A text that is no address is
 * REMOTE: it cannot be one of ours. */
int directory_resolve(struct db *db, struct arena *a, struct slice address, struct slice hostname,
                      enum directory_use use, struct directory_target *out,
                      struct err *err) WARN_UNUSED;

#define DIRECTORY_MEMBERS_MAX ((size_t)1000)

struct directory_alias {
    bool post_public, list_members, allow_msg_from;
    struct address *members; /* canonical */
    size_t members_n;
};
/* self: canonical. fails: ERR_NOT_FOUND. */
int directory_alias(struct db *db, struct arena *a, const struct address *self,
                    struct directory_alias *out, struct err *err) WARN_UNUSED;

/* ---- for administration ---- */

/* An address as it is kept: canonical, without separators, of a domain of ours.
 * fails: as address_parse; ERR_NOT_FOUND the domain, ERR_INVALID a separator. */
int directory_own_address(struct db *db, struct arena *a, struct slice text, bool catchall,
                          struct address *out, struct err *err) WARN_UNUSED;
/* fails: ERR_EXISTS when an account or an alias has the address. */
int directory_free(struct db *db, const struct address *address, struct err *err) WARN_UNUSED;
/* Runs a statement with texts as its parameters. */
int directory_run(struct db *db, const char *sql, const struct slice *texts, size_t n,
                  struct err *err) WARN_UNUSED;
