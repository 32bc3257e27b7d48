#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/builder.h"
#include "base/num.h"

static void test_appends(void **state)
{
    struct builder b;

    (void)state;
    build_init(&b, 1000);
    build_text(&b, "* ");
    build_number(&b, 0);
    build_byte(&b, ' ');
    build_number(&b, UINT64_MAX);
    build_printf(&b, " %s=%d", "n", -5);
    build_bytes(&b, SLICE("\0x"));
    build_bytes(&b, (struct slice){NULL, 0});
    build_text(&b, NULL);
    assert_true(build_ok(&b));
    assert_true(slice_eq(build_slice(&b), SLICE("* 0 18446744073709551615 n=-5\0x")));
    build_done(&b);
    build_done(&b);
}

/* Each way to append, at max - 1, max and max + 1 bytes. */
static void append_bytes(struct builder *b, size_t n)
{
    static const uint8_t zeros[600];

    build_bytes(b, slice_of(zeros, n));
}

static void append_single(struct builder *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        build_byte(b, 'x');
}

static void append_printf(struct builder *b, size_t n)
{
    build_printf(b, "%*s", (int)n, "");
}

static void append_reserved(struct builder *b, size_t n)
{
    uint8_t *p = build_reserve(b, n);

    if (p) {
        memset(p, 'x', n);
        build_advance(b, n);
    }
}

static void test_maximum(void **state)
{
    static void (*const ways[])(struct builder *, size_t) = {append_bytes, append_single,
                                                             append_printf, append_reserved};
    static const size_t maxima[] = {1, 255, 256, 257, 300, 511, 512, 513};

    (void)state;
    for (size_t w = 0; w < ARRAY_SIZE(ways); w++) {
        for (size_t m = 0; m < ARRAY_SIZE(maxima); m++) {
            for (size_t n = maxima[m] - 1; n <= maxima[m] + 1; n++) {
                struct builder b;

                build_init(&b, maxima[m]);
                ways[w](&b, n);
                if (build_ok(&b) != (n <= maxima[m]) || b.n > maxima[m])
                    fail_msg("way %zu, maximum %zu, %zu bytes", w, maxima[m], n);
                if (build_ok(&b))
                    assert_int_equal(b.n, n);
                build_done(&b);
            }
        }
    }
}

static void test_failure_stays_until_reset(void **state)
{
    struct builder b;

    (void)state;
    build_init(&b, 3);
    build_text(&b, "ab");
    build_text(&b, "cd");
    build_text(&b, "c");
    assert_false(build_ok(&b));
    assert_true(slice_eq(build_slice(&b), SLICE("ab")));
    build_reset(&b);
    build_text(&b, "xyz");
    assert_true(build_ok(&b));
    assert_true(slice_eq(build_slice(&b), SLICE("xyz")));
    assert_null(build_reserve(&b, SIZE_MAX));
    assert_false(build_ok(&b));
    build_done(&b);
}

static void test_grows_in_few_steps_up_to_the_maximum(void **state)
{
    enum { MAX_BYTES = 100000 };
    struct builder b;
    size_t steps = 0, cap = 0;

    (void)state;
    build_init(&b, MAX_BYTES);
    for (size_t i = 0; i < MAX_BYTES; i++) {
        build_byte(&b, (uint8_t)i);
        steps += b.cap != cap;
        cap = b.cap;
    }
    assert_true(build_ok(&b));
    assert_true(steps < 20);
    for (size_t i = 0; i < MAX_BYTES; i++)
        assert_int_equal(b.p[i], (uint8_t)i);
    build_done(&b);
}

static void test_cut_at_both_ends(void **state)
{
    struct builder b;

    (void)state;
    build_init(&b, 100);
    build_truncate(&b, 5);
    build_text(&b, "abcdef");
    build_truncate(&b, 7);
    build_truncate(&b, 5);
    build_drop_front(&b, 2);
    assert_true(slice_eq(build_slice(&b), SLICE("cde")));
    build_drop_front(&b, 0);
    assert_int_equal(b.n, 3);
    build_drop_front(&b, 4);
    assert_int_equal(b.n, 0);
    build_done(&b);
}

static void test_take_hands_over(void **state)
{
    struct builder b;
    size_t n;

    (void)state;
    build_init(&b, 4);
    build_text(&b, "abcd");
    uint8_t *p = build_take(&b, &n);

    assert_true(slice_eq(slice_of(p, n), SLICE("abcd")));
    assert_int_equal(b.n, 0);
    free(p);
    build_text(&b, "efgh");
    assert_true(build_ok(&b));
    build_done(&b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appends),
        cmocka_unit_test(test_maximum),
        cmocka_unit_test(test_failure_stays_until_reset),
        cmocka_unit_test(test_grows_in_few_steps_up_to_the_maximum),
        cmocka_unit_test(test_cut_at_both_ends),
        cmocka_unit_test(test_take_hands_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
