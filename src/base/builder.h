/* Producing bytes.
 *
 * A builder grows a byte string up to its maximum. When the maximum or memory runs out it is marked
 * as failed, and further appends do nothing: check build_ok once at the end.
 *
 *   struct builder b;
 *   build_init(&b, 64 * 1024);
 *   build_text(&b, "* ");  build_number(&b, exists);  build_text(&b, " EXISTS\r\n");
 *   if (build_ok(&b)) conn_write(conn, build_slice(&b));
 *   build_done(&b);
 *
 * build_slice borrows until the next append, take, reset or done.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct builder {
    uint8_t *p;
    size_t n;
    size_t cap; /* at most max */
    size_t max; /* constant */
    bool failed;
};

/* No memory is taken before the first append. */
void build_init(struct builder *b, size_t max);
void build_done(struct builder *b);
/* Empty, capacity kept, failure forgotten. */
void build_reset(struct builder *b);

static inline bool build_ok(const struct builder *b)
{
    return !b->failed;
}

static inline struct slice build_slice(const struct builder *b)
{
    return slice_of(b->p, b->n);
}

/* What build_reserve does when there is not enough room. */
uint8_t *build_grow(struct builder *b, size_t n);

/* Room for n more bytes, to be filled by the caller and then counted with build_advance; NULL when
 * failed. */
static inline uint8_t *build_reserve(struct builder *b, size_t n)
{
    return b->p && !b->failed && n <= b->cap - b->n ? b->p + b->n : build_grow(b, n);
}

static inline void build_advance(struct builder *b, size_t n)
{
    b->n += n;
}

static inline void build_byte(struct builder *b, uint8_t byte)
{
    uint8_t *p = build_reserve(b, 1);

    if (!p)
        return;
    *p = byte;
    b->n++;
}

static inline void build_bytes(struct builder *b, struct slice s)
{
    uint8_t *p = s.n ? build_reserve(b, s.n) : NULL;

    if (!p)
        return;
    memcpy(p, s.p, s.n);
    b->n += s.n;
}

void build_text(struct builder *b, const char *text);
void build_number(struct builder *b, uint64_t value);
void build_printf(struct builder *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void build_vprintf(struct builder *b, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Shortens to n bytes; no effect when there are fewer. */
void build_truncate(struct builder *b, size_t n);
/* Drops the first n bytes and moves the rest to the front. */
void build_drop_front(struct builder *b, size_t n);

/* The bytes become the caller's, to be released with free(); the builder is empty afterwards. */
uint8_t *build_take(struct builder *b, size_t *n_out);
