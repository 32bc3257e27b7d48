/* The octets of one message: asked for once, read in slices. */
#pragma once

#include "imap/fetch_items.h"
#include "imap/store_call.h"
#include "mail/render.h"

struct imap_body {
    uint8_t *memory; /* NULL when it is in the descriptor, or not loaded */
    int fd;
    uint64_t size;
    uint64_t have; /* octets from the front that are here */
    bool loaded;
    uint64_t prefix_size;
    struct part_entry *parts;
    size_t parts_n;
};

void imap_body_init(struct imap_body *b);
void imap_body_done(struct imap_body *b);
/* The octets of a finished spool, which is empty afterwards. */
int imap_body_of_spool(struct imap_body *b, struct spool *spool, struct err *err) WARN_UNUSED;
/* From a row read with FIELD_PARTS and FIELD_SIZE. The part tree lives in `a`. */
int imap_body_of_row(struct imap_body *b, struct arena *a, const Gw__Message *row,
                     struct err *err) WARN_UNUSED;
/* Fetches the first `need` octets (UINT64_MAX: all), unless they are there. Ends the life of the
 * last answer of the store. */
int imap_body_load(struct imap_body *b, struct imap_session *s, uint32_t uid, uint64_t need,
                   struct err *err) WARN_UNUSED;
/* n octets from `at`, which must be there. */
int imap_body_read(const struct imap_body *b, uint64_t at, uint8_t *buf, size_t n,
                   struct err *err) WARN_UNUSED;
/* The same in memory from malloc: the caller frees. */
int imap_body_copy(const struct imap_body *b, uint64_t at, uint64_t n, uint8_t **out,
                   struct err *err) WARN_UNUSED;

/* Where a section stands: first octet and number of octets, for all texts; for MIME, FIELDS and
 * FIELDS_NOT the header they are taken from. fails: ERR_NOT_FOUND. */
int imap_body_section(const struct imap_body *b, const struct imap_fetch_item *item,
                      uint64_t *at_out, uint64_t *n_out, struct err *err) WARN_UNUSED;
/* The range of an entry's header, and of its body. */
void imap_body_header(const struct imap_body *b, size_t entry, uint64_t *at_out, uint64_t *n_out);
void imap_body_content(const struct imap_body *b, size_t entry, uint64_t *at_out, uint64_t *n_out);
/* The fields of a header that are named (or not named; for MIME: Content-*), each with its folds,
 * and the empty line. */
void imap_body_fields(struct builder *out, struct slice header, const struct imap_fetch_item *item);
