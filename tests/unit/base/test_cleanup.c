#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void test_descriptor_is_closed_unless_taken(void **state)
{
    int left, kept;

    (void)state;
    {
        _cleanup_fd_ int a = open("/dev/null", O_RDONLY | O_CLOEXEC);
        _cleanup_fd_ int b = open("/dev/null", O_RDONLY | O_CLOEXEC);

        assert_true(a >= 0 && b >= 0);
        left = a;
        kept = TAKE_FD(b);
        assert_int_equal(b, -1);
    }
    assert_int_equal(fcntl(left, F_GETFD), -1);
    assert_true(fcntl(kept, F_GETFD) >= 0);
    errno = EINTR;
    assert_int_equal(fd_close(kept), -1);
    assert_int_equal(fd_close(-1), -1);
    assert_int_equal(errno, EINTR);
}

static void test_pointer_is_freed_unless_taken(void **state)
{
    char *kept;

    (void)state;
    {
        /* The leak checker of the sanitized build sees it when the first is not freed. */
        _cleanup_free_ char *a = malloc(10);
        _cleanup_free_ char *b = malloc(10);

        assert_non_null(a);
        assert_non_null(b);
        kept = TAKE_PTR(b);
        assert_null(b);
    }
    free(kept);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_descriptor_is_closed_unless_taken),
        cmocka_unit_test(test_pointer_is_freed_unless_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
