/* Header fields of a message or part. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

struct mail_field {
    struct slice raw;  /* name, colon, body with its folds and final line end, as it stands */
    struct slice name; /* as written */
    struct slice body; /* after the colon, with folds, without the final line end */
    size_t at;         /* offset of `raw` in the block */
};

struct mail_header {
    const struct mail_field *fields;
    size_t n;
};

/* Splits a header block (with or without the empty line at its end). Lines that are no field and no
 * continuation are skipped. Lives in `a`; slices borrow from `block`. fails: ERR_NOMEM, ERR_LIMIT
 * (more than MAIL_FIELDS_MAX: the rest is dropped and 0 returned). */
int mail_header_parse(struct arena *a, struct slice block, struct mail_header *out,
                      struct err *err) WARN_UNUSED;

/* The nth field of that name (any case), or NULL. */
const struct mail_field *mail_header_find(const struct mail_header *h, struct slice name,
                                          size_t nth);
size_t mail_header_count(const struct mail_header *h, struct slice name);

/* The field body without folds: CRLF removed, trimmed; other octets as they are. Lives in `a`, or
 * borrows. */
struct slice mail_field_unfold(struct arena *a, struct slice body);

/* RFC 2047: a field body with its encoded-words as UTF-8; unknown charsets and broken words stay as
 * written; raw 8-bit text is taken as UTF-8, else as Latin-1. Unfolds first. */
struct slice mail_words_decode(struct arena *a, struct slice body);

/* The offset behind the comment that opens at `at` (RFC 5322 3.2.2): comments nest, a backslash
 * quotes, an unclosed one reaches to the end. closed_out: may be NULL. */
size_t mail_comment_end(struct slice s, size_t at, bool *closed_out);
