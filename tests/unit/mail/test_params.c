/* Parameters of MIME fields: RFC 2231's examples, and broken ones. Shown as name=value (raw);… */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/num.h"
#include "mail/message_private.h"

static const struct {
    const char *in, *first, *expected;
} rows[] = {
    {"text/plain", "text/plain", ""},
    {"text/html;;", "text/html", ""},
    /* RFC 2045 5.1 */
    {"text/plain; charset=us-ascii (Plain text)", "text/plain", "charset=us-ascii;"},
    {"text/plain; charset=\"us-ascii\"", "text/plain", "charset=us-ascii;"},
    /* RFC 2231 3 and 4 */
    {"message/external-body; access-type=URL; URL*0=\"ftp://\"; "
     "URL*1=\"cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar\"",
     "message/external-body",
     "access-type=URL;url=ftp://cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar;"},
    {"application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
     "application/x-stuff",
     "title=This is ***fun*** (us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A);"},
    {"application/x-stuff\r\n title*0*=us-ascii'en'This%20is%20even%20more%20;\r\n "
     "title*1*=%2A%2A%2Afun%2A%2A%2A%20;\r\n title*2=\"isn't it!\"",
     "application/x-stuff\r\n title*0*=us-ascii'en'This%20is%20even%20more%20",
     "title=***fun*** isn't it! (%2A%2A%2Afun%2A%2A%2A%20isn't it!);"},
    {"application/x-stuff;\r\n title*0*=us-ascii'en'This%20is%20even%20more%20;\r\n "
     "title*1*=%2A%2A%2Afun%2A%2A%2A%20;\r\n title*2=\"isn't it!\"",
     "application/x-stuff",
     "title=This is even more ***fun*** isn't it! "
     "(us-ascii'en'This%20is%20even%20more%20%2A%2A%2Afun%2A%2A%2A%20isn't it!);"},
    {"a/b; n*1=b; n*0=a; n*2=c", "a/b", "n=abc;"},
    {"a/b; n*0=a; n*2=c", "a/b", "n=a;"},
    {"a/b; n*=utf-8''%c3%a4; n=a", "a/b", "n=\xc3\xa4 (utf-8''%c3%a4);"},
    {"a/b; n*=iso-8859-1''%e4", "a/b", "n=\xc3\xa4 (iso-8859-1''%e4);"},
    {"a/b; n*=%zz%", "a/b", "n=%zz%;"},
    {"a/b; n*=nonsense''%ff", "a/b", "n=\xef\xbf\xbd (nonsense''%ff);"},
    {"a/b; n=1; N=2", "a/b", "n=1;"},
    {"a/b; z=1; a=2", "a/b", "a=2;z=1;"},
    {"a/b; name=two words.txt; x=y", "a/b", "name=two words.txt;x=y;"},
    {"a/b; name=\"a\\\"b;c\" junk; x=y", "a/b", "name=a\"b;c;x=y;"},
    {"a/b; name=\"open; x=y", "a/b", "name=open; x=y;"},
    {"a/b; name=\"open\\", "a/b", "name=open\\;"},
    {"a/b; =x; y; z=", "a/b", "z=;"},
    {"(c) a/b (d; e) ; (f) x (g) = (h) y (i)", "a/b", "x=y;"},
    {"a/b; *=1", "a/b", "*=1;"},
    {"text (x;y=z) / (c) plain; a=b", "text  /  plain", "a=b;"},
    {"a/b; name=report (1).pdf; x=y (z)", "a/b", "name=report (1).pdf;x=y;"},
    {"a/b; name=(only); x=y", "a/b", "name=;x=y;"},
    {"a/b; n*0=a; n*1=b; n*0=x; n*1=y; n*2=c", "a/b", "n=abc;"},
    {"", "", ""},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct arena a;
        struct builder out;
        struct slice rest;

        arena_init(&a, 1 << 20);
        build_init(&out, 1 << 16);
        struct slice first = params_first(&a, slice_str(rows[i].in), &rest);
        struct mail_param_list list = params_parse(&a, rest);

        for (size_t j = 0; j < list.n; j++) {
            build_printf(&out, "%.*s=%.*s", SLICE_FMT(list.v[j].name), SLICE_FMT(list.v[j].value));
            if (list.v[j].raw.n)
                build_printf(&out, " (%.*s)", SLICE_FMT(list.v[j].raw));
            build_byte(&out, ';');
        }
        if (!slice_eq(first, slice_str(rows[i].first)) ||
            !slice_eq(build_slice(&out), slice_str(rows[i].expected)))
            fail_msg("\"%s\": got \"%.*s\" \"%.*s\"", rows[i].in, SLICE_FMT(first),
                     SLICE_FMT(build_slice(&out)));
        build_done(&out);
        arena_done(&a);
    }
}

static void test_find(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 16);
    struct mail_param_list list = params_parse(&a, SLICE("; A=1; b=\"\""));

    assert_true(slice_eq(params_find(list.v, list.n, SLICE("a")), SLICE("1")));
    assert_non_null(params_find(list.v, list.n, SLICE("b")).p);
    assert_null(params_find(list.v, list.n, SLICE("c")).p);
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_find)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
