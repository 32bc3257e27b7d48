/* An open hash table of counters, one per class and prefix. Single entries are never removed: a new
 * window empties the table, and when it fills up it is built anew, without the counters that are
 * zero, twice as large up to the maximum, and at the maximum without the smallest ones. */
#include "net/limiter.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/secret.h"

#define CLASSES 3
#define TABLE_FIRST 256u
/* 2 MiB for one limiter. */
#define TABLE_MAX (128u * 1024)

struct entry {
    uint64_t prefix;
    uint32_t count;
    uint8_t tag; /* class and family, from 1; 0: unused */
};

struct limiter {
    struct limiter_config config; /* constant, as the next two */
    const struct clock *clock;
    uint64_t hash_key; /* random: addresses are chosen by others */
    pthread_mutex_t mu;
    int64_t window; /* GUARDED_BY(mu), as all below; the number of the current window */
    struct entry *table;
    size_t size; /* a power of two */
    size_t used; /* entries with a tag */
};

struct limiter *limiter_new(const struct limiter_config *config, const struct clock *clock)
{
    struct limiter *l = calloc(1, sizeof(*l));

    if (!l)
        return NULL;
    l->table = calloc(TABLE_FIRST, sizeof(*l->table));
    if (!l->table) {
        free(l);
        return NULL;
    }
    l->config = *config;
    l->clock = clock;
    l->hash_key = random_u64();
    l->size = TABLE_FIRST;
    (void)pthread_mutex_init(&l->mu, NULL);
    return l;
}

void limiter_free(struct limiter *l)
{
    if (!l)
        return;
    (void)pthread_mutex_destroy(&l->mu);
    free(l->table);
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

static size_t hash(const struct limiter *l, uint64_t prefix, uint8_t tag)
{
    unsigned __int128 product = (unsigned __int128)(prefix ^ l->hash_key) *
                                ((l->hash_key << 8 | tag) ^ UINT64_C(0x9e3779b97f4a7c15));
    uint64_t mixed = (uint64_t)product ^ (uint64_t)(product >> 64);

    mixed *= UINT64_C(0xd6e8feb86659fd93);
    return (size_t)(mixed >> 32);
}

/* The entry of a prefix, or the unused one where it belongs. */
static struct entry *find(const struct limiter *l, uint64_t prefix, uint8_t tag)
{
    size_t at = hash(l, prefix, tag) & (l->size - 1);

    while (l->table[at].tag != 0 && (l->table[at].tag != tag || l->table[at].prefix != prefix))
        at = (at + 1) & (l->size - 1);
    return &l->table[at];
}

static size_t count_above(const struct limiter *l, uint32_t least)
{
    size_t n = 0;

    for (size_t i = 0; i < l->size; i++)
        n += l->table[i].tag != 0 && l->table[i].count > least;
    return n;
}

/* Makes room. When memory is short all counts are forgotten: rather no limit than no service. */
static void rebuild(struct limiter *l)
{
    uint32_t least = 0;
    size_t live = count_above(l, 0);
    size_t size = l->size, old_size = l->size;
    struct entry *old = l->table;

    if (live > size / 2 && size < TABLE_MAX)
        size *= 2;
    while (count_above(l, least) > size / 2)
        least = least * 2 + 1;
    struct entry *table = calloc(size, sizeof(*table));

    l->used = 0;
    if (!table) {
        memset(old, 0, old_size * sizeof(*old));
        return;
    }
    l->table = table;
    l->size = size;
    for (size_t i = 0; i < old_size; i++) {
        if (old[i].tag == 0 || old[i].count <= least)
            continue;
        *find(l, old[i].prefix, old[i].tag) = old[i];
        l->used++;
    }
    free(old);
}

static void enter_window(struct limiter *l)
{
    int64_t window = l->config.window_s ? clock_now_s(l->clock) / l->config.window_s : 0;

    if (window == l->window)
        return;
    l->window = window;
    memset(l->table, 0, l->size * sizeof(*l->table));
    l->used = 0;
}

static bool has_room(const struct limiter *l, const struct addr *a, uint32_t n)
{
    for (unsigned class = 0; class < CLASSES; class ++) {
        uint32_t max = l->config.max[class];

        if (max == 0)
            continue;
        uint32_t count = find(l, prefix_of(a, class), tag_of(a, class))->count;

        if (n > max || count > max - n)
            return false;
    }
    return true;
}

static void count_more(struct limiter *l, const struct addr *a, uint32_t n)
{
    if (l->used + CLASSES > l->size / 4 * 3)
        rebuild(l);
    for (unsigned class = 0; class < CLASSES; class ++) {
        /* The address's own count is kept in any case: limiter_reset needs it. */
        if (l->config.max[class] == 0 && class > 0)
            continue;
        struct entry *e = find(l, prefix_of(a, class), tag_of(a, class));

        if (e->tag == 0) {
            *e = (struct entry){.prefix = prefix_of(a, class), .tag = tag_of(a, class)};
            l->used++;
        }
        e->count += MIN(n, UINT32_MAX - e->count);
    }
}

/* Entries that were dropped for lack of room count from zero again, so less may be there than is
 * given back. */
static void count_less(struct limiter *l, const struct addr *a, uint32_t n)
{
    for (unsigned class = 0; class < CLASSES; class ++) {
        struct entry *e = find(l, prefix_of(a, class), tag_of(a, class));

        e->count -= MIN(n, e->count);
    }
}

bool limiter_room(struct limiter *l, const struct addr *a, uint32_t n)
{
    if (a->ip_n == 0)
        return true;
    pthread_mutex_lock(&l->mu);
    enter_window(l);
    bool room = has_room(l, a, n);

    pthread_mutex_unlock(&l->mu);
    return room;
}

bool limiter_add(struct limiter *l, const struct addr *a, uint32_t n)
{
    if (a->ip_n == 0)
        return true;
    pthread_mutex_lock(&l->mu);
    enter_window(l);
    bool room = has_room(l, a, n);

    if (room)
        count_more(l, a, n);
    pthread_mutex_unlock(&l->mu);
    return room;
}

void limiter_sub(struct limiter *l, const struct addr *a, uint32_t n)
{
    if (a->ip_n == 0)
        return;
    pthread_mutex_lock(&l->mu);
    enter_window(l);
    count_less(l, a, n);
    pthread_mutex_unlock(&l->mu);
}

void limiter_reset(struct limiter *l, const struct addr *a)
{
    if (a->ip_n == 0)
        return;
    pthread_mutex_lock(&l->mu);
    enter_window(l);
    count_less(l, a, find(l, prefix_of(a, 0), tag_of(a, 0))->count);
    pthread_mutex_unlock(&l->mu);
}
