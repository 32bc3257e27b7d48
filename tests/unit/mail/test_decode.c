/* Transfer encodings, charsets, HTML and previews. */
#include "mail/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/num.h"
#include "mail/message_private.h"

static const struct {
    enum part_encoding encoding;
    struct slice in, out;
} transfers[] = {
    {PART_IDENTITY, SLICE_INIT("a=41\r\n"), SLICE_INIT("a=41\r\n")},
    {PART_UNKNOWN_ENCODING, SLICE_INIT("a=41"), SLICE_INIT("a=41")},
    {PART_BASE64, SLICE_INIT(""), SLICE_INIT("")},
    {PART_BASE64, SLICE_INIT("aGVsbG8NCndvcmxkDQo=\r\n"), SLICE_INIT("hello\r\nworld\r\n")},
    {PART_BASE64, SLICE_INIT("aG\r\nkK"), SLICE_INIT("hi\n")},
    {PART_BASE64, SLICE_INIT("aG!k\tK"), SLICE_INIT("hi\n")},
    {PART_BASE64, SLICE_INIT("aA==aA=="), SLICE_INIT("hh")},
    {PART_BASE64, SLICE_INIT("aA=aA"), SLICE_INIT("hh")},
    {PART_BASE64, SLICE_INIT("aGkKa"), SLICE_INIT("hi\n")},
    {PART_BASE64, SLICE_INIT("====a="), SLICE_INIT("")},
    /* RFC 2045 6.7 */
    {PART_QUOTED_PRINTABLE, SLICE_INIT("Now's the time =\r\nfor all folk to come=\r\n to the"),
     SLICE_INIT("Now's the time for all folk to come to the")},
    {PART_QUOTED_PRINTABLE, SLICE_INIT("a=E4b=e4"),
     SLICE_INIT("a\xe4"
                "b\xe4")},
    {PART_QUOTED_PRINTABLE, SLICE_INIT("a \t\r\nb \r\n"), SLICE_INIT("a\r\nb\r\n")},
    {PART_QUOTED_PRINTABLE, SLICE_INIT("a= \t\r\nb"), SLICE_INIT("ab")},
    {PART_QUOTED_PRINTABLE, SLICE_INIT("a=\nb\nc"), SLICE_INIT("ab\nc")},
    {PART_QUOTED_PRINTABLE, SLICE_INIT("a=XYb=4"), SLICE_INIT("a=XYb=4")},
    {PART_QUOTED_PRINTABLE, SLICE_INIT("a=4=41=="), SLICE_INIT("a=4A=")},
    {PART_QUOTED_PRINTABLE, SLICE_INIT("a= b"), SLICE_INIT("a= b")},
    {PART_QUOTED_PRINTABLE, SLICE_INIT("a=20 \r\n"), SLICE_INIT("a \r\n")},
    {PART_QUOTED_PRINTABLE, SLICE_INIT("a\rb \r c\r"), SLICE_INIT("a\rb \r c")},
    {PART_QUOTED_PRINTABLE, SLICE_INIT("a=\r\r\nb"), SLICE_INIT("a=\r\r\nb")},
    {PART_QUOTED_PRINTABLE, SLICE_INIT("a =\r\n"), SLICE_INIT("a ")},
};

static void test_transfer(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(transfers); i++) {
        struct builder out;

        for (size_t max = 0; max <= transfers[i].out.n; max++) {
            build_init(&out, max);
            bool ok = mail_decode_transfer(&out, transfers[i].encoding, transfers[i].in);

            if (ok != (max == transfers[i].out.n) ||
                !slice_eq(build_slice(&out), slice_sub(transfers[i].out, 0, max)))
                fail_msg("row %zu, max %zu: %d \"%.*s\"", i, max, ok, SLICE_FMT(build_slice(&out)));
            build_done(&out);
        }
        for (size_t chunk = 1; chunk < 5; chunk++) {
            struct transfer_count t = {.encoding = transfers[i].encoding};

            for (size_t at = 0; at < transfers[i].in.n; at += chunk)
                transfer_count_feed(&t, slice_sub(transfers[i].in, at, chunk));
            assert_int_equal(transfer_count_finish(&t, 0), transfers[i].out.n);
        }
    }
}

static const struct {
    const char *charset, *in, *out;
} charsets[] = {
    {"", "\xc2\xa9", "\xc2\xa9"},
    {"us-ascii", "a", "a"},
    {"US-ASCII", "caf\xc3\xa9", "caf\xc3\xa9"},
    {"us-ascii", "caf\xe9 \x80 5", "caf\xc3\xa9 \xe2\x82\xac 5"},
    {"us-ascii", "caf\xe9", "caf\xc3\xa9"},
    {"us-ascii", "\xc3\xa9 cut \xe2\x82", "\xc3\xa9 cut \xef\xbf\xbd\xef\xbf\xbd"},
    {"gb2312", "\xd6\xd0 \xe9\x46", "\xe4\xb8\xad \xe9\x95\x95"},
    {"GBK", "\x81\x40", "\xe4\xb8\x82"},
    {"ks_c_5601-1987", "\xb0\xa1 \x8c\x63", "\xea\xb0\x80 \xeb\x98\xa0"},
    {"euc-kr", "\x8c\x63", "\xeb\x98\xa0"},
    {"iso-8859-8-i", "\xf9", "\xd7\xa9"},
    {"iso-8859-8-e", "\xf9", "\xd7\xa9"},
    {"win-1251", "\xe0", "\xd0\xb0"},
    {"x-cp1251", "\xe0", "\xd0\xb0"},
    {"windows1252", "\x80", "\xe2\x82\xac"},
    {"ansi", "\x80", "\xe2\x82\xac"},
    {"UTF-8", "\xc2\xa9 abcdefghijkl \xc2\xa9", "\xc2\xa9 abcdefghijkl \xc2\xa9"},
    {"utf-8", "\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"},
    {"iso-8859-1", "\xa9", "\xc2\xa9"},
    {"iso-8859-5", "\xd0", "\xd0\xb0"},
    {"koi8-r", "\xc1", "\xd0\xb0"},
    {"iso-2022-jp", "\x1b$B$\"\x1b(B", "\xe3\x81\x82"},
    {"unknown-8bit", "a\xff", "a\xef\xbf\xbd"},
    {"utf-8,version=1", "a\xff", "a\xef\xbf\xbd"},
    {"shift_jis", "\x82", "\xef\xbf\xbd"},
};

static void test_charset(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(charsets); i++) {
        struct builder out;

        build_init(&out, 1 << 16);
        assert_true(
            mail_decode_charset(&out, slice_str(charsets[i].charset), slice_str(charsets[i].in)));
        if (!slice_eq(build_slice(&out), slice_str(charsets[i].out)))
            fail_msg("%s: got %.*s", charsets[i].charset, SLICE_FMT(build_slice(&out)));
        build_done(&out);
    }
}

static const struct {
    const char *in, *out;
} pages[] = {
    {"", ""},
    {"a  b\r\n c", "a b c\n"},
    {"<p>a</p><p>b<br>c", "a\nb\nc\n"},
    {"<html><head><title>t</title></head><body>x<style>p{}</style><script>if (a<b) x</script>y",
     "xy\n"},
    {"<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc\n"},
    {"<blockquote>a<br>b<blockquote>c</blockquote></blockquote>d", "> a\n> b\n> > c\nd\n"},
    {"a<!-- <b> -->b<!x>c<?y?>d", "abcd\n"},
    {"a < b &lt; c &amp;amp; &#228;&#xE4;&auml;&nbsp;&unknown; &",
     "a < b < c &amp; äää &unknown; &\n"},
    {"&#0;&#xd800;&#99999999999;", "\xef\xbf\xbd&#99999999999;\n"},
    {"<script>never closed", ""},
    {"<!-- never closed", ""},
    {"a<b", "a\n"},
    {"0123456789012345678901234567890123456789< b",
     "0123456789012345678901234567890123456789< b\n"},
    {"<blockquote><blockquote>1<2", "> > 1<2\n"},
    {"<a href=\"x\">l</a>ink", "link\n"},
    {"<svg/>a", "a\n"},
    {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f\n"},
};

static void test_html(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
        struct builder out;

        build_init(&out, 1 << 16);
        mail_html_text(&out, slice_str(pages[i].in));
        if (!slice_eq(build_slice(&out), slice_str(pages[i].out)))
            fail_msg("%s: got %.*s", pages[i].in, SLICE_FMT(build_slice(&out)));
        build_done(&out);
        for (size_t max = 0; max < 40; max++) {
            build_init(&out, max);
            mail_html_text(&out, slice_str(pages[i].in));
            assert_true(build_ok(&out) && mail_text_is_utf8(build_slice(&out)));
            build_done(&out);
        }
    }
}

static const struct {
    const char *in, *out;
} previews[] = {
    {"", ""},
    {"single line", "single line\n"},
    {"> quoted\n", "[...]\n"},
    {"> quoted\nresponse\n", "[...]\nresponse\n"},
    {"> quoted\n[...]\nresponse\n", "[...]\nresponse\n"},
    {">> a\n> b\n>c\n[...]\nr\n", "[...]\nr\n"},
    {"> a\n\n> b\n", "[...]\n"},
    {"On d u wrote:\n> hi\nresponse\n", "[...]\nresponse\n"},
    {"Joe wrote on 1 May:\n\n> hi\nresponse\n", "[...]\nresponse\n"},
    {"On some day of May\nJoe wrote:\n> hi\nresponse\n", "[...]\nresponse\n"},
    {"text\nA list:\n> item\n", "text\nA list:\n[...]\n"},
    {"> q\nresponse\n-- \nsignature\n", "[...]\nresponse\n"},
    {"a\n--\nb\n\nc\n", "a\n--\nb\nc\n"},
    {"a\r\n\r\nb\r\n", "a\nb\n"},
};

static void test_preview(void **state)
{
    struct arena a;
    struct builder b;

    (void)state;
    arena_init(&a, 1 << 16);
    for (size_t i = 0; i < ARRAY_SIZE(previews); i++) {
        struct slice out = preview_of_text(&a, slice_str(previews[i].in));

        if (!slice_eq(out, slice_str(previews[i].out)))
            fail_msg("\"%s\": got \"%.*s\"", previews[i].in, SLICE_FMT(out));
    }
    build_init(&b, 1 << 16);
    for (int i = 0; i < 300; i++)
        build_text(&b, "ä");
    assert_int_equal(preview_of_text(&a, build_slice(&b)).n, 512);
    build_done(&b);
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transfer),
        cmocka_unit_test(test_charset),
        cmocka_unit_test(test_html),
        cmocka_unit_test(test_preview),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
