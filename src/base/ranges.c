#include "base/ranges.h"

#include <stdlib.h>
#include <string.h>

void ranges_done(struct ranges *r)
{
    free(r->v);
    *r = RANGES_EMPTY;
}

void ranges_clear(struct ranges *r)
{
    r->n = 0;
}

static bool make_room(struct ranges *r, size_t n)
{
    if (n <= r->cap)
        return true;
    size_t cap = r->cap ? r->cap : 4;

    while (cap < n)
        cap *= 2;
    struct range *v = reallocarray(r->v, cap, sizeof(*v));

    if (!v)
        return false;
    r->v = v;
    r->cap = cap;
    return true;
}

/* The index of the first range whose last is >= value. */
static size_t find(const struct ranges *r, uint32_t value)
{
    size_t low = 0, high = r->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (r->v[mid].last < value)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

bool ranges_add(struct ranges *r, uint32_t first, uint32_t last)
{
    /* Touching ranges melt together: look from first - 1 to last + 1. */
    size_t from = find(r, first ? first - 1 : 0);
    size_t to = from;

    while (to < r->n && (last == UINT32_MAX || r->v[to].first <= last + 1))
        to++;
    if (from == to) {
        if (!make_room(r, r->n + 1))
            return false;
        memmove(r->v + from + 1, r->v + from, (r->n - from) * sizeof(*r->v));
        r->v[from] = (struct range){first, last};
        r->n++;
        return true;
    }
    if (r->v[from].first < first)
        first = r->v[from].first;
    if (r->v[to - 1].last > last)
        last = r->v[to - 1].last;
    r->v[from] = (struct range){first, last};
    memmove(r->v + from + 1, r->v + to, (r->n - to) * sizeof(*r->v));
    r->n -= to - from - 1;
    return true;
}

bool ranges_remove(struct ranges *r, uint32_t first, uint32_t last)
{
    size_t at = find(r, first);

    if (at < r->n && r->v[at].first < first && r->v[at].last > last) {
        if (!make_room(r, r->n + 1))
            return false;
        memmove(r->v + at + 1, r->v + at, (r->n - at) * sizeof(*r->v));
        r->n++;
        r->v[at].last = first - 1;
        r->v[at + 1].first = last + 1;
        return true;
    }
    if (at < r->n && r->v[at].first < first) {
        r->v[at].last = first - 1;
        at++;
    }
    size_t to = at;

    while (to < r->n && r->v[to].last <= last)
        to++;
    if (to < r->n && r->v[to].first <= last)
        r->v[to].first = last + 1;
    if (to > at) {
        memmove(r->v + at, r->v + to, (r->n - to) * sizeof(*r->v));
        r->n -= to - at;
    }
    return true;
}

bool ranges_copy(struct ranges *to, const struct ranges *from)
{
    if (!make_room(to, from->n))
        return false;
    if (from->n)
        memcpy(to->v, from->v, from->n * sizeof(*from->v));
    to->n = from->n;
    return true;
}

bool ranges_intersect(struct ranges *to, const struct ranges *with)
{
    struct ranges out = RANGES_EMPTY;
    size_t i = 0, k = 0;

    while (i < to->n && k < with->n) {
        uint32_t first = to->v[i].first > with->v[k].first ? to->v[i].first : with->v[k].first;
        uint32_t last = to->v[i].last < with->v[k].last ? to->v[i].last : with->v[k].last;

        if (first <= last && !ranges_add(&out, first, last)) {
            ranges_done(&out);
            return false;
        }
        if (to->v[i].last < with->v[k].last)
            i++;
        else
            k++;
    }
    ranges_done(to);
    *to = out;
    return true;
}

bool ranges_contains(const struct ranges *r, uint32_t value)
{
    size_t at = find(r, value);

    return at < r->n && r->v[at].first <= value;
}

uint64_t ranges_count(const struct ranges *r)
{
    uint64_t count = 0;

    for (size_t i = 0; i < r->n; i++)
        count += (uint64_t)r->v[i].last - r->v[i].first + 1;
    return count;
}

uint32_t ranges_nth(const struct ranges *r, uint64_t position)
{
    for (size_t i = 0; i < r->n; i++) {
        uint64_t count = (uint64_t)r->v[i].last - r->v[i].first + 1;

        if (position < count)
            return r->v[i].first + (uint32_t)position;
        position -= count;
    }
    return 0;
}

uint64_t ranges_rank(const struct ranges *r, uint32_t value)
{
    uint64_t rank = 0;

    for (size_t i = 0; i < r->n && r->v[i].first < value; i++)
        rank += (r->v[i].last < value ? (uint64_t)r->v[i].last + 1 : value) - r->v[i].first;
    return rank;
}

uint32_t ranges_min(const struct ranges *r)
{
    return r->n ? r->v[0].first : 0;
}

uint32_t ranges_max(const struct ranges *r)
{
    return r->n ? r->v[r->n - 1].last : 0;
}

uint32_t ranges_next(const struct ranges *r, uint32_t value)
{
    size_t at = find(r, value);

    if (at == r->n)
        return 0;
    return r->v[at].first > value ? r->v[at].first : value;
}
