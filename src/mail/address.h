/* Address lists of header fields (RFC 5322 3.4, with its obsolete forms; RFC 6532). */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

struct mail_address {
    struct slice
        name; /* display name as written, unquoted, with encoded-words; or the group's name */
    struct slice localpart; /* unquoted */
    struct slice domain;    /* as written; a domain literal with its brackets */
    enum { MAIL_ADDRESS_MAILBOX, MAIL_ADDRESS_GROUP_START, MAIL_ADDRESS_GROUP_END } kind;
};

struct mail_address_list {
    const struct mail_address *v;
    size_t n;
    bool bad;      /* something breaks the grammar, the obsolete one too */
    bool obsolete; /* a route, an empty element, white space at a dot (RFC 5322 4.4); a dot in a
                      name does not count, everybody writes that */
};

/* Reads one field body. Lenient: what cannot be read as an address becomes one with an empty
 * localpart and domain, and reading goes on after the next comma. In front of "<" any text is a
 * name; a semicolon outside of a group separates like a comma. Lives in `a`. fails: ERR_NOMEM. A
 * list is cut at MAIL_ADDRESSES_MAX, and then counts as bad. */
int mail_address_list_parse(struct arena *a, struct slice body, struct mail_address_list *out,
                            struct err *err) WARN_UNUSED;
