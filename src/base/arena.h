/* Memory that is given back all at once.
 *
 * An arena hands out memory from blocks and frees it together: on reset (one block is kept for
 * reuse) or done. One arena serves one lifetime: a command, a connection, the process. It is
 * created with its maximum; when that is reached, or malloc fails, allocations return NULL and the
 * arena remembers it (arena_failed).
 *
 *   struct arena a;
 *   arena_init(&a, 1 << 20);
 *   struct slice copy = arena_copy(&a, foreign);
 *   arena_done(&a);
 *
 * Not for: things that grow by realloc (use a builder), things that die one by one. Not shared
 * between threads.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct arena_block;

struct arena {
    struct arena_block *block; /* newest first */
    size_t used;               /* bytes handed out since the last reset */
    size_t max;
    bool failed;
};

/* No memory is taken before the first allocation. */
void arena_init(struct arena *a, size_t max);
void arena_done(struct arena *a);

/* Gives back everything that was handed out; keeps one block of ordinary size. */
void arena_reset(struct arena *a);

/* Also gives back the kept block: for objects that go idle. */
void arena_trim(struct arena *a);

static inline bool arena_failed(const struct arena *a)
{
    return a->failed;
}

/* Aligned for any type, not cleared; NULL when the maximum is reached. size 0 gives a valid
 * pointer. */
void *arena_alloc(struct arena *a, size_t size);
/* count * size bytes, cleared. */
void *arena_calloc(struct arena *a, size_t count, size_t size);

#define ARENA_NEW(a, type) ((type *)arena_calloc((a), 1, sizeof(type)))
#define ARENA_ARRAY(a, count, type) ((type *)arena_calloc((a), (count), sizeof(type)))

/* A copy of the bytes; the empty slice when out of memory (see arena_failed). */
struct slice arena_copy(struct arena *a, struct slice s);
/* A copy with a NUL behind it; NULL when out of memory. */
char *arena_str(struct arena *a, struct slice s);
/* Formatted text, with a NUL behind it that does not count. */
struct slice arena_printf(struct arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
