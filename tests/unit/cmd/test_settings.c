/* Values of flags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/num.h"
#include "cmd/settings.h"
#include "rpc/call.h"

static void test_sizes(void **state)
{
    static const struct {
        const char *text;
        bool has_default, ok;
        int64_t value;
    } rows[] = {
        {"1", false, true, 1},
        {"1k", false, true, 1024},
        {"3M", false, true, INT64_C(3) << 20},
        {"10g", true, true, INT64_C(10) << 30},
        {"2T", true, true, INT64_C(2) << 40},
        {"8388607t", true, true, INT64_C(8388607) << 40},
        {"8388608t", true, false, 0},
        {"9223372036854775807", true, true, INT64_MAX},
        {"9223372036854775808", true, false, 0},
        {"none", false, true, -1},
        {"default", true, true, 0},
        {"default", false, false, 0},
        {"0", true, false, 0},
        {"0k", true, false, 0},
        {"", true, false, 0},
        {"k", true, false, 0},
        {"-1", true, false, 0},
        {"1.5g", true, false, 0},
        {"1kk", true, false, 0},
        {"1 k", true, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int64_t value = 0;
        struct err err;
        bool given = false;
        int rc = settings_size("--quota", rows[i].text, rows[i].has_default, &given, &value, &err);

        if ((rc == 0) != rows[i].ok || (rc == 0 && value != rows[i].value) || !given)
            fail_msg("row %zu: %lld", i, (long long)value);
        if (rc < 0)
            assert_int_equal(rc, -ERR_INVALID);
    }
}

static void test_counts(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } rows[] = {{"1", true, 1},       {"1000", true, 1000}, {"none", true, -1},
                {"default", true, 0}, {"0", false, 0},      {"-1", false, 0},
                {"1k", false, 0},     {"", false, 0},       {"ten", false, 0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int64_t value = 0;
        struct err err;
        bool given;
        int rc = settings_count("--messages-per-day", rows[i].text, &given, &value, &err);

        if ((rc == 0) != rows[i].ok || (rc == 0 && value != rows[i].value))
            fail_msg("row %zu: %lld", i, (long long)value);
    }
}

static void assert_bytes(ProtobufCBinaryData b, const char *text)
{
    assert_true(slice_eq(rpc_slice(b), slice_str(text)));
}

static void test_roles(void **state)
{
    static const struct {
        const char *text;
        bool has_address, ok;
        const char *address, *account, *mailbox;
    } rows[] = {
        {"r@example.org:ann", true, true, "r@example.org", "ann", ""},
        {"r@example.org:ann:DMARC/2026", true, true, "r@example.org", "ann", "DMARC/2026"},
        {"r@example.org:ann:a:b", true, true, "r@example.org", "ann", "a:b"},
        {"ann", false, true, "", "ann", ""},
        {"ann:Post", false, true, "", "ann", "Post"},
        {"none", true, true, "", "", ""},
        {"none", false, true, "", "", ""},
        {"none:Inbox", false, true, "", "none", "Inbox"},
        {"r@example.org", true, false, NULL, NULL, NULL},
        {"r@example.org:", true, false, NULL, NULL, NULL},
        {":ann", true, false, NULL, NULL, NULL},
        {"", false, false, NULL, NULL, NULL},
        {":Post", false, false, NULL, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        Gw__RoleAddress row, *out;
        struct err err;
        int rc =
            settings_role("--tls-reports", rows[i].text, rows[i].has_address, &row, &out, &err);

        if ((rc == 0) != rows[i].ok)
            fail_msg("row %zu", i);
        if (rc < 0)
            continue;
        assert_ptr_equal(out, &row);
        assert_bytes(row.address, rows[i].address);
        assert_bytes(row.account, rows[i].account);
        assert_bytes(row.mailbox, rows[i].mailbox);
    }
}

static void test_lists(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        size_t n;
        const char *first, *last;
    } rows[] = {
        {"+", true, 1, "+", "+"},
        {"+ -", true, 2, "+", "-"},
        {" +  -- ", true, 2, "+", "--"},
        {"none", true, 0, NULL, NULL},
        {"", false, 0, NULL, NULL},
        {" ", false, 0, NULL, NULL},
        {"1 2 3 4 5 6 7 8 9 a b c d e f g", true, 16, "1", "g"},
        {"1 2 3 4 5 6 7 8 9 a b c d e f g h", false, 0, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        ProtobufCBinaryData list[SETTINGS_SEPARATORS_MAX];
        struct err err;
        size_t n = 0;
        bool given;
        int rc = settings_list("--separators", rows[i].text, &given, list, &n, &err);

        if ((rc == 0) != rows[i].ok || (rc == 0 && n != rows[i].n))
            fail_msg("row %zu: %zu", i, n);
        if (rc == 0 && n > 0) {
            assert_bytes(list[0], rows[i].first);
            assert_bytes(list[n - 1], rows[i].last);
        }
    }
}

static void test_words(void **state)
{
    Gw__AliasEdit__Setting setting;
    ProtobufCBinaryData text = {0};
    struct err err;
    bool given;

    (void)state;
    assert_int_equal(settings_bool("--x", "true", &setting, &err), 0);
    assert_int_equal(setting, GW__ALIAS_EDIT__SETTING__SETTING_ON);
    assert_int_equal(settings_bool("--x", "false", &setting, &err), 0);
    assert_int_equal(setting, GW__ALIAS_EDIT__SETTING__SETTING_OFF);
    assert_int_equal(settings_bool("--x", "yes", &setting, &err), -ERR_INVALID);
    assert_int_equal(settings_text("--x", "550 no", &given, &text, &err), 0);
    assert_bytes(text, "550 no");
    assert_int_equal(settings_text("--x", "none", &given, &text, &err), 0);
    assert_true(given);
    assert_int_equal(text.len, 0);
    assert_int_equal(settings_text("--x", "", &given, &text, &err), -ERR_INVALID);
}

/* A flag that was not given sets nothing. */
static void test_not_given(void **state)
{
    ProtobufCBinaryData text = {0}, list[SETTINGS_SEPARATORS_MAX];
    Gw__AliasEdit__Setting setting = GW__ALIAS_EDIT__SETTING__SETTING_ON;
    Gw__RoleAddress row, *out = &row;
    int64_t value = 7;
    size_t n = 7;
    struct err err;
    bool given = true;

    (void)state;
    assert_int_equal(settings_bool("--x", NULL, &setting, &err), 0);
    assert_int_equal(setting, GW__ALIAS_EDIT__SETTING__SETTING_KEEP);
    assert_int_equal(settings_size("--x", NULL, true, &given, &value, &err), 0);
    assert_false(given);
    assert_int_equal(settings_count("--x", NULL, &given, &value, &err), 0);
    assert_false(given);
    assert_int_equal(settings_text("--x", NULL, &given, &text, &err), 0);
    assert_false(given);
    assert_int_equal(settings_list("--x", NULL, &given, list, &n, &err), 0);
    assert_false(given);
    assert_int_equal(settings_role("--x", NULL, true, &row, &out, &err), 0);
    assert_null(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes), cmocka_unit_test(test_counts),
        cmocka_unit_test(test_roles), cmocka_unit_test(test_lists),
        cmocka_unit_test(test_words), cmocka_unit_test(test_not_given),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
