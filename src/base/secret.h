/* Secrets: comparison in constant time, wiping, random bytes.
 *
 * struct secret owns a copy on the heap that is wiped when released. Secrets are never logged. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct secret {
    uint8_t *p;
    size_t n;
};

/* false when out of memory. */
bool secret_copy(struct secret *s, struct slice from);
/* Wipes and releases; accepts {0}. */
void secret_done(struct secret *s);

static inline struct slice secret_slice(const struct secret *s)
{
    return slice_of(s->p, s->n);
}

/* Overwrites in a way that the compiler does not remove. */
void wipe(void *p, size_t n);

/* Takes the same time wherever the difference is; only the lengths may show. */
bool ct_equal(struct slice a, struct slice b);

/* From the kernel; stops the process when it has none, which does not happen after boot. */
void random_bytes(void *p, size_t n);
uint64_t random_u64(void);
