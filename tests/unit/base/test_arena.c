#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/num.h"

enum { ALIGN = alignof(max_align_t) };

static void test_memory_is_aligned_and_separate(void **state)
{
    struct arena a;
    uint8_t *p[200];

    (void)state;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
        p[i] = arena_alloc(&a, i * 7);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % ALIGN, 0);
        memset(p[i], (int)i, i * 7);
    }
    for (size_t i = 0; i < ARRAY_SIZE(p); i++)
        for (size_t k = 0; k < i * 7; k++)
            assert_int_equal(p[i][k], (uint8_t)i);
    assert_false(arena_failed(&a));
    arena_done(&a);
}

static void test_maximum(void **state)
{
    static const size_t maxima[] = {ALIGN, 64, 4096, 65536, 200000 / ALIGN * ALIGN};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(maxima); i++) {
        struct arena a;

        arena_init(&a, maxima[i]);
        assert_non_null(arena_alloc(&a, maxima[i] - 1));
        assert_null(arena_alloc(&a, 1));
        arena_reset(&a);
        assert_false(arena_failed(&a));
        assert_non_null(arena_alloc(&a, maxima[i]));
        assert_false(arena_failed(&a));
        arena_reset(&a);
        assert_null(arena_alloc(&a, maxima[i] + 1));
        assert_true(arena_failed(&a));
        arena_done(&a);
    }
}

static void test_sizes_that_overflow(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, SIZE_MAX);
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - ALIGN));
    assert_null(arena_calloc(&a, SIZE_MAX / 2, 3));
    assert_true(arena_failed(&a));
    arena_done(&a);
}

static void test_calloc_is_clear_after_reuse(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 10000);
    memset(arena_alloc(&a, 2000), 0xff, 2000);
    arena_reset(&a);
    const uint8_t *p = ARENA_ARRAY(&a, 2000, uint8_t);

    for (size_t i = 0; i < 2000; i++)
        assert_int_equal(p[i], 0);
    arena_done(&a);
}

static void test_reset_keeps_one_ordinary_block(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 24);
    const void *first = arena_alloc(&a, 16);

    assert_non_null(arena_alloc(&a, 100000));
    assert_non_null(arena_alloc(&a, 1 << 20));
    arena_reset(&a);
    assert_ptr_equal(arena_alloc(&a, 16), first);
    arena_trim(&a);
    assert_null(a.block);
    assert_non_null(arena_alloc(&a, 1 << 20));
    arena_reset(&a);
    assert_null(a.block);
    arena_done(&a);
}

static void test_text(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 4 * ALIGN);
    assert_true(slice_eq(arena_copy(&a, SLICE("a\0b")), SLICE("a\0b")));
    assert_string_equal(arena_str(&a, SLICE("text")), "text");
    assert_string_equal(arena_str(&a, (struct slice){NULL, 0}), "");
    struct slice s = arena_printf(&a, "%d-%s", 7, "x");

    assert_true(slice_eq(s, SLICE("7-x")));
    assert_int_equal(s.p[s.n], '\0');
    assert_null(arena_str(&a, SLICE("x")));
    assert_null(arena_copy(&a, SLICE("x")).p);
    assert_null(arena_printf(&a, "x").p);
    assert_true(arena_failed(&a));
    arena_done(&a);
}

static void test_done_accepts_an_unused_one(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    assert_null(arena_alloc(&a, 1));
    arena_reset(&a);
    arena_done(&a);
    arena_done(&a);
    assert_null(a.block);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_aligned_and_separate),
        cmocka_unit_test(test_maximum),
        cmocka_unit_test(test_sizes_that_overflow),
        cmocka_unit_test(test_calloc_is_clear_after_reuse),
        cmocka_unit_test(test_reset_keeps_one_ordinary_block),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_done_accepts_an_unused_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
