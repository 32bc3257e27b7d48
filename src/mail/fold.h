/* Writing a header field, folded (RFC 5322 2.2.3): lines get at most 78 columns where words allow
 * it, and go on behind CRLF HT, or CRLF SP. Pure.
 *
 *   struct fold f;
 *   fold_init(&f, SLICE("Received:"));
 *   fold_word(&f, SLICE("from"));
 *   …
 *   struct slice field = fold_end(&f, arena);    // with its CRLF
 *
 * Words go out as they are: they are free of CR and LF, and in the form that the field asks for.
 * They stay the caller's, until fold_end. */
#pragma once

#include "base/arena.h"
#include "base/builder.h"

struct fold {
    struct builder out;
    size_t column, columns;
    bool spaces;             /* lines go on behind CRLF SP */
    struct slice word, more; /* the last word, which is not written yet */
    bool new_line;           /* it begins a line */
};

/* name: with its colon. */
void fold_init(struct fold *f, struct slice name);
/* For fields with text: what separates words is a space at a fold too, since it is part of the
 * text. At most 76 columns (RFC 2047 2). */
void fold_init_text(struct fold *f, struct slice name);
/* Columns that a further word could have on the same line; 0: none. */
size_t fold_room(const struct fold *f);
/* Behind a space, or on a new line when it does not fit any more. */
void fold_word(struct fold *f, struct slice word);
/* The next word begins a line. */
void fold_line(struct fold *f);
/* Directly behind the last word; once. */
void fold_more(struct fold *f, struct slice text);
/* The field, which lives in `a`; empty when out of memory. Releases what *f holds. */
struct slice fold_end(struct fold *f, struct arena *a);
