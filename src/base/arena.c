/* Blocks form a list, newest first. The first block has ARENA_BLOCK bytes; a request that does not
 * fit opens a block of at least its own size. Reset keeps the oldest block only when it has the
 * ordinary size, so that one large command does not leave a large arena behind. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"

#define ARENA_BLOCK 4096
#define ARENA_BLOCK_LARGE 65536

struct arena_block {
    struct arena_block *older;
    size_t size; /* of data */
    size_t used;
    _Alignas(max_align_t) uint8_t data[];
};

void arena_init(struct arena *a, size_t max)
{
    *a = (struct arena){.max = max};
}

static void free_blocks(struct arena *a, size_t keep_size)
{
    struct arena_block *b = a->block;

    a->block = NULL;
    while (b) {
        struct arena_block *older = b->older;

        if (!older && b->size == keep_size) {
            b->used = 0;
            a->block = b;
        } else {
            free(b);
        }
        b = older;
    }
    a->used = 0;
    a->failed = false;
}

void arena_done(struct arena *a)
{
    free_blocks(a, 0);
}

void arena_reset(struct arena *a)
{
    free_blocks(a, ARENA_BLOCK - sizeof(struct arena_block));
}

void arena_trim(struct arena *a)
{
    free_blocks(a, 0);
}

static struct arena_block *open_block(struct arena *a, size_t size)
{
    size_t room = (a->block ? ARENA_BLOCK_LARGE : ARENA_BLOCK) - sizeof(struct arena_block);
    size_t total;

    if (size > room)
        room = size;
    if (!num_add_ok(room, sizeof(struct arena_block), &total))
        return NULL;
    struct arena_block *b = malloc(total);

    if (!b)
        return NULL;
    b->older = a->block;
    b->size = room;
    b->used = 0;
    a->block = b;
    return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
    const size_t align = _Alignof(max_align_t);
    size_t rounded;

    if (!num_add_ok(size, align - 1, &rounded))
        goto fail;
    rounded &= ~(align - 1);
    if (rounded > a->max - a->used)
        goto fail;
    struct arena_block *b = a->block;

    if (!b || b->size - b->used < rounded)
        b = open_block(a, rounded);
    if (!b)
        goto fail;
    void *p = b->data + b->used;

    b->used += rounded;
    a->used += rounded;
    return p;
fail:
    a->failed = true;
    return NULL;
}

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
    size_t total;

    if (!num_mul_ok(count, size, &total)) {
        a->failed = true;
        return NULL;
    }
    void *p = arena_alloc(a, total);

    if (p)
        memset(p, 0, total);
    return p;
}

struct slice arena_copy(struct arena *a, struct slice s)
{
    uint8_t *p = arena_alloc(a, s.n);

    if (!p)
        return (struct slice){NULL, 0};
    if (s.n)
        memcpy(p, s.p, s.n);
    return slice_of(p, s.n);
}

char *arena_str(struct arena *a, struct slice s)
{
    char *p = arena_alloc(a, s.n + 1);

    if (!p)
        return NULL;
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

struct slice arena_printf(struct arena *a, const char *format, ...)
{
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);

    va_end(args);
    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);

    if (p)
        (void)vsnprintf(p, (size_t)n + 1, format, again);
    va_end(again);
    return p ? slice_of(p, (size_t)n) : (struct slice){NULL, 0};
}
