/* The octets that are written; that they read back is test_laws.c's matter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/num.h"
#include "mail/compose.h"
#include "mail/header.h"

#define TEN "Wort Wort "
#define UML "\xc3\xbc"

struct row {
    const char *in;
    bool utf8;
    const char *want;
};

static void check(struct slice got, const struct row *row)
{
    if (!slice_eq(got, slice_str(row->want)))
        fail_msg("%s: got\n%.*s", row->in, SLICE_FMT(got));
}

static void test_text(void **state)
{
    static const struct row rows[] = {
        {"", false, "Subject:\r\n"},
        {"plain words", false, "Subject: plain words\r\n"},
        {"Gr" UML "n", false, "Subject: =?utf-8?q?Gr=C3=BCn?=\r\n"},
        {"Gr" UML "n", true, "Subject: Gr" UML "n\r\n"},
        {"only " UML " here", false, "Subject: only =?utf-8?b?w7w=?= here\r\n"},
        {UML UML UML UML, false, "Subject: =?utf-8?b?w7zDvMO8w7w=?=\r\n"},
        {UML " " UML " x", false, "Subject: =?utf-8?b?w7wgw7w=?= x\r\n"},
        {"two  spaces", false, "Subject: two =?utf-8?q?_spaces?=\r\n"},
        {" ", false, "Subject: =?utf-8?q?_?=\r\n"},
        {"=?utf-8?q?a?=", false, "Subject: =?utf-8?q?=3D=3Futf-8=3Fq=3Fa=3F=3D?=\r\n"},
        {"a\r\nBcc: x", false, "Subject: =?utf-8?q?a=0D=0ABcc=3A?= x\r\n"},
        {"\xe4", false, "Subject: =?utf-8?b?77+9?=\r\n"},
        {TEN TEN TEN TEN TEN TEN TEN "end", false,
         "Subject: " TEN TEN TEN TEN TEN TEN "Wort\r\n Wort end\r\n"},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct arena a;

        arena_init(&a, 1 << 20);
        check(mail_field_text(&a, SLICE("Subject:"), slice_str(rows[i].in), rows[i].utf8),
              &rows[i]);
        arena_done(&a);
    }
}

/* What one reads from a list is written in the one form that it should have. */
static void test_addresses(void **state)
{
    static const struct row rows[] = {
        {"a@b.example", false, "To: a@b.example\r\n"},
        {"<a@b.example>", false, "To: a@b.example\r\n"},
        {"Ann Bee <a@b.example>, c@d.example", false, "To: Ann Bee <a@b.example>, c@d.example\r\n"},
        {"\"Ann B.\" <a@b.example>", false, "To: \"Ann B.\" <a@b.example>\r\n"},
        {"\"A \\\"B\\\" \\\\\" <a@b.example>", false, "To: \"A \\\"B\\\" \\\\\" <a@b.example>\r\n"},
        {"J" UML "rg <a@b.example>", false, "To: =?utf-8?q?J=C3=BCrg?= <a@b.example>\r\n"},
        {"=?iso-8859-1?q?J=FCrg?= <a@b.example>", true, "To: J" UML "rg <a@b.example>\r\n"},
        {"\"a b\"@c.example, \"\"@c.example", false, "To: \"a b\"@c.example, \"\"@c.example\r\n"},
        {"a@[192.0.2.1]", false, "To: a@[192.0.2.1]\r\n"},
        {"friends: a@b.example, c@d.example;, e@f.example", false,
         "To: friends: a@b.example, c@d.example;, e@f.example\r\n"},
        {"undisclosed-recipients:;", false, "To: undisclosed-recipients:;\r\n"},
        {"nonsense, a@b.example", false, "To: a@b.example\r\n"},
        {"g: nonsense, a@b.example;", false, "To: g: a@b.example;\r\n"},
        {"g: nonsense;, a@b.example", false, "To: g:;, a@b.example\r\n"},
        {"a@somewhat-long.example, b@somewhat-long.example, c@somewhat-long.example", false,
         "To: a@somewhat-long.example, b@somewhat-long.example,\r\n c@somewhat-long.example\r\n"},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct arena a;
        struct err err;
        struct mail_address_list list;

        arena_init(&a, 1 << 20);
        assert_int_equal(mail_address_list_parse(&a, slice_str(rows[i].in), &list, &err), 0);
        struct mail_address *v = ARENA_ARRAY(&a, list.n, struct mail_address);

        assert_non_null(v);
        for (size_t j = 0; j < list.n; j++) {
            v[j] = list.v[j];
            v[j].name = mail_words_decode(&a, v[j].name);
        }
        list.v = v;
        check(mail_field_addresses(&a, SLICE("To:"), &list, rows[i].utf8), &rows[i]);
        arena_done(&a);
    }
}

static void test_params(void **state)
{
    static const struct row rows[] = {
        {"a.txt", false, "C-D: attachment; filename=a.txt\r\n"},
        {"", false, "C-D: attachment; filename=\"\"\r\n"},
        {"a \"b\".txt", false, "C-D: attachment; filename=\"a \\\"b\\\".txt\"\r\n"},
        {UML ".txt", false, "C-D: attachment; filename*=utf-8''%C3%BC.txt\r\n"},
        {UML ".txt", true, "C-D: attachment; filename=\"" UML ".txt\"\r\n"},
        {"a\r\nb", false, "C-D: attachment; filename*=utf-8''a%0D%0Ab\r\n"},
        {UML UML UML UML UML UML UML UML UML UML, false,
         "C-D: attachment;\r\n filename*0*=utf-8''%C3%BC%C3%BC%C3%BC%C3%BC%C3%BC%C3%BC%C3%BC%C3%BC;"
         "\r\n filename*1*=%C3%BC%C3%BC\r\n"},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct arena a;
        const struct mail_param p = {.name = SLICE("filename"), .value = slice_str(rows[i].in)};

        arena_init(&a, 1 << 20);
        check(mail_field_params(&a, SLICE("C-D:"), SLICE("attachment"), &p, 1, rows[i].utf8),
              &rows[i]);
        arena_done(&a);
    }
}

/* Acceptance 138. */
static void test_localpart(void **state)
{
    static const struct row rows[] = {
        {"", false, "\"\""},
        {"a.", false, "\"a.\""},
        {".a", false, "\".a\""},
        {"a..b", false, "\"a..b\""},
        {"a.b", false, "a.b"},
        {"azAZ09!#$%&'*+-/=?^_`{|}~", false, "azAZ09!#$%&'*+-/=?^_`{|}~"},
        {" ", false, "\" \""},
        {"<>", false, "\"<>\""},
        {"a\"\\b", false, "\"a\\\"\\\\b\""},
        {UML, false, UML},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct arena a;

        arena_init(&a, 1 << 20);
        check(mail_localpart(&a, slice_str(rows[i].in)), &rows[i]);
        arena_done(&a);
    }
}

static void test_ids(void **state)
{
    const struct slice ids[] = {SLICE("1@a.example"), SLICE("x\r\nBcc: y@z"), SLICE("2@b.example")};
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 20);
    check(mail_field_ids(&a, SLICE("References:"), ids, ARRAY_SIZE(ids)),
          &(struct row){"ids", false, "References: <1@a.example> <2@b.example>\r\n"});
    check(mail_message_id(&a, SLICE("\1\2\3"), SLICE("h.example")),
          &(struct row){"id", false, "<AQID@h.example>"});
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),   cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_params), cmocka_unit_test(test_localpart),
        cmocka_unit_test(test_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
