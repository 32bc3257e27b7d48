/* Limits per address class. Each address counts in three classes, all of which must have room: IPv4
 * /32, /26, /21; IPv6 /64, /48, /32; and that in each of the limiter's windows, which are asked
 * first and counted in only when all have room. Windows are fixed and begin at multiples of their
 * length; a length of 0 counts what is open now. Thread-safe. Memory is bounded: when the table of
 * a window is full, the emptiest entries go first. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "net/addr.h"

struct limiter;

#define LIMITER_WINDOWS_MAX 4

struct limiter_window {
    uint32_t seconds;
    uint32_t max[3]; /* per class; 0: no limit */
};

struct limiter_config {
    struct limiter_window windows[LIMITER_WINDOWS_MAX];
    size_t windows_n;
};

/* clock is borrowed. NULL when out of memory. */
struct limiter *limiter_new(const struct limiter_config *config, const struct clock *clock);
void limiter_free(struct limiter *l);

/* Counts n more; false, and nothing counted, when a class has no room. */
bool limiter_add(struct limiter *l, const struct addr *a, uint32_t n);
/* Whether limiter_add would succeed. */
bool limiter_room(struct limiter *l, const struct addr *a, uint32_t n);
/* Takes back n (for what is open), or everything that the address itself has counted (after a
 * success). */
void limiter_sub(struct limiter *l, const struct addr *a, uint32_t n);
void limiter_reset(struct limiter *l, const struct addr *a);
