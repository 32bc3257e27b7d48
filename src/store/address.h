/* Addresses in the forms that the directory keeps: domains in lower-case U-labels, local parts in
 * normalisation form C and canonical as their domain wants it. Results live in `a`. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

#define ADDRESS_LOCALPART_MAX 128
#define ADDRESS_DOMAIN_MAX 255

struct address {
    struct slice localpart; /* normalised, not yet canonical; may be empty only for a catch-all */
    struct slice domain;
};

/* "localpart@domain", unquoted, split at the last "@". catchall: an empty local part is accepted.
 * fails: ERR_SYNTAX, ERR_LIMIT, ERR_NOMEM. */
int address_parse(struct arena *a, struct slice in, bool catchall, struct address *out,
                  struct err *err) WARN_UNUSED;
/* A-labels and U-labels of a name come out equal. fails: ERR_SYNTAX, ERR_LIMIT, ERR_NOMEM. */
int address_domain(struct arena *a, struct slice in, struct slice *out,
                   struct err *err) WARN_UNUSED;
/* separators: one per line; the local part is cut at the first occurrence of each, in order.
 * fails: ERR_NOMEM. */
int address_localpart(struct arena *a, struct slice in, bool case_sensitive,
                      struct slice separators, struct slice *out, struct err *err) WARN_UNUSED;
/* As it is written in a header: the local part quoted when it must be (RFC 5322 3.4.1). `failed`
 * arenas give an empty text. */
struct slice address_text(struct arena *a, const struct address *address);
/* Whether the local part has one of the separators in it. */
bool address_has_separator(struct slice localpart, struct slice separators);
