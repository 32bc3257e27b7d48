/* fuzz: dep_base
 * Every three octets are one operation on a set and on a table of 256 members; both have to agree.
 */
#include <stdlib.h>

#include "base/num.h"
#include "base/ranges.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool law)
{
    if (!law)
        abort();
}

static void compare(const struct ranges *r, const bool *model)
{
    uint64_t count = 0;

    for (size_t i = 0; i < r->n; i++) {
        require(r->v[i].first <= r->v[i].last);
        require(i == 0 || r->v[i].first > r->v[i - 1].last + 1);
    }
    for (uint32_t i = 0; i < 256; i++) {
        require(ranges_contains(r, i) == model[i]);
        require(ranges_rank(r, i) == count);
        if (model[i])
            require(ranges_nth(r, count++) == i);
    }
    require(ranges_count(r) == count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ranges r = RANGES_EMPTY, other = RANGES_EMPTY;
    bool model[256] = {0};

    for (size_t i = 0; i + 3 <= size && i < 300; i += 3) {
        uint32_t first = MIN(data[i + 1], data[i + 2]), last = MAX(data[i + 1], data[i + 2]);
        unsigned what = data[i] % 3;

        if (what == 0)
            require(ranges_add(&r, first, last));
        if (what == 1)
            require(ranges_remove(&r, first, last));
        if (what == 2) {
            ranges_clear(&other);
            require(ranges_add(&other, first, last) && ranges_intersect(&r, &other));
        }
        for (uint32_t k = 0; k < 256; k++) {
            bool inside = k >= first && k <= last;

            model[k] = what == 0   ? model[k] || inside
                       : what == 1 ? model[k] && !inside
                                   : model[k] && inside;
        }
        compare(&r, model);
    }
    ranges_done(&r);
    ranges_done(&other);
    return 0;
}
