/* Paths, addresses, domains, xtext of SMTP (RFC 5321 4.1.2, 4.1.3; RFC 3461 4). Pure. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/builder.h"
#include "base/cursor.h"
#include "base/slice.h"

#define SMTP_PATH_MAX 256 /* RFC 5321 4.5.3.1.3, with the brackets */
#define SMTP_DOMAIN_MAX 255
/* RFC 5321 4.5.3.1.1 allows 64 octets; we accept 128: real senders put bounce keys there. */
#define SMTP_LOCALPART_MAX 128
#define SMTP_LOCALPART_STRICT_MAX 64

struct smtp_path {
    struct slice localpart; /* unquoted; empty for <> and for "" */
    struct slice domain;    /* lower case, or an address literal with its brackets; empty for <> and
                               <postmaster> */
    struct slice text;      /* as written, without brackets and source route; empty for <> */
    struct slice
        address;    /* localpart@domain as the store takes it: unquoted, split at the last "@" */
    bool null;      /* <> */
    bool literal;   /* the domain is an address literal */
    bool non_ascii; /* the localpart has octets above 0x7f (valid UTF-8) */
    bool u_labels;  /* the domain was written with some; `domain` and `address` have A-labels */
};

enum smtp_path_kind {
    SMTP_PATH_REVERSE, /* <> allowed */
    SMTP_PATH_FORWARD, /* <postmaster> allowed, in any case */
};

/* Reads "<" … ">" from the cursor; a source route is read and dropped. UTF-8 is read as such (RFC
 * 6531 3.3), since only the parameters behind the path say whether it may be there: see non_ascii
 * and u_labels. Local parts come out as they were written: the store compares them in form C. All
 * of *out lives in `a`. On a syntax error the cursor has failed; false only when out of memory. */
bool smtp_path_parse(struct arena *a, struct cursor *c, enum smtp_path_kind kind,
                     struct smtp_path *out);

/* Labels of letters, digits and hyphens, no empty label, no trailing dot, no underscore; A-labels
 * must be proper ones; not four numbers. */
bool smtp_domain_valid(struct slice domain);
/* "[192.0.2.1]" or "[IPv6:2001:db8::1]". */
bool smtp_literal_valid(struct slice literal);
bool smtp_is_atext(int byte);

/* RFC 3461 4: "+HH" (upper case) for octets. False when malformed or out of memory. */
bool smtp_xtext_decode(struct arena *a, struct slice in, struct slice *out);
void smtp_xtext_encode(struct builder *out, struct slice in);
/* A copy that lives in `a`; false when out of memory. */
bool smtp_path_copy(struct arena *a, const struct smtp_path *path, struct smtp_path *out);
