/* Views of foreign bytes.
 *
 * A slice is the only type through which bytes from outside are looked at. It borrows: whoever made
 * it says how long the bytes live. It need not end in NUL, and may hold NUL. The empty slice has n
 * == 0; its p may be NULL.
 *
 *   struct slice verb = SLICE("MAIL");
 *   if (slice_eq_nocase(word, verb)) ...
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *p;
    size_t n;
};

/* A slice of a string literal, without its NUL. */
#define SLICE(literal) ((struct slice){(const uint8_t *)("" literal), sizeof("" literal) - 1})
/* The same as a constant initialiser for tables. */
#define SLICE_INIT(literal)                                                                        \
    {                                                                                              \
        (const uint8_t *)("" literal), sizeof("" literal) - 1                                      \
    }
/* For printf: printf("%.*s", SLICE_FMT(s)). Only for text that is already known to be printable. */
#define SLICE_FMT(s) ((int)((s).n > 4096 ? 4096 : (s).n)), ((const char *)(s).p)

static inline struct slice slice_of(const void *p, size_t n)
{
    return (struct slice){p, n};
}

/* s may be NULL, which gives the empty slice. */
static inline struct slice slice_str(const char *s)
{
    return (struct slice){(const uint8_t *)s, s ? strlen(s) : 0};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* The byte at i, or -1 past the end. */
static inline int slice_at(struct slice s, size_t i)
{
    return i < s.n ? s.p[i] : -1;
}

/* The part from `from`, at most `n` bytes; both are cut to what is there. */
static inline struct slice slice_sub(struct slice s, size_t from, size_t n)
{
    if (from > s.n)
        from = s.n;
    if (n > s.n - from)
        n = s.n - from;
    return (struct slice){s.p ? s.p + from : NULL, n};
}

static inline struct slice slice_from(struct slice s, size_t from)
{
    return slice_sub(s, from, SIZE_MAX);
}

/* Comparison in ASCII without case; other octets compare as they are. */
bool slice_eq_nocase(struct slice a, struct slice b);
bool slice_starts(struct slice s, struct slice prefix);
bool slice_starts_nocase(struct slice s, struct slice prefix);
bool slice_ends(struct slice s, struct slice suffix);

/* Order by octets, shorter first when one is a prefix of the other: <0, 0, >0. */
int slice_cmp(struct slice a, struct slice b);

/* The offset of the first such byte or string, or SIZE_MAX. An empty needle is found at 0. */
static inline size_t slice_find_byte(struct slice s, uint8_t byte)
{
    const uint8_t *hit = s.n ? (const uint8_t *)memchr(s.p, byte, s.n) : NULL;

    return hit ? (size_t)(hit - s.p) : SIZE_MAX;
}
size_t slice_rfind_byte(struct slice s, uint8_t byte);
size_t slice_find(struct slice s, struct slice needle);
size_t slice_find_nocase(struct slice s, struct slice needle);

/* Without space, tab, CR and LF at both ends. */
struct slice slice_trim(struct slice s);
