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
    struct slice separators; /* one per line, in the order in which they are tried */
    /* Has no address or alias of its own, and is there only because reports about it go to another
     * domain: not ours as far as mail is concerned. */
    bool reports_only;
};
/* 1: found; 0: not configured. Lives in `a`. */
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

/* The sending limits of an account, with the defaults in place. */
struct outgoing_limits;
int directory_limits(struct db *db, int64_t account_id, struct outgoing_limits *out,
                     struct err *err) WARN_UNUSED;
/* The quota of accounts that have none of their own; 0: none. */
int directory_quota(struct db *db, int64_t *out, struct err *err) WARN_UNUSED;

/* ---- resolving (directory_resolve.c) ----
 *
 * What an address is; the first rule that matches decides. "Canonical" is the local part with what
 * the domain's rules make of it: NFC, lower case unless the domain says that case counts,
 * "postmaster" in any case; then a report address that it equals, or begins with before a
 * separator, else what stands before the first occurrence of each separator, in their order.
 *
 *   # | address                                   | mail for it (RCPT)  | sender    | login
 *   --+-------------------------------------------+---------------------+-----------+----------
 *   1 | postmaster, or postmaster@hostname        | the postmaster      | UNKNOWN   | UNKNOWN
 *   2 | the installation's address for TLS reports| LOCAL, tls_reports  | LOCAL     | LOCAL
 *   3 | domain not configured, or reports_only    | REMOTE              | REMOTE    | REMOTE
 *   4 | domain disabled                           | DISABLED            | DISABLED  | (goes on)
 *   5 | canonical is a report address             | LOCAL, *_reports    | LOCAL     | LOCAL
 *   6 | canonical is an address of an account     | LOCAL               | LOCAL     | LOCAL
 *   7 | canonical is an alias                     | ALIAS               | ALIAS     | ALIAS: none
 *   8 | the domain has a catch-all                | LOCAL               | LOCAL     | LOCAL
 *   9 | canonical is postmaster                   | the postmaster      | UNKNOWN   | UNKNOWN
 *  10 | otherwise                                 | UNKNOWN             | UNKNOWN   | UNKNOWN
 *
 * The postmaster is whom the installation names; else the first account, in its Inbox. */
enum directory_use {
    DIRECTORY_RCPT,   /* mail for it */
    DIRECTORY_SENDER, /* MAIL FROM and From */
    DIRECTORY_LOGIN,  /* who logs in; the address is written as people do, in quotes perhaps */
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
    /* LOCAL */
    int64_t account_id;
    struct slice mailbox; /* empty: Inbox */
    struct slice refusal; /* as in the schema */
    struct slice auth_refusal;
    /* LOCAL and DISABLED */
    bool dmarc_reports, tls_reports;
};

/* hostname: of this installation, for postmaster; may be empty. A text that is no address is
 * REMOTE: it cannot be one of ours. */
int directory_resolve(struct db *db, struct arena *a, struct slice address, struct slice hostname,
                      enum directory_use use, struct directory_target *out,
                      struct err *err) WARN_UNUSED;

/* The local part as its domain wants it, apart from separators. fails: ERR_NOMEM. */
int directory_localpart_fold(struct arena *a, const struct directory_domain *domain,
                             struct slice in, struct slice *out, struct err *err) WARN_UNUSED;

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

/* An address as it is kept, read as people write it: canonical, without separators, of a domain of
 * ours.
 * fails: as address_parse_typed, also for a catch-all where none is allowed; ERR_NOT_FOUND the
 * domain, ERR_INVALID a separator. */
int directory_own_address(struct db *db, struct arena *a, struct slice text, bool catchall,
                          struct address *out, struct err *err) WARN_UNUSED;
/* fails: ERR_EXISTS when an account or an alias has the address, or reports go there. */
int directory_free(struct db *db, struct arena *a, const struct address *address,
                   struct err *err) WARN_UNUSED;
/* 1: an account has the address, or the catch-all. */
int directory_address_exists(struct db *db, const struct address *address,
                             struct err *err) WARN_UNUSED;
/* *out: the name as it is kept. fails: as address_domain, ERR_NOT_FOUND. */
int directory_need_domain(struct db *db, struct arena *a, struct slice name, struct slice *out,
                          struct err *err) WARN_UNUSED;
int directory_need_account(struct db *db, struct arena *a, struct slice name,
                           struct directory_account *out, struct err *err) WARN_UNUSED;
/* Runs a statement with texts as its parameters. */
int directory_run(struct db *db, const char *sql, const struct slice *texts, size_t n,
                  struct err *err) WARN_UNUSED;
