/* What FETCH can be asked for (RFC 9051 6.4.5, RFC 3501 6.4.5). */
#pragma once

#include "base/arena.h"
#include "base/cursor.h"

enum imap_fetch_kind {
    IMAP_FETCH_FLAGS,
    IMAP_FETCH_UID,
    IMAP_FETCH_INTERNALDATE,
    IMAP_FETCH_SIZE,
    IMAP_FETCH_ENVELOPE,
    IMAP_FETCH_BODY,
    IMAP_FETCH_BODYSTRUCTURE,
    IMAP_FETCH_MODSEQ,
    IMAP_FETCH_SECTION, /* octets of the message */
    IMAP_FETCH_BINARY,  /* of a part, without its transfer encoding */
    IMAP_FETCH_BINARY_SIZE,
};

enum imap_section_text {
    IMAP_SECTION_ALL,
    IMAP_SECTION_HEADER,
    IMAP_SECTION_FIELDS,
    IMAP_SECTION_FIELDS_NOT,
    IMAP_SECTION_TEXT,
    IMAP_SECTION_MIME,
};

struct imap_fetch_item {
    enum imap_fetch_kind kind;
    struct slice label; /* as it stands in the response */
    /* for SECTION and BINARY */
    bool peek;
    bool partial;
    uint64_t offset, count;
    enum imap_section_text text;
    uint32_t *numbers;
    size_t numbers_n;
    struct slice *fields;
    size_t fields_n;
};

struct imap_fetch_items {
    struct imap_fetch_item *v;
    size_t n;
};

/* A list in parentheses, one item, or a macro. Lives in `a`. */
void imap_parse_fetch_items(struct cursor *c, struct arena *a, struct imap_fetch_items *out);
