/* Search programs (RFC 9051 6.4.4): parsed, then asked of one message at a time. */
#pragma once

#include "imap/body.h"
#include "imap/store_call.h"
#include "imap/view.h"

/* NOT, OR and parentheses within each other. */
#define IMAP_SEARCH_DEPTH_MAX 100

struct imap_search_key;

struct imap_search {
    struct imap_search_key *first; /* all must match */
    struct imap_search_key *all;   /* every key, for releasing */
    uint32_t fields;               /* of rows */
    bool needs_octets;
    bool uses_seqs;   /* RFC 7162 3.2.10.2: then no EXPUNGE before the reply */
    bool uses_modseq; /* MODSEQ is part of the result */
};

/* One or more keys. Numbers are those of `view` as it is now, "$" means `saved`. */
void imap_search_parse(struct imap_search *search, struct cursor *c, struct arena *a,
                       const struct imap_view *view, const struct ranges *saved);
void imap_search_done(struct imap_search *search);

/* A message while it is looked at. */
struct imap_search_message {
    struct imap_session *s;
    const Gw__Message *row; /* outlives calls to the store */
    int64_t now_s;
    struct arena *a; /* reset for each message */
    struct imap_body body;
    bool has_parts;
};

/* 1: it matches, 0: it does not, < 0: the store failed. */
int imap_search_match(const struct imap_search *search, struct imap_search_message *m,
                      struct err *err);

/* Text as it is compared: simple case folding of Unicode. */
void imap_search_fold(struct builder *out, struct slice utf8);
