/* Address lists: RFC 5322 appendix A, and what is found in mail. A list is shown as
 * name|localpart|domain;… with "{name" and "}" for groups. */
#include "mail/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/builder.h"
#include "base/num.h"
#include "mail/message.h"

static void show(struct builder *out, const struct mail_address_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct mail_address *m = &list->v[i];

        if (m->kind == MAIL_ADDRESS_GROUP_END) {
            build_byte(out, '}');
            continue;
        }
        if (m->kind == MAIL_ADDRESS_GROUP_START)
            build_byte(out, '{');
        build_bytes(out, m->name);
        if (m->kind == MAIL_ADDRESS_MAILBOX) {
            build_byte(out, '|');
            build_bytes(out, m->localpart);
            build_byte(out, '|');
            build_bytes(out, m->domain);
        }
        build_byte(out, ';');
    }
    build_byte(out, 0);
}

static const struct {
    const char *in, *expected;
} rows[] = {
    /* RFC 5322 A.1.1, A.1.2, A.1.3 */
    {"John Doe <jdoe@machine.example>", "John Doe|jdoe|machine.example;"},
    {"\"Joe Q. Public\" <john.q.public@example.com>", "Joe Q. Public|john.q.public|example.com;"},
    {"Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
     "Mary Smith|mary|x.test;|jdoe|example.org;Who?|one|y.test;"},
    {"<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
     "|boss|nil.test;Giant; \"Big\" Box|sysservices|example.net;"},
    {"A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
     "{A Group;Ed Jones|c|a.test;|joe|where.test;John|jdoe|one.test;}"},
    {"Undisclosed recipients:;", "{Undisclosed recipients;}"},
    /* A.5, A.6.1, A.6.3 */
    {"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "Pete|pete|silly.test;"},
    {"A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n"
     "         joe@example.org,\r\n  John <jdoe@one.test> (my dear friend); (the end of the group)",
     "{A Group;Chris Jones|c|public.example;|joe|example.org;John|jdoe|one.test;}"},
    {"(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;", "{Hidden recipients;}"},
    {"Joe Q. Public <john.q.public@example.com>", "Joe Q. Public|john.q.public|example.com;"},
    {"Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
     "Mary Smith|mary|example.net;|jdoe|test.example;"},
    {"John Doe <jdoe@machine(comment).  example>", "John Doe|jdoe|machine.example;"},
    /* what else is found */
    {"joe@example.org (Joe Smith)", "Joe Smith|joe|example.org;"},
    {"\" \"@example.com", "| |example.com;"},
    {"\"\"@example.com", "||example.com;"},
    {"a@[10.0.0.1], b@[IPv6:::1]", "|a|[10.0.0.1];|b|[IPv6:::1];"},
    {"=?iso-8859-2?Q?Krist=FDna?= <k@example.com>", "=?iso-8859-2?Q?Krist=FDna?=|k|example.com;"},
    {"m\xc3\xb3x@m\xc3\xb3x.example", "|m\xc3\xb3x|m\xc3\xb3x.example;"},
    {"root, a@b", "root||;|a|b;"},
    {"a@b c@d, e@f", "||;|e|f;"},
    {"Joe b@c", "||;"},
    {"<>, <a>, <a@>, a@b", "||;||;||;|a|b;"},
    {"a@b;c@d", "|a|b;|c|d;"},
    {"a@b <c@d>", "a@b|c|d;"},
    {"Joe [home] <a@b>, c@d", "Joe [home]|a|b;|c|d;"},
    {"a@b <c@d> <e@f>", "a@b||;"},
    {"joe@example.org (Joe \\(Jr\\) Smith)", "Joe (Jr) Smith|joe|example.org;"},
    {"a@[ 1.2\r\n .3.4 ]", "|a|[1.2.3.4];"},
    {"<@ a.test , @[1.2.3.4] : b@c>", "|b|c;"},
    {"\"a\" . \"b c\" . d@e . f", "|a.b c.d|e.f;"},
    {"<a . b@c>, <a b@c>", "|a.b|c;||;"},
    {"g:;, h: a@b;, c@d", "{g;}{h;|a|b;}|c|d;"},
    {"g: h: a@b;", "{g;h||;}"},
    {"g: a@b", "{g;|a|b;}"},
    {"\"open <a@b>", "open <a@b>||;"},
    {"a@b (open, c@d", "|a|b;"},
    {"a@[1.2", "||;"},
    {",,;", ""},
    {"", ""},
    {"\\", "||;"},
    {"(\\", ""},
};

static void test_lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct arena a;
        struct builder out;
        struct mail_address_list list;
        struct err err;

        arena_init(&a, 1 << 20);
        build_init(&out, 1 << 16);
        assert_int_equal(mail_address_list_parse(&a, slice_str(rows[i].in), &list, &err), 0);
        show(&out, &list);
        assert_string_equal((const char *)out.p, rows[i].expected);
        build_done(&out);
        arena_done(&a);
    }
}

/* Lists that are more, or less, than the grammar says: bad, or obsolete. */
static const struct {
    const char *in;
    bool bad, obsolete;
} forms[] = {
    {"a@b", false, false},
    {"Joe Q. Public (x) <a(c)@b(d)>(e)", false, false},
    {"g: a@b, c@d;", false, false},
    {"\"a..b\"@c, a@[1.2.3.4]", false, false},
    {"m\xc3\xb3x@m\xc3\xb3x.example", false, false},
    {"<@x:a@b>", false, true},
    {"a@b,,c@d", false, true},
    {"a . b@c", false, false},
    {"a@b . c", false, true},
    {"a..b@c", true, false},
    {".a@b", true, false},
    {"a.@b", true, false},
    {"a@b.", true, false},
    {"a@b..c", true, false},
    {"a@b;", true, false},
    {"a@b (open", true, false},
    {"a@b (c\\", true, false},
    {"g: a@b", true, false},
    {"a@b <c@d>", true, false},
    {"a@b c@d", true, false},
    {"a\x01@b", true, false},
    {"a\xff@b", true, false},
    {"a@b\xff", true, false},
    {"a", true, false},
    {"<>", true, false},
    {"", false, false},
};

static void test_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        struct arena a;
        struct mail_address_list list;
        struct err err;

        arena_init(&a, 1 << 20);
        assert_int_equal(mail_address_list_parse(&a, slice_str(forms[i].in), &list, &err), 0);
        if (list.bad != forms[i].bad || list.obsolete != forms[i].obsolete)
            fail_msg("\"%s\": bad %d obsolete %d", forms[i].in, list.bad, list.obsolete);
        arena_done(&a);
    }
}

static void test_limit(void **state)
{
    struct arena a;
    struct builder b;
    struct mail_address_list list;
    struct err err;

    (void)state;
    for (size_t n = MAIL_ADDRESSES_MAX - 1; n <= MAIL_ADDRESSES_MAX + 1; n++) {
        arena_init(&a, 1 << 20);
        build_init(&b, 1 << 20);
        for (size_t i = 0; i < n; i++)
            build_text(&b, "a@b,");
        assert_int_equal(mail_address_list_parse(&a, build_slice(&b), &list, &err), 0);
        assert_int_equal(list.n, MIN(n, (size_t)MAIL_ADDRESSES_MAX));
        assert_int_equal(list.bad, n > MAIL_ADDRESSES_MAX);
        build_done(&b);
        arena_done(&a);
    }
}

static void test_no_memory(void **state)
{
    struct arena a;
    struct mail_address_list list;
    struct err err;

    (void)state;
    arena_init(&a, 100);
    assert_int_equal(mail_address_list_parse(&a, SLICE("a@b,c@d"), &list, &err), -ERR_NOMEM);
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
