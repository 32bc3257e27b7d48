#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/num.h"
#include "imap/pattern.h"

static const struct {
    const char *reference, *pattern, *name;
    bool matches;
} rows[] = {
    {"", "*", "a/b", true},       {"", "%", "a/b", false},          {"", "%/%", "a/b", true},
    {"", "INBOX", "Inbox", true}, {"", "inbox/*", "Inbox/x", true}, {"", "INBO*", "Inbox", false},
    {"", "a%c", "abc", true},     {"", "a%c", "a/c", false},        {"", "a*c", "a/b/c", true},
    {"", "*b%", "a/bb", true},    {"", "%*", "a/b/c", true},        {"", "*%x", "a/b", false},
    {"a", "%", "a/b", true},      {"a/", "%", "a/b", true},         {"inbox", "a", "Inbox/a", true},
    {"", "/a", "a", false},       {"/a", "*", "a/b", false},        {"", "a", "ab", false},
    {"", "", "a", false},         {"", "*a*b*c", "xaybzc", true},
};

static void test_rows(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct slice p =
            imap_pattern_join(&a, slice_str(rows[i].reference), slice_str(rows[i].pattern));

        if (imap_pattern_match(p, slice_str(rows[i].name)) != rows[i].matches)
            fail_msg("\"%s\" \"%s\" and %s", rows[i].reference, rows[i].pattern, rows[i].name);
    }
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
