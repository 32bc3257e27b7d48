#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/num.h"
#include "imap/view.h"

static struct ranges set_of(const uint32_t *pairs, size_t n)
{
    struct ranges r = RANGES_EMPTY;

    for (size_t i = 0; i < n && pairs[i]; i += 2)
        assert_true(ranges_add(&r, pairs[i], pairs[i + 1]));
    return r;
}

static void assert_set(const struct ranges *got, const uint32_t *pairs, size_t n)
{
    struct ranges want = set_of(pairs, n);

    assert_int_equal(got->n, want.n);
    for (size_t i = 0; i < want.n; i++) {
        assert_int_equal(got->v[i].first, want.v[i].first);
        assert_int_equal(got->v[i].last, want.v[i].last);
    }
    ranges_done(&want);
}

static const struct {
    uint32_t uids[6], set[6]; /* pairs; 0 in `set` stands for "*", sets end with n */
    size_t set_n;
    bool lenient;
    enum imap_resolved resolved;
    uint32_t by_seq[6], by_uid[6];
} rows[] = {
    {{3, 5, 9, 9}, {1, 4}, 1, false, IMAP_RESOLVED, {3, 5, 9, 9}, {3, 4}},
    {{3, 5, 9, 9}, {0, 0}, 1, false, IMAP_RESOLVED, {9, 9}, {9, 9}},
    {{3, 5, 9, 9}, {2, 0}, 1, false, IMAP_RESOLVED, {4, 5, 9, 9}, {3, 5, 9, 9}},
    {{3, 5, 9, 9}, {4, 2}, 1, false, IMAP_RESOLVED, {4, 5, 9, 9}, {3, 4}},
    {{3, 5, 9, 9}, {5, 5}, 1, false, IMAP_RESOLVED_NOT, {0}, {5, 5}},
    {{3, 5, 9, 9}, {5, 5}, 1, true, IMAP_RESOLVED, {0}, {5, 5}},
    {{3, 5, 9, 9}, {7, 0}, 1, true, IMAP_RESOLVED, {9, 9}, {9, 9}},
    {{3, 5, 9, 9}, {12, 0}, 1, true, IMAP_RESOLVED, {9, 9}, {9, 9}},
    {{3, 5, 9, 9}, {1, 1, 3, 3, 1, 1}, 3, false, IMAP_RESOLVED, {3, 3, 5, 5}, {3, 3}},
    {{0}, {0, 0}, 1, false, IMAP_RESOLVED_NOT, {0}, {0}},
    {{0}, {1, 0}, 1, true, IMAP_RESOLVED, {0}, {0}},
};

static void test_sets(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct imap_view v = {.uids = set_of(rows[i].uids, 6)};
        struct imap_set_range ranges[3];
        struct imap_set set = {ranges, rows[i].set_n, false};
        struct ranges out = RANGES_EMPTY;

        for (size_t k = 0; k < set.n; k++)
            ranges[k] = (struct imap_set_range){rows[i].set[2 * k], rows[i].set[2 * k + 1]};
        assert_int_equal(imap_view_seqs(&v, &set, rows[i].lenient, &out), rows[i].resolved);
        if (rows[i].resolved == IMAP_RESOLVED)
            assert_set(&out, rows[i].by_seq, 6);
        ranges_clear(&out);
        assert_true(imap_view_uids(&v, &set, &out));
        assert_set(&out, rows[i].by_uid, 6);
        ranges_done(&out);
        imap_view_done(&v);
    }
}

static void test_numbers(void **state)
{
    static const uint32_t uids[] = {3, 5, 9, 9}, some[] = {4, 5, 9, 9}, seqs[] = {2, 4};
    struct imap_view v = {.uids = set_of(uids, 4)};
    struct ranges in = set_of(some, 4), out = RANGES_EMPTY;

    (void)state;
    assert_int_equal(imap_view_count(&v), 4);
    assert_int_equal(imap_view_seq(&v, 3), 1);
    assert_int_equal(imap_view_seq(&v, 9), 4);
    assert_int_equal(imap_view_seq(&v, 6), 0);
    assert_true(imap_view_seq_set(&v, &in, &out));
    assert_set(&out, seqs, 2);
    ranges_done(&in);
    ranges_done(&out);
    imap_view_done(&v);
}

/* In any order, and while the view changes. */
static void test_numbers_stay_right(void **state)
{
    struct imap_view v = {0};
    uint32_t seed = 1;

    (void)state;
    for (uint32_t uid = 1; uid < 400; uid += 2)
        assert_true(imap_view_add(&v, uid, uid));
    for (int i = 0; i < 2000; i++) {
        seed = seed * 1103515245u + 12345u;
        uint32_t uid = 1 + (seed >> 16) % 400;
        uint32_t want = ranges_contains(&v.uids, uid) ? (uint32_t)ranges_rank(&v.uids, uid) + 1 : 0;

        assert_int_equal(imap_view_seq(&v, uid), want);
        if (i % 10 == 0)
            assert_true(imap_view_remove(&v, uid));
        if (i % 35 == 0)
            assert_true(imap_view_add(&v, uid, uid + 3));
    }
    imap_view_done(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sets), cmocka_unit_test(test_numbers),
                                       cmocka_unit_test(test_numbers_stay_right)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
