/* A set of 32-bit numbers kept as sorted, non-touching ranges: UIDs of a mailbox, sequence sets.
 *
 * Ten thousand consecutive UIDs cost 8 bytes. Positions count from 0. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct range {
    uint32_t first;
    uint32_t last; /* inclusive, >= first */
};

struct ranges {
    struct range *v;
    size_t n;
    size_t cap;
};

#define RANGES_EMPTY ((struct ranges){0})

void ranges_done(struct ranges *r);
/* Empty, capacity kept. */
void ranges_clear(struct ranges *r);

/* Adds first..last (first <= last); false when out of memory. Appending at the end is O(1). */
bool ranges_add(struct ranges *r, uint32_t first, uint32_t last);
/* Removes first..last; false when out of memory (a split needs room). */
bool ranges_remove(struct ranges *r, uint32_t first, uint32_t last);
bool ranges_copy(struct ranges *to, const struct ranges *from);
/* to = to ∩ with. */
bool ranges_intersect(struct ranges *to, const struct ranges *with);

bool ranges_contains(const struct ranges *r, uint32_t value);
uint64_t ranges_count(const struct ranges *r);
/* The value at a position; 0 when there are not that many. */
uint32_t ranges_nth(const struct ranges *r, uint64_t position);
/* How many members are smaller than value. */
uint64_t ranges_rank(const struct ranges *r, uint32_t value);
/* The smallest and greatest member; 0 when empty. */
uint32_t ranges_min(const struct ranges *r);
uint32_t ranges_max(const struct ranges *r);
/* The smallest member >= value, or 0 (0 is never a member of what we store: UIDs start at 1). */
uint32_t ranges_next(const struct ranges *r, uint32_t value);
