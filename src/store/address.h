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
    struct slice localpart; /* normalised; may be empty */
    struct slice domain;
    bool catchall; /* not an address: all of the domain that has no row of its own */
};

/* "localpart@domain" as protocols pass it: unquoted, split at the last "@"; what stands before it
 * may be empty (it was "" in quotes). The local part "postmaster" comes out in lower case (RFC 5321
 * 4.5.1). fails: ERR_SYNTAX, ERR_LIMIT, ERR_NOMEM. */
int address_parse(struct arena *a, struct slice in, struct address *out,
                  struct err *err) WARN_UNUSED;
/* The same as people write it: the local part may stand in quotes, and must when it is empty, for
 * "@domain" is the catch-all. */
int address_parse_typed(struct arena *a, struct slice in, struct address *out,
                        struct err *err) WARN_UNUSED;
/* A-labels and U-labels of a name come out equal. fails: ERR_SYNTAX, ERR_LIMIT, ERR_NOMEM. */
int address_domain(struct arena *a, struct slice in, struct slice *out,
                   struct err *err) WARN_UNUSED;
/* Separators are texts that are not empty, one per line. Takes the first; false: there is none. */
bool address_separator_next(struct slice *separators, struct slice *out);
/* The local part is cut at the first occurrence of each, in order. */
struct slice address_cut(struct slice localpart, struct slice separators);
/* As address_parse_typed reads it, and as it stands in a header: the local part quoted when it must
 * be (RFC 5322 3.4.1). `failed` arenas give an empty text. */
struct slice address_text(struct arena *a, const struct address *address);
/* Whether the local part has one of the separators in it. */
bool address_has_separator(struct slice localpart, struct slice separators);
/* Whether one of the separators stands at the beginning. */
bool address_starts_with_separator(struct slice text, struct slice separators);
