#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/num.h"
#include "imap/parse.h"
#include "imap/write.h"

static void assert_built(struct builder *out, const char *want)
{
    if (!slice_eq(build_slice(out), slice_str(want)))
        print_error("got  %.*s\nwant %s\n", SLICE_FMT(build_slice(out)), want ? want : "");
    assert_true(slice_eq(build_slice(out), slice_str(want)));
    build_reset(out);
}

static const struct {
    struct slice in;
    const char *ascii, *utf8;
} strings[] = {
    {SLICE_INIT(""), "\"\"", "\"\""},
    {SLICE_INIT("a b"), "\"a b\"", "\"a b\""},
    {SLICE_INIT("a\"b\\c"), "\"a\\\"b\\\\c\"", "\"a\\\"b\\\\c\""},
    {SLICE_INIT("a\r\nb"), "{4}\r\na\r\nb", "{4}\r\na\r\nb"},
    {SLICE_INIT("\xc3\xbc"), "{2}\r\n\xc3\xbc", "\"\xc3\xbc\""},
    {SLICE_INIT("\xff"), "{1}\r\n\xff", "{1}\r\n\xff"},
    {SLICE_INIT("\x7f"), "{1}\r\n\x7f", "\"\x7f\""},
};

static void test_strings(void **state)
{
    struct builder out;

    (void)state;
    build_init(&out, 1000);
    for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
        imap_write_string(&out, strings[i].in, /* utf8= */ false);
        assert_built(&out, strings[i].ascii);
        imap_write_string(&out, strings[i].in, /* utf8= */ true);
        assert_built(&out, strings[i].utf8);
    }
    build_done(&out);
}

static const struct {
    const char *name, *utf7, *utf8;
} mailboxes[] = {
    {"Inbox", "Inbox", "Inbox"},
    {"a/b]", "a/b]", "a/b]"},
    {"a b", "\"a b\"", "\"a b\""},
    {"nil", "\"nil\"", "\"nil\""},
    {"a&b", "a&-b", "a&b"},
    {"%", "\"%\"", "\"%\""},
    {"a\"\\", "\"a\\\"\\\\\"", "\"a\\\"\\\\\""},
    {"\xe2\x98\xba", "&Jjo-", "\"\xe2\x98\xba\""},
};

static void test_mailboxes(void **state)
{
    struct builder out;

    (void)state;
    build_init(&out, 1000);
    for (size_t i = 0; i < ARRAY_SIZE(mailboxes); i++) {
        imap_write_mailbox(&out, slice_str(mailboxes[i].name), /* utf8= */ false);
        assert_built(&out, mailboxes[i].utf7);
        imap_write_mailbox(&out, slice_str(mailboxes[i].name), /* utf8= */ true);
        assert_built(&out, mailboxes[i].utf8);
    }
    build_done(&out);
}

static void test_sets_and_flags(void **state)
{
    const struct slice keywords[] = {SLICE("b"), SLICE("a")};
    struct ranges set = RANGES_EMPTY;
    struct builder out;

    (void)state;
    build_init(&out, 1000);
    assert_true(ranges_add(&set, 1, 3) && ranges_add(&set, 5, 5));
    imap_write_set(&out, &set);
    assert_built(&out, "1:3,5");
    assert_true(ranges_add(&set, UINT32_MAX, UINT32_MAX));
    imap_write_set(&out, &set);
    assert_built(&out, "1:3,5,4294967295");
    ranges_done(&set);
    imap_write_flags(&out, 0, NULL, 0);
    assert_built(&out, "()");
    imap_write_flags(&out, IMAP_FLAG_SEEN | IMAP_FLAG_DRAFT | 1u << 9, keywords, 2);
    assert_built(&out, "(\\Seen \\Draft $MDNSent b a)");
    build_done(&out);
}

static const struct {
    int64_t unix_s;
    int zone;
    const char *want;
} dates[] = {
    {0, 0, "\" 1-Jan-1970 00:00:00 +0000\""},
    {837596665, -420, "\"17-Jul-1996 02:44:25 -0700\""},
    {837596665, 330, "\"17-Jul-1996 15:14:25 +0530\""},
    {951782399, 0, "\"28-Feb-2000 23:59:59 +0000\""},
    {951782400, 0, "\"29-Feb-2000 00:00:00 +0000\""},
    {-1, 0, "\"31-Dec-1969 23:59:59 +0000\""},
};

/* Both ways. */
static void test_dates(void **state)
{
    struct builder out;

    (void)state;
    build_init(&out, 1000);
    for (size_t i = 0; i < ARRAY_SIZE(dates); i++) {
        struct cursor c = cur_init(slice_str(dates[i].want));
        struct imap_date_time back = imap_parse_date_time(&c);

        assert_true(cur_at_end(&c));
        assert_int_equal(back.unix_s, dates[i].unix_s);
        assert_int_equal(back.zone_minutes, dates[i].zone);
        imap_write_date_time(&out, dates[i].unix_s, dates[i].zone);
        assert_built(&out, dates[i].want);
    }
    build_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_mailboxes),
        cmocka_unit_test(test_sets_and_flags),
        cmocka_unit_test(test_dates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
