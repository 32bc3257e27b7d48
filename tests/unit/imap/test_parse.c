#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/num.h"
#include "imap/framer.h"
#include "imap/parse.h"

#define BAD SIZE_MAX

enum rule { TAG, ATOM, STRING, ASTRING, MAILBOX, MAILBOX_UTF8, PATTERN };

static const struct {
    enum rule rule;
    struct slice in;
    const char *want; /* NULL: refused */
    size_t used;
} words[] = {
    {TAG, SLICE_INIT("a1 x"), "a1", 2},
    {TAG, SLICE_INIT("a+1"), "a", 1},
    {TAG, SLICE_INIT("+"), NULL, 0},
    {TAG, SLICE_INIT(""), NULL, 0},
    {ATOM, SLICE_INIT("ab]"), "ab", 2},
    {ATOM, SLICE_INIT("a\x1f"), "a", 1},
    {ATOM, SLICE_INIT("\x7f"), NULL, 0},
    {ATOM, SLICE_INIT("\xc3\xbc"), NULL, 0},
    {STRING, SLICE_INIT("\"\""), "", 2},
    {STRING, SLICE_INIT("\"a\\\\b\\\"\" "), "a\\b\"", 8},
    {STRING, SLICE_INIT("\"a\\b\""), NULL, 0},
    {STRING, SLICE_INIT("\"a\\"), NULL, 0},
    {STRING, SLICE_INIT("\"a\\\""), NULL, 0},
    {STRING, SLICE_INIT("\"a"), NULL, 0},
    {STRING, SLICE_INIT("\"a\nb\""), NULL, 0},
    {STRING, SLICE_INIT("\"a\rb\""), NULL, 0},
    {STRING, SLICE_INIT("\"a\0b\""), NULL, 0},
    {STRING, SLICE_INIT("\"\xc3\xbc\""), "\xc3\xbc", 4},
    {STRING, SLICE_INIT("\"\xff\""), NULL, 0},
    {STRING, SLICE_INIT("{3}\r\na\"b"), "a\"b", 8},
    {STRING, SLICE_INIT("{3+}\r\nabcd"), "abc", 9},
    {STRING, SLICE_INIT("{3}\nabc"), "abc", 7},
    {STRING, SLICE_INIT("{3}\r\nab"), NULL, 0},
    {STRING, SLICE_INIT("{3}abc"), NULL, 0},
    {STRING, SLICE_INIT("{2}\r\na\0"), NULL, 0},
    {STRING, SLICE_INIT("{102401}\r\n"), NULL, 0},
    {STRING, SLICE_INIT("abc"), NULL, 0},
    {ASTRING, SLICE_INIT("a]b c"), "a]b", 3},
    {ASTRING, SLICE_INIT("a%"), "a", 1},
    {ASTRING, SLICE_INIT("(a"), NULL, 0},
    {MAILBOX, SLICE_INIT("iNbOx"), "Inbox", 5},
    {MAILBOX, SLICE_INIT("\"INBOX\""), "Inbox", 7},
    {MAILBOX, SLICE_INIT("INBOX/a"), "INBOX/a", 7},
    {MAILBOX, SLICE_INIT("&Jjo-"), "\xe2\x98\xba", 5},
    {MAILBOX, SLICE_INIT("&"), NULL, 0},
    {MAILBOX, SLICE_INIT("\"\xe2\x98\xba\""), NULL, 0},
    {MAILBOX_UTF8, SLICE_INIT("&Jjo-"), "&Jjo-", 5},
    {MAILBOX_UTF8, SLICE_INIT("\"\xe2\x98\xba\""), "\xe2\x98\xba", 5},
    {MAILBOX_UTF8, SLICE_INIT("{1}\r\n\xff"), NULL, 0},
    {PATTERN, SLICE_INIT("a%*]"), "a%*]", 4},
    {PATTERN, SLICE_INIT("\"a *\""), "a *", 5},
    {PATTERN, SLICE_INIT(")"), NULL, 0},
};

static struct slice parse_word(enum rule rule, struct cursor *c, struct arena *a)
{
    switch (rule) {
    case TAG:
        return imap_parse_tag(c);
    case ATOM:
        return imap_parse_atom(c);
    case STRING:
        return imap_parse_string(c, a);
    case ASTRING:
        return imap_parse_astring(c, a);
    case MAILBOX:
        return imap_parse_mailbox(c, a, /* utf8= */ false);
    case MAILBOX_UTF8:
        return imap_parse_mailbox(c, a, /* utf8= */ true);
    default:
        return imap_parse_list_mailbox(c, a, /* utf8= */ false);
    }
}

static void test_words(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 1u << 20);
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        struct cursor c = cur_init(words[i].in);
        struct slice got = parse_word(words[i].rule, &c, &a);

        if (cur_ok(&c) != (words[i].want != NULL))
            print_error("row %zu: %.*s\n", i, SLICE_FMT(words[i].in));
        assert_int_equal(cur_ok(&c), words[i].want != NULL);
        if (!words[i].want)
            continue;
        assert_true(slice_eq(got, slice_str(words[i].want)));
        assert_int_equal(c.at, words[i].used);
    }
    arena_done(&a);
}

static const struct {
    const char *in;
    size_t n; /* BAD: refused */
    struct imap_set_range v[3];
} sets[] = {
    {"1", 1, {{1, 1}}},
    {"*", 1, {{0, 0}}},
    {"5:2", 1, {{5, 2}}},
    {"*:4,7", 2, {{0, 4}, {7, 7}}},
    {"1,2:*,3", 3, {{1, 1}, {2, 0}, {3, 3}}},
    {"4294967295", 1, {{UINT32_MAX, UINT32_MAX}}},
    {"$", 0, {{0, 0}}},
    {"4294967296", BAD, {{0, 0}}},
    {"0", BAD, {{0, 0}}},
    {"1:0", BAD, {{0, 0}}},
    {"1:", BAD, {{0, 0}}},
    {":1", BAD, {{0, 0}}},
    {"1,", BAD, {{0, 0}}},
    {",1", BAD, {{0, 0}}},
    {"1,,2", BAD, {{0, 0}}},
    {"1:2:3", BAD, {{0, 0}}},
    {"$,1", BAD, {{0, 0}}},
    {"1,$", BAD, {{0, 0}}},
    {"", BAD, {{0, 0}}},
};

static void test_sets(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 1u << 20);
    for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
        struct cursor c = cur_init(slice_str(sets[i].in));
        struct imap_set set;

        imap_parse_set(&c, &a, &set);
        if (cur_at_end(&c) != (sets[i].n != BAD))
            print_error("%s\n", sets[i].in);
        assert_int_equal(cur_at_end(&c), sets[i].n != BAD);
        if (sets[i].n == BAD)
            continue;
        assert_int_equal(set.saved, sets[i].n == 0);
        assert_int_equal(set.n, sets[i].n);
        for (size_t k = 0; k < set.n; k++) {
            assert_int_equal(set.v[k].first, sets[i].v[k].first);
            assert_int_equal(set.v[k].last, sets[i].v[k].last);
        }
    }
    arena_done(&a);
}

static const struct {
    const char *in;
    int32_t want; /* 0: refused */
} dates[] = {
    {"1-Feb-1994", 19940201},  {"\"01-feb-1994\"", 19940201},
    {"29-Feb-2000", 20000229}, {"31-DEC-9999", 99991231},
    {"29-Feb-1900", 0},        {"31-Apr-2020", 0},
    {"0-Jan-2020", 0},         {"32-Jan-2020", 0},
    {"1-Foo-2020", 0},         {"1-Jan-20", 0},
    {"\"1-Jan-2020", 0},       {"1-Jan-2020\"", 0},
    {"1 Jan 2020", 0},         {"", 0},
};

static const char *const bad_date_times[] = {
    "17-Jul-1996 02:44:25 -0700",     "\"17-Jul-1996 02:44:25 -0700",
    "\"7-Jul-1996 02:44:25 -0700\"",  "\"32-Jul-1996 02:44:25 -0700\"",
    "\" 0-Jul-1996 02:44:25 -0700\"", "\"17-Jul-1996 24:44:25 -0700\"",
    "\"17-Jul-1996 02:60:25 -0700\"", "\"17-Jul-1996 02:44:61 -0700\"",
    "\"17-Jul-1996 02:44:25 -2400\"", "\"17-Jul-1996 02:44:25 -0760\"",
    "\"17-Jul-1996 02:44:25 0700\"",  "\"17-Jul-1996 02:44:25\"",
    "\"99-Jan-2020 25:61:00 +0000\"",
};

static void test_dates(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(dates); i++) {
        struct cursor c = cur_init(slice_str(dates[i].in));
        int32_t got = imap_parse_date(&c);

        if (cur_at_end(&c) != (dates[i].want != 0))
            print_error("%s\n", dates[i].in);
        assert_int_equal(cur_at_end(&c), dates[i].want != 0);
        if (dates[i].want)
            assert_int_equal(got, dates[i].want);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad_date_times); i++) {
        struct cursor c = cur_init(slice_str(bad_date_times[i]));

        (void)imap_parse_date_time(&c);
        if (cur_at_end(&c))
            print_error("%s\n", bad_date_times[i]);
        assert_false(cur_at_end(&c));
    }
}

static const struct {
    const char *in;
    bool ok;
    uint32_t bits;
    const char *keywords; /* with commas between */
} flags[] = {
    {"()", true, 0, ""},
    {"(\\seen \\DRAFT)", true, IMAP_FLAG_SEEN | IMAP_FLAG_DRAFT, ""},
    {"\\Seen $junk", true, IMAP_FLAG_SEEN | 1u << 6, ""},
    {"(New new NEW other)", true, 0, "new,other"},
    {"$MDNSent", true, 1u << 9, ""},
    {"(\\Recent)", false, 0, ""},
    {"(\\Bad)", false, 0, ""},
    {"(a", false, 0, ""},
    {"(a )", false, 0, ""},
    {"( a)", false, 0, ""},
    {"a  b", false, 0, ""},
    {"", false, 0, ""},
};

static void test_flags(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 1u << 20);
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        struct cursor c = cur_init(slice_str(flags[i].in));
        struct imap_flags got;
        char keywords[100] = "";

        imap_parse_flags(&c, &a, &got);
        if (cur_at_end(&c) != flags[i].ok)
            print_error("%s\n", flags[i].in);
        assert_int_equal(cur_at_end(&c), flags[i].ok);
        if (!flags[i].ok)
            continue;
        assert_int_equal(got.bits, flags[i].bits);
        for (size_t k = 0; k < got.n; k++)
            (void)snprintf(keywords + strlen(keywords), sizeof(keywords) - strlen(keywords),
                           "%s%.*s", k ? "," : "", SLICE_FMT(got.keywords[k]));
        assert_string_equal(keywords, flags[i].keywords);
    }
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_flags),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
