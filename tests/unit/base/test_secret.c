#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/secret.h"

static void test_copy_is_its_own(void **state)
{
    uint8_t from[] = "password";
    struct secret s = {0};

    (void)state;
    assert_true(secret_copy(&s, slice_of(from, 8)));
    wipe(from, sizeof(from));
    for (size_t i = 0; i < sizeof(from); i++)
        assert_int_equal(from[i], 0);
    assert_true(slice_eq(secret_slice(&s), SLICE("password")));
    secret_done(&s);
    assert_null(s.p);
    assert_int_equal(s.n, 0);
    secret_done(&s);
    assert_true(secret_copy(&s, (struct slice){NULL, 0}));
    assert_int_equal(secret_slice(&s).n, 0);
    secret_done(&s);
    wipe(NULL, 0);
}

static void test_ct_equal(void **state)
{
    (void)state;
    assert_true(ct_equal(SLICE(""), (struct slice){NULL, 0}));
    assert_true(ct_equal(SLICE("a\0b"), SLICE("a\0b")));
    assert_false(ct_equal(SLICE("abc"), SLICE("abd")));
    assert_false(ct_equal(SLICE("xbc"), SLICE("abc")));
    assert_false(ct_equal(SLICE("abc"), SLICE("ab")));
    assert_false(ct_equal(SLICE("\x01"), SLICE("\x81")));
}

static void test_random_fills_all(void **state)
{
    /* Larger than one getrandom may return at once; every 64-byte part has to differ from zero and
     * from its neighbour. */
    static uint8_t p[1 << 16];
    static const uint8_t zeros[64];

    (void)state;
    random_bytes(p, sizeof(p));
    for (size_t i = 64; i < sizeof(p); i += 64) {
        assert_memory_not_equal(p + i, zeros, 64);
        assert_memory_not_equal(p + i, p + i - 64, 64);
    }
    random_bytes(p, 0);
    assert_true(random_u64() != random_u64());
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy_is_its_own),
        cmocka_unit_test(test_ct_equal),
        cmocka_unit_test(test_random_fills_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
