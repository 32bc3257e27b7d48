/* For each window an open hash table of counters, one per class and prefix. Single entries are
 * never removed: a new window empties its table, and when it fills up it is built anew, without the
 * counters that are zero, twice as large up to the maximum, and at the maximum without the smallest
 * ones. */
#include "net/limiter.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/secret.h"

#define CLASSES 3
#define TABLE_FIRST 256u
/* 2 MiB for one window. */
#define TABLE_MAX (128u * 1024)

struct entry {
    uint64_t prefix;
    uint32_t count;
    uint8_t tag; /* class and family, from 1; 0: unused */
};

struct window {
    struct limiter_window config; /* constant, as the next */
    uint64_t hash_key;            /* random: addresses are chosen by others */
    int64_t number;               /* GUARDED_BY(limiter.mu), as all below; of the current window */
    struct entry *table;
    size_t size; /* a power of two */
    size_t used; /* entries with a tag */
};

struct limiter {
    const struct clock *clock;
    pthread_mutex_t mu;
    struct window windows[LIMITER_WINDOWS_MAX];
    size_t windows_n; /* constant */
};

struct limiter *limiter_new(const struct limiter_config *config, const struct clock *clock)
{
    struct limiter *l = calloc(1, sizeof(*l));

    if (!l)
        return NULL;
    (void)pthread_mutex_init(&l->mu, NULL);
    l->clock = clock;
    for (size_t i = 0; i < MIN(config->windows_n, (size_t)LIMITER_WINDOWS_MAX); i++) {
        struct window *w = &l->windows[l->windows_n];

        *w = (struct window){.config = config->windows[i],
                             .hash_key = random_u64(),
                             .table = calloc(TABLE_FIRST, sizeof(*w->table)),
                             .size = TABLE_FIRST};
        if (!w->table) {
            limiter_free(l);
            return NULL;
        }
        l->windows_n++;
    }
    return l;
}

void limiter_free(struct limiter *l)
{
    if (!l)
        return;
    (void)pthread_mutex_destroy(&l->mu);
    for (size_t i = 0; i < l->windows_n; i++)
        free(l->windows[i].table);
    free(l);
}

/* The part of the address that a class looks at. */
static uint64_t prefix_of(const struct addr *a, unsigned class)
{
    static const unsigned bits4[CLASSES] = {32, 26, 21}, bits6[CLASSES] = {64, 48, 32};
    unsigned octets = a->ip_n == 4 ? 4 : 8, bits = a->ip_n == 4 ? bits4[class] : bits6[class];
    uint64_t prefix = 0;

    for (unsigned i = 0; i < octets; i++)
        prefix = prefix << 8 | a->ip[i];
    return prefix >> (octets * 8 - bits);
}

static uint8_t tag_of(const struct addr *a, unsigned class)
{
    return (uint8_t)(1 + class * 2 + (a->ip_n == 16));
}

static size_t hash(const struct window *w, uint64_t prefix, uint8_t tag)
{
    unsigned __int128 product = (unsigned __int128)(prefix ^ w->hash_key) *
                                ((w->hash_key << 8 | tag) ^ UINT64_C(0x9e3779b97f4a7c15));
    uint64_t mixed = (uint64_t)product ^ (uint64_t)(product >> 64);

    mixed *= UINT64_C(0xd6e8feb86659fd93);
    return (size_t)(mixed >> 32);
}

/* The entry of a prefix, or the unused one where it belongs. */
static struct entry *find(const struct window *w, uint64_t prefix, uint8_t tag)
{
    size_t at = hash(w, prefix, tag) & (w->size - 1);

    while (w->table[at].tag != 0 && (w->table[at].tag != tag || w->table[at].prefix != prefix))
        at = (at + 1) & (w->size - 1);
    return &w->table[at];
}

static size_t count_above(const struct window *w, uint32_t least)
{
    size_t n = 0;

    for (size_t i = 0; i < w->size; i++)
        n += w->table[i].tag != 0 && w->table[i].count > least;
    return n;
}

/* Makes room. When memory is short all counts are forgotten: rather no limit than no service. */
static void rebuild(struct window *w)
{
    uint32_t least = 0;
    size_t live = count_above(w, 0);
    size_t size = w->size, old_size = w->size;
    struct entry *old = w->table;

    if (live > size / 2 && size < TABLE_MAX)
        size *= 2;
    while (count_above(w, least) > size / 2)
        least = least * 2 + 1;
    struct entry *table = calloc(size, sizeof(*table));

    w->used = 0;
    if (!table) {
        memset(old, 0, old_size * sizeof(*old));
        return;
    }
    w->table = table;
    w->size = size;
    for (size_t i = 0; i < old_size; i++) {
        if (old[i].tag == 0 || old[i].count <= least)
            continue;
        *find(w, old[i].prefix, old[i].tag) = old[i];
        w->used++;
    }
    free(old);
}

static void enter_window(struct window *w, int64_t now_s)
{
    int64_t number = w->config.seconds ? now_s / w->config.seconds : 0;

    if (number == w->number)
        return;
    w->number = number;
    memset(w->table, 0, w->size * sizeof(*w->table));
    w->used = 0;
}

static bool has_room(const struct window *w, const struct addr *a, uint32_t n)
{
    for (unsigned class = 0; class < CLASSES; class ++) {
        uint32_t max = w->config.max[class];

        if (max == 0)
            continue;
        uint32_t count = find(w, prefix_of(a, class), tag_of(a, class))->count;

        if (n > max || count > max - n)
            return false;
    }
    return true;
}

static void count_more(struct window *w, const struct addr *a, uint32_t n)
{
    if (w->used + CLASSES > w->size / 4 * 3)
        rebuild(w);
    for (unsigned class = 0; class < CLASSES; class ++) {
        /* The address's own count is kept in any case: limiter_reset needs it. */
        if (w->config.max[class] == 0 && class > 0)
            continue;
        struct entry *e = find(w, prefix_of(a, class), tag_of(a, class));

        if (e->tag == 0) {
            *e = (struct entry){.prefix = prefix_of(a, class), .tag = tag_of(a, class)};
            w->used++;
        }
        e->count += MIN(n, UINT32_MAX - e->count);
    }
}

/* Entries that were dropped for lack of room count from zero again, so less may be there than is
 * given back. */
static void count_less(struct window *w, const struct addr *a, uint32_t n)
{
    for (unsigned class = 0; class < CLASSES; class ++) {
        struct entry *e = find(w, prefix_of(a, class), tag_of(a, class));

        e->count -= MIN(n, e->count);
    }
}

/* Takes the lock. */
static void enter(struct limiter *l)
{
    (void)pthread_mutex_lock(&l->mu);
    int64_t now_s = clock_now_s(l->clock);

    for (size_t i = 0; i < l->windows_n; i++)
        enter_window(&l->windows[i], now_s);
}

static void leave(struct limiter *l)
{
    (void)pthread_mutex_unlock(&l->mu);
}

static bool all_have_room(const struct limiter *l, const struct addr *a, uint32_t n)
{
    for (size_t i = 0; i < l->windows_n; i++)
        if (!has_room(&l->windows[i], a, n))
            return false;
    return true;
}

bool limiter_room(struct limiter *l, const struct addr *a, uint32_t n)
{
    if (a->ip_n == 0)
        return true;
    enter(l);
    bool room = all_have_room(l, a, n);

    leave(l);
    return room;
}

bool limiter_add(struct limiter *l, const struct addr *a, uint32_t n)
{
    if (a->ip_n == 0)
        return true;
    enter(l);
    bool room = all_have_room(l, a, n);

    for (size_t i = 0; room && i < l->windows_n; i++)
        count_more(&l->windows[i], a, n);
    leave(l);
    return room;
}

void limiter_sub(struct limiter *l, const struct addr *a, uint32_t n)
{
    if (a->ip_n == 0)
        return;
    enter(l);
    for (size_t i = 0; i < l->windows_n; i++)
        count_less(&l->windows[i], a, n);
    leave(l);
}

void limiter_reset(struct limiter *l, const struct addr *a)
{
    if (a->ip_n == 0)
        return;
    enter(l);
    for (size_t i = 0; i < l->windows_n; i++) {
        struct window *w = &l->windows[i];

        count_less(w, a, find(w, prefix_of(a, 0), tag_of(a, 0))->count);
    }
    leave(l);
}
