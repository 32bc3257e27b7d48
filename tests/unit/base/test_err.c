#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/num.h"

static void test_set_replaces_all(void **state)
{
    struct err err = {.kind = ERR_IO, .offset = 9, .text = "old", .detail = "old"};

    (void)state;
    assert_int_equal(err_set(&err, ERR_LIMIT, "at most %d", 5), -ERR_LIMIT);
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_int_equal(err.offset, 0);
    assert_string_equal(err.text, "at most 5");
    assert_string_equal(err.detail, "");
}

static void test_null_is_accepted(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, ERR_SYNTAX, "x"), -ERR_SYNTAX);
    assert_int_equal(err_errno(NULL, ENOSPC, "x"), -ERR_FULL);
    assert_true(err_detail(NULL, "x") < 0);
    assert_true(err_prefix(NULL, "x") < 0);
}

static void test_errno_kinds(void **state)
{
    static const struct {
        int number;
        enum err_kind kind;
    } rows[] = {
        {ENOSPC, ERR_FULL},      {EDQUOT, ERR_FULL},   {ENOMEM, ERR_NOMEM},
        {ENOENT, ERR_NOT_FOUND}, {EACCES, ERR_DENIED}, {EPERM, ERR_DENIED},
        {EEXIST, ERR_EXISTS},    {EIO, ERR_IO},        {EBADF, ERR_IO},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct err err;

        assert_int_equal(err_errno(&err, rows[i].number, "write body"), -(int)rows[i].kind);
        assert_int_equal(err.kind, rows[i].kind);
        assert_string_equal(err.text, "write body");
        assert_non_null(strstr(err.detail, strerrordesc_np(rows[i].number)));
        assert_null(strstr(err.text, strerrordesc_np(rows[i].number)));
    }
}

static void test_context_goes_in_front(void **state)
{
    struct err err;
    char buf[600];

    (void)state;
    (void)err_set(&err, ERR_DAMAGED, "message is damaged");
    assert_int_equal(err_prefix(&err, "body %d", 7), -ERR_DAMAGED);
    assert_string_equal(err.detail, "body 7: message is damaged");
    assert_int_equal(err_prefix(&err, "account ann"), -ERR_DAMAGED);
    assert_string_equal(err.detail, "account ann: body 7: message is damaged");
    assert_string_equal(err.text, "message is damaged");
    assert_int_equal(err_detail(&err, "checksum"), -ERR_DAMAGED);
    assert_string_equal(err_for_log(&err, buf, sizeof(buf)), "message is damaged: checksum");
    (void)err_set(&err, ERR_DAMAGED, "alone");
    assert_string_equal(err_for_log(&err, buf, sizeof(buf)), "alone");
}

static void test_long_text_is_cut(void **state)
{
    char text[2000];
    struct err err;
    char buf[10];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    (void)err_set(&err, ERR_IO, "%s", text);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    (void)err_detail(&err, "%s", text);
    assert_int_equal(strlen(err.detail), sizeof(err.detail) - 1);
    (void)err_prefix(&err, "%s", text);
    assert_true(strlen(err.detail) < sizeof(err.detail));
    assert_int_equal(strlen(err_for_log(&err, buf, sizeof(buf))), sizeof(buf) - 1);
}

static void test_every_kind_has_its_own_name(void **state)
{
    (void)state;
    for (int i = 0; i < ERR_KIND_COUNT; i++) {
        const char *name = err_kind_name((enum err_kind)i);

        assert_non_null(name);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(name, err_kind_name((enum err_kind)k));
    }
    assert_string_equal(err_kind_name(ERR_KIND_COUNT), "unknown");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_replaces_all), cmocka_unit_test(test_null_is_accepted),
        cmocka_unit_test(test_errno_kinds),      cmocka_unit_test(test_context_goes_in_front),
        cmocka_unit_test(test_long_text_is_cut), cmocka_unit_test(test_every_kind_has_its_own_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
