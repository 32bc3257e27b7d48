#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/num.h"
#include "base/ranges.h"

enum { UNIVERSE = 200 };

static void assert_well_formed(const struct ranges *r)
{
    for (size_t i = 0; i < r->n; i++) {
        assert_true(r->v[i].first <= r->v[i].last);
        if (i > 0)
            assert_true(r->v[i].first - r->v[i - 1].last >= 2 && r->v[i].first > r->v[i - 1].last);
    }
}

/* Every question, answered from a plain table of members. `base` shifts the universe, so that the
 * same model runs at the upper end of the numbers. */
static void assert_same(const struct ranges *r, const bool *model, uint32_t base)
{
    uint64_t count = 0;
    uint32_t min = 0, max = 0;

    assert_well_formed(r);
    for (uint32_t i = 0; i < UNIVERSE; i++) {
        uint32_t value = base + i;

        assert_int_equal(ranges_contains(r, value), model[i]);
        assert_int_equal(ranges_rank(r, value), count);
        if (!model[i])
            continue;
        assert_int_equal(ranges_nth(r, count), value);
        min = count ? min : value;
        max = value;
        count++;
    }
    assert_int_equal(ranges_count(r), count);
    assert_int_equal(ranges_nth(r, count), 0);
    assert_int_equal(ranges_min(r), min);
    assert_int_equal(ranges_max(r), max);
    uint32_t next = 0;

    for (uint32_t i = UNIVERSE; i-- > 0;) {
        next = model[i] ? base + i : next;
        assert_int_equal(ranges_next(r, base + i), next);
    }
}

static uint32_t below(unsigned *seed, uint32_t n)
{
    return (uint32_t)rand_r(seed) % n;
}

static void random_operation(struct ranges *r, bool *model, uint32_t base, unsigned *seed)
{
    uint32_t first = below(seed, UNIVERSE);
    uint32_t length = below(seed, below(seed, 4) ? 5 : 60);
    uint32_t last = MIN(first + length, UNIVERSE - 1);
    bool add = below(seed, 2);

    assert_true(add ? ranges_add(r, base + first, base + last)
                    : ranges_remove(r, base + first, base + last));
    memset(model + first, add, (last - first + 1) * sizeof(*model));
}

static void run_model(uint32_t base, unsigned seed)
{
    struct ranges a = RANGES_EMPTY, b = RANGES_EMPTY, both = RANGES_EMPTY;
    bool model_a[UNIVERSE] = {0}, model_b[UNIVERSE] = {0}, model_both[UNIVERSE];

    for (int step = 0; step < 400; step++) {
        random_operation(&a, model_a, base, &seed);
        random_operation(&b, model_b, base, &seed);
        assert_same(&a, model_a, base);
        assert_true(ranges_copy(&both, &a));
        assert_true(ranges_intersect(&both, &b));
        for (size_t i = 0; i < UNIVERSE; i++)
            model_both[i] = model_a[i] && model_b[i];
        assert_same(&both, model_both, base);
    }
    ranges_clear(&a);
    memset(model_a, 0, sizeof(model_a));
    assert_same(&a, model_a, base);
    ranges_done(&a);
    ranges_done(&b);
    ranges_done(&both);
}

static void test_against_model(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 10; seed++) {
        run_model(1, seed);
        run_model(UINT32_MAX - UNIVERSE + 1, seed);
    }
}

static void test_whole_universe(void **state)
{
    struct ranges r = RANGES_EMPTY;

    (void)state;
    assert_true(ranges_add(&r, 0, UINT32_MAX));
    assert_true(ranges_count(&r) == UINT64_C(1) << 32);
    assert_int_equal(ranges_nth(&r, UINT32_MAX), UINT32_MAX);
    assert_int_equal(ranges_rank(&r, UINT32_MAX), UINT32_MAX);
    assert_true(ranges_remove(&r, 5, 5));
    assert_int_equal(r.n, 2);
    assert_int_equal(ranges_next(&r, 5), 6);
    assert_true(ranges_add(&r, 5, 5));
    assert_int_equal(r.n, 1);
    assert_true(ranges_remove(&r, 0, UINT32_MAX));
    assert_int_equal(r.n, 0);
    ranges_done(&r);
}

static void test_neighbours_melt(void **state)
{
    struct ranges r = RANGES_EMPTY;

    (void)state;
    assert_true(ranges_add(&r, 1, 3));
    assert_true(ranges_add(&r, 7, 9));
    assert_int_equal(r.n, 2);
    assert_true(ranges_add(&r, 4, 4));
    assert_int_equal(r.n, 2);
    assert_true(ranges_add(&r, 5, 6));
    assert_int_equal(r.n, 1);
    assert_int_equal(ranges_count(&r), 9);
    ranges_done(&r);
}

static void test_ten_thousand_in_a_row_are_one_range(void **state)
{
    struct ranges r = RANGES_EMPTY;

    (void)state;
    for (uint32_t i = 1; i <= 10000; i++)
        assert_true(ranges_add(&r, i, i));
    assert_int_equal(r.n, 1);
    assert_int_equal(ranges_count(&r), 10000);
    ranges_done(&r);
}

static void test_empty(void **state)
{
    struct ranges r = RANGES_EMPTY, other = RANGES_EMPTY;

    (void)state;
    assert_true(ranges_remove(&r, 1, UINT32_MAX));
    assert_true(ranges_copy(&other, &r));
    assert_true(ranges_intersect(&other, &r));
    assert_int_equal(ranges_min(&r) + ranges_max(&r) + ranges_next(&r, 1), 0);
    ranges_done(&r);
    ranges_done(&other);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_whole_universe),
        cmocka_unit_test(test_neighbours_melt),
        cmocka_unit_test(test_ten_thousand_in_a_row_are_one_range),
        cmocka_unit_test(test_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
