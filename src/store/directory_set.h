/* What the files of administration share: directory_edit.c (add, remove, enable), directory_set.c
 * (settings of domains and addresses), directory_role.c, account_set.c. Only for files in
 * src/store.
 */
#pragma once

#include "store/directory.h"
#include "store/request.h"

/* The answer "done", or "it was so already". */
int directory_answer(struct call *c, bool unchanged, struct err *err) WARN_UNUSED;
/* A text that is said in SMTP and IMAP replies: 1 to 256 printable ASCII characters. what: "a
 * reason". fails: ERR_INVALID. */
int directory_text_check(struct slice text, const char *what, struct err *err) WARN_UNUSED;

enum directory_role {
    DIRECTORY_ROLE_POSTMASTER,
    DIRECTORY_ROLE_HOST_TLS,
    DIRECTORY_ROLE_DMARC,
    DIRECTORY_ROLE_TLS,
};
/* Within a write of the directory. about: a domain for DMARC and TLS, else "". `set` may be NULL:
 * nothing is asked for. *changed_out is only ever made true.
 * fails: ERR_NOT_FOUND account or domain, ERR_EXISTS the address is an alias or of another use,
 * ERR_INVALID, as address_parse_typed. */
int directory_role_set(struct call *c, struct write_ctx *ctx, enum directory_role role,
                       struct slice about, const Gw__RoleAddress *set, bool *changed_out,
                       struct err *err) WARN_UNUSED;
/* As it was set; NULL in *out: not at all. Lives in `out` of the call. */
int directory_role_get(struct call *c, struct db *db, enum directory_role role, struct slice about,
                       Gw__RoleAddress **out, struct err *err) WARN_UNUSED;
/* fails: ERR_INVALID while the account has a role, naming it. */
int directory_roles_free(struct db *db, struct arena *a, int64_t account_id,
                         struct err *err) WARN_UNUSED;
