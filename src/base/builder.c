#include "base/builder.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"

#define BUILD_FIRST_CAPACITY 256

void build_init(struct builder *b, size_t max)
{
    *b = (struct builder){.max = max};
}

void build_done(struct builder *b)
{
    free(b->p);
    *b = (struct builder){.max = b->max};
}

void build_reset(struct builder *b)
{
    b->n = 0;
    b->failed = false;
}

uint8_t *build_grow(struct builder *b, size_t n)
{
    size_t need;

    if (b->failed)
        return NULL;
    if (!num_add_ok(b->n, n, &need) || need > b->max) {
        b->failed = true;
        return NULL;
    }
    if (need > b->cap || !b->p) {
        size_t cap = b->cap ? b->cap : BUILD_FIRST_CAPACITY;

        while (cap < need && cap <= b->max / 2)
            cap *= 2;
        if (cap < need || cap > b->max)
            cap = b->max;
        /* One byte that does not count, for the NUL of vsnprintf. */
        uint8_t *p = cap < SIZE_MAX ? realloc(b->p, cap + 1) : NULL;

        if (!p) {
            b->failed = true;
            return NULL;
        }
        b->p = p;
        b->cap = cap;
    }
    return b->p + b->n;
}

void build_text(struct builder *b, const char *text)
{
    build_bytes(b, slice_str(text));
}

void build_number(struct builder *b, uint64_t value)
{
    uint8_t digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value);
    build_bytes(b, slice_of(digits + at, sizeof(digits) - at));
}

void build_vprintf(struct builder *b, const char *format, va_list args)
{
    va_list again;

    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, again);

    va_end(again);
    uint8_t *p = n < 0 ? NULL : build_reserve(b, (size_t)n);

    if (!p) {
        b->failed = true;
        return;
    }
    (void)vsnprintf((char *)p, (size_t)n + 1, format, args);
    b->n += (size_t)n;
}

void build_printf(struct builder *b, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    build_vprintf(b, format, args);
    va_end(args);
}

void build_truncate(struct builder *b, size_t n)
{
    if (n < b->n)
        b->n = n;
}

void build_drop_front(struct builder *b, size_t n)
{
    if (n >= b->n) {
        b->n = 0;
        return;
    }
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}

uint8_t *build_take(struct builder *b, size_t *n_out)
{
    uint8_t *p = b->p;

    *n_out = b->n;
    *b = (struct builder){.max = b->max};
    return p;
}
