/* Header fields, folding, and the examples of RFC 2047 section 8. */
#include "mail/header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/builder.h"
#include "base/num.h"
#include "base/utf8.h"
#include "mail/message.h"

static const struct {
    struct slice block;
    const char *subject; /* unfolded body of the first Subject; NULL: none */
    size_t subjects;
} blocks[] = {
    {SLICE_INIT(""), NULL, 0},
    {SLICE_INIT("Subject: test\r\n"), "test", 1},
    {SLICE_INIT("Subject: test\r\n\r\nSubject: b\r\n"), "test", 1},
    {SLICE_INIT("a: b\r\nsubject: x\r\n  y\r\n\tz\r\nSUBJECT: b\r\n"), "x  y\tz", 2},
    {SLICE_INIT(":\r\n"), NULL, 0},
    {SLICE_INIT("bad\r\n"), NULL, 0},
    {SLICE_INIT("bad\r\n subject: no\r\nSubject: yes\r\n"), "yes", 1},
    {SLICE_INIT(" Subject: no\r\nSubject: yes"), "yes", 1},
    {SLICE_INIT("Subject: a\r\n b"), "a b", 1},
    {SLICE_INIT("subject \t: x\r\n"), "x", 1},
    {SLICE_INIT("sub ject: x\r\n"), NULL, 0},
    {SLICE_INIT("Subject:\r\n"), "", 1},
    {SLICE_INIT("Subject: a\n b\n"), "a b", 1},
    {SLICE_INIT("Subject: a\rb\r\n"), "a\rb", 1},
    {SLICE_INIT("\xc3\xbc: a\r\n Subject: b\r\nSubject: c\r\n"), "c", 1},
};

static void test_fields(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
        struct arena a;
        struct mail_header h;
        struct err err;

        arena_init(&a, 1 << 16);
        assert_int_equal(mail_header_parse(&a, blocks[i].block, &h, &err), 0);
        const struct mail_field *f = mail_header_find(&h, SLICE("Subject"), 0);

        assert_int_equal(mail_header_count(&h, SLICE("Subject")), blocks[i].subjects);
        if (blocks[i].subject)
            assert_true(slice_eq(mail_field_unfold(&a, f->body), slice_str(blocks[i].subject)));
        else
            assert_null(f);
        assert_null(mail_header_find(&h, SLICE("Subject"), blocks[i].subjects));
        arena_done(&a);
    }
}

static void test_raw(void **state)
{
    struct arena a;
    struct mail_header h;
    struct err err;

    (void)state;
    arena_init(&a, 1 << 16);
    assert_int_equal(mail_header_parse(&a, SLICE("A: b\r\n c\r\nD:e\r\n\r\n"), &h, &err), 0);
    assert_int_equal(h.n, 2);
    assert_true(slice_eq(h.fields[0].raw, SLICE("A: b\r\n c\r\n")));
    assert_true(slice_eq(h.fields[0].body, SLICE(" b\r\n c")));
    assert_true(slice_eq(h.fields[1].name, SLICE("D")));
    arena_done(&a);
}

static void test_fields_max(void **state)
{
    struct arena a;
    struct builder b;
    struct mail_header h;
    struct err err;

    (void)state;
    for (size_t n = MAIL_FIELDS_MAX - 1; n <= MAIL_FIELDS_MAX + 1; n++) {
        arena_init(&a, 1 << 20);
        build_init(&b, 1 << 20);
        for (size_t i = 0; i < n; i++)
            build_text(&b, "a:b\r\n");
        assert_int_equal(mail_header_parse(&a, build_slice(&b), &h, &err), 0);
        assert_int_equal(h.n, MIN(n, (size_t)MAIL_FIELDS_MAX));
        build_done(&b);
        arena_done(&a);
    }
}

static const struct {
    const char *in, *out;
} words[] = {
    /* RFC 2047 8 */
    {"=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>", "Keith Moore <moore@cs.utk.edu>"},
    {"=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?= <keld@dkuug.dk>",
     "Keld J\xc3\xb8rn Simonsen <keld@dkuug.dk>"},
    {"=?ISO-8859-1?Q?Andr=E9?= Pirard <PIRARD@vm1.ulg.ac.be>",
     "Andr\xc3\xa9 Pirard <PIRARD@vm1.ulg.ac.be>"},
    {"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n"
     "    =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
     "If you can read this you understand the example."},
    {"=?ISO-8859-1?Q?Olle_J=E4rnefors?= <ojarnef@admin.kth.se>",
     "Olle J\xc3\xa4rnefors <ojarnef@admin.kth.se>"},
    {"=?ISO-8859-1?Q?Patrik_F=E4ltstr=F6m?=", "Patrik F\xc3\xa4ltstr\xc3\xb6m"},
    {"Nathaniel Borenstein <nsb@thumper.bellcore.com>\r\n"
     "      (=?iso-8859-8?b?7eXs+SDv4SDp7Oj08A==?=)",
     "Nathaniel Borenstein <nsb@thumper.bellcore.com>      ("
     "\xd7\x9d\xd7\x95\xd7\x9c\xd7\xa9 \xd7\x9f\xd7\x91 \xd7\x99\xd7\x9c\xd7\x98\xd7\xa4\xd7\xa0)"},
    {"(=?ISO-8859-1?Q?a?=)", "(a)"},
    {"(=?ISO-8859-1?Q?a?= b)", "(a b)"},
    {"(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"},
    {"(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)"},
    {"(=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=)", "(ab)"},
    {"(=?ISO-8859-1?Q?a_b?=)", "(a b)"},
    {"(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"},
    /* and others */
    {"=?utf-8*en?q?x?=", "x"},
    {"=?utf-8?q?=c3?= =?utf-8?q?=a4?=", "\xc3\xa4"},
    {"=?utf-8?q?=c3?=", "\xef\xbf\xbd"},
    {"=?utf-8?q?=ed=a0=80?=", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    {"=?nonsense?q?x?=", "=?nonsense?q?x?="},
    {"=?utf-16,version=1?q?x?=", "=?utf-16,version=1?q?x?="},
    {"=?utf-8?x?x?=", "=?utf-8?x?x?="},
    {"=?utf-8?q?x?", "=?utf-8?q?x?"},
    {"=?utf-8?q?x", "=?utf-8?q?x"},
    {"=?utf-8?q", "=?utf-8?q"},
    {"=?", "=?"},
    {"a=b", "a=b"},
    {"=?utf-8?q?=4?=", "=4"},
    {"=?utf-8?b?////?=", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    {"=?utf-8?b?YQ?=", "a"},
    {"=?utf-8?q?"
     "?=",
     ""},
    {"\xc3\xa4", "\xc3\xa4"},
    {"\xe4", "\xc3\xa4"},
    {"\xe4 =?utf-8?q?b?=", "\xc3\xa4 b"},
    {"=?iso-2022-jp?b?GyRCJCIbKEI=?=", "\xe3\x81\x82"},
    {"=?utf-7?q?+AOQ-?=", "\xc3\xa4"},
    {"", ""},
};

static void test_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        struct arena a;

        arena_init(&a, 1 << 16);
        struct slice out = mail_words_decode(&a, slice_str(words[i].in));

        if (!slice_eq(out, slice_str(words[i].out)))
            fail_msg("\"%s\": got \"%.*s\"", words[i].in, SLICE_FMT(out));
        arena_done(&a);
    }
}

/* One octet may become three; nothing becomes more. */
static void test_words_bomb(void **state)
{
    static const char *const pieces[] = {
        "=?utf-8?q?=ff?= ",    "=?shift_jis?q?=ff?=", "=?iso-2022-jp?b?GyRC?=",
        "=?hz-gb-2312?q?~{?=", "=?utf-7?q?+2AA-?=",   "=?gb18030?q?=84=31=a4=37?="};
    struct arena a;
    struct builder b;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
        arena_init(&a, MAIL_ARENA_MAX);
        build_init(&b, 1 << 20);
        for (size_t j = 0; j < 5000; j++)
            build_text(&b, pieces[i]);
        struct slice out = mail_words_decode(&a, build_slice(&b));

        assert_true(out.n <= b.n * 3 + 16);
        assert_true(utf8_valid(out));
        build_done(&b);
        arena_done(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),     cmocka_unit_test(test_raw),
        cmocka_unit_test(test_fields_max), cmocka_unit_test(test_words),
        cmocka_unit_test(test_words_bomb),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
