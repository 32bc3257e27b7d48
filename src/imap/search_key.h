/* A parsed search key; shared by search_parse.c and search_match.c. */
#pragma once

#include "imap/search.h"

enum imap_search_kind {
    IMAP_KEY_ALL,
    IMAP_KEY_NONE,
    IMAP_KEY_FLAG,    /* one of `bits` is set */
    IMAP_KEY_KEYWORD, /* `text` */
    IMAP_KEY_BEFORE,  /* dates: year * 10000 + month * 100 + day */
    IMAP_KEY_ON,
    IMAP_KEY_SINCE,
    IMAP_KEY_SENT_BEFORE,
    IMAP_KEY_SENT_ON,
    IMAP_KEY_SENT_SINCE,
    IMAP_KEY_OLDER,
    IMAP_KEY_YOUNGER,
    IMAP_KEY_LARGER,
    IMAP_KEY_SMALLER,
    IMAP_KEY_HEADER,   /* `field` holds `text` */
    IMAP_KEY_ENVELOPE, /* item number `bits` of the envelope holds `text` */
    IMAP_KEY_BODY,
    IMAP_KEY_TEXT,
    IMAP_KEY_UIDS,
    IMAP_KEY_MODSEQ,
    IMAP_KEY_NOT,
    IMAP_KEY_OR,
    IMAP_KEY_AND,
};

struct imap_search_key {
    enum imap_search_kind kind;
    uint32_t bits;
    uint64_t number;
    struct slice field;
    struct slice text; /* folded */
    struct ranges uids;
    struct imap_search_key *a, *b; /* NOT: a; OR: a, b; AND: a and what follows it */
    struct imap_search_key *next;  /* of a list that must match whole */
    struct imap_search_key *older; /* of all keys */
};

bool imap_search_envelope(const struct imap_search_key *key, struct imap_search_message *m);
/* Whether the text, folded, holds the needle. */
bool imap_search_holds(struct slice utf8, struct slice folded_needle);
