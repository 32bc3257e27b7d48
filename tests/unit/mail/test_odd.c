/* Messages that break rules, one deviation each: the tree that is made of them, and what is said
 * about it. Each is parsed in one piece and in pieces, and must give the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/ascii.h"
#include "base/builder.h"
#include "base/num.h"
#include "mail/message.h"

/* A proper header of 16 octets in front. */
#define HEAD "From: a@b.test\r\n"
#define MIXED HEAD "Content-Type: multipart/mixed; boundary=x\r\n\r\n"

static const struct {
    const char *name;
    struct slice in;
    const char *tree, *faults;
} rows[] = {
    {"proper", SLICE_INIT(HEAD "\r\nx\r\n"), "-", ""},
    {"proper multipart", SLICE_INIT(MIXED "--x\r\n\r\na\r\n--x--\r\n"), "multipart/mixed(-)", ""},
    {"bare CR", SLICE_INIT(HEAD "\r\na\rb\r\n"), "-", "bare-cr@19!"},
    {"bare CR in the header", SLICE_INIT(HEAD "A: b\rc\r\n\r\n"), "-", "bare-cr@20!"},
    {"CR at the end", SLICE_INIT(HEAD "\r\na\r"), "-", "bare-cr@19!"},
    {"CR CR LF", SLICE_INIT(HEAD "\r\na\r\r\n"), "-", "bare-cr@19!"},
    {"bare LF", SLICE_INIT("From: a@b.test\n\na\nb"), "-", "bare-lf@14,15,17"},
    {"NUL", SLICE_INIT(HEAD "\r\na\0b\r\n"), "-", "nul@19"},
    {"no empty line", SLICE_INIT(HEAD), "-", "header-open@16"},
    {"empty", SLICE_INIT(""), "-", "header-open@0 from-missing@0!"},
    {"no From", SLICE_INIT("To: a@b.test\r\n\r\n"), "-", "from-missing@0!"},
    {"two From", SLICE_INIT(HEAD HEAD "\r\n"), "-", "from-repeated@16!"},
    {"two addresses in From", SLICE_INIT("From: a@b.test, c@d.test\r\n\r\n"), "-",
     "from-address@0!"},
    {"group in From", SLICE_INIT("From: g: a@b.test;\r\n\r\n"), "-", "from-address@0!"},
    {"empty From", SLICE_INIT("From:\r\n\r\n"), "-", "from-address@0!"},
    {"route in From", SLICE_INIT("From: <@c:a@b>\r\n\r\n"), "-",
     "from-address@0! address-obsolete@0"},
    {"comment ending in backslash", SLICE_INIT("From: a@b.test (\\\r\n\r\n"), "-",
     "from-address@0! address-bad@0"},
    {"name that is an address", SLICE_INIT("From: x@y.test <a@b.test>\r\n\r\n"), "-",
     "from-address@0! address-bad@0"},
    {"mbox line", SLICE_INIT("From a@b Thu Jan  1 00:00:00 1970\r\n" HEAD "\r\n"), "-",
     "header-junk@0!"},
    {"junk between fields", SLICE_INIT(HEAD "junk\r\nA: b\r\n\r\n"), "-", "header-junk@16!"},
    {"space before the colon", SLICE_INIT("From : a@b.test\r\n\r\n"), "-", "header-space@0"},
    {"Latin-1 in the header", SLICE_INIT(HEAD "Subject: \xe4\r\n\r\n"), "-", "header-charset@16"},
    {"two subjects", SLICE_INIT(HEAD "Subject: a\r\nSubject: b\r\n\r\n"), "-", "field-repeated@28"},
    {"date of nowhere", SLICE_INIT(HEAD "Date: 31 Feb 2020 00:00:00 +0000\r\n\r\n"), "-",
     "date-bad@16"},
    {"Message-ID without brackets", SLICE_INIT(HEAD "Message-ID: a@b\r\n\r\n"), "-", "id-bad@16"},
    {"no type", SLICE_INIT(HEAD "Content-Type: nonsense\r\n\r\n"), "application/octet-stream",
     "type-bad@16!"},
    {"type without subtype", SLICE_INIT(HEAD "Content-Type: text\r\n\r\n"), "text/plain",
     "type-bad@16!"},
    {"stray semicolons", SLICE_INIT(HEAD "Content-Type: text/html;;\r\n\r\n"), "text/html",
     "type-parameters@16!"},
    {"semicolon at the end", SLICE_INIT(HEAD "Content-Type: text/html;\r\n\r\n"), "text/html", ""},
    {"unquoted value", SLICE_INIT(HEAD "Content-Type: text/html; name=a b\r\n\r\n"), "text/html",
     "type-parameters@16!"},
    {"two types", SLICE_INIT(HEAD "Content-Type: text/html\r\nContent-Type: a/b\r\n\r\n"),
     "text/html", "mime-repeated@41!"},
    {"parameter twice", SLICE_INIT(HEAD "Content-Type: text/html; a=b; a=c\r\n\r\n"), "text/html",
     "param-repeated@16"},
    {"unknown encoding",
     SLICE_INIT(HEAD "Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 a"
                     "\r\n`\r\nend\r\n"),
     "-", "encoding-unknown@16"},
    {"unknown charset", SLICE_INIT(HEAD "Content-Type: text/plain; charset=martian\r\n\r\n"),
     "text/plain", "charset-unknown@0"},
    {"junk in base64", SLICE_INIT(HEAD "Content-Transfer-Encoding: base64\r\n\r\naG!!k?K\r\n"), "-",
     "base64-junk@53"},
    {"proper base64", SLICE_INIT(HEAD "Content-Transfer-Encoding: base64\r\n\r\naGkK\r\naA==\r\n"),
     "-", ""},
    {"junk in quoted-printable",
     SLICE_INIT(HEAD "Content-Transfer-Encoding: quoted-printable\r\n\r\na=XY=3D\r\n"), "-",
     "qp-junk@63"},
    {"encoded multipart",
     SLICE_INIT(HEAD "Content-Transfer-Encoding: base64\r\nContent-Type: multipart/mixed; "
                     "boundary=x\r\n\r\n--x\r\n\r\n--x--\r\n"),
     "multipart/mixed(-)", "encoding-parts@0"},
    {"encoded message",
     SLICE_INIT(HEAD "Content-Transfer-Encoding: base64\r\nContent-Type: message/rfc822\r\n\r\n"),
     "message/rfc822", "encoding-parts@0"},
    {"no boundary parameter", SLICE_INIT(HEAD "Content-Type: multipart/mixed\r\n\r\n--x\r\n"),
     "multipart/mixed", "boundary-missing@0!"},
    {"boundary never comes", SLICE_INIT(MIXED "abc"), "multipart/mixed(-)", "boundary-never@61"},
    {"no closing boundary", SLICE_INIT(MIXED "--x\r\n\r\na"), "multipart/mixed(-)",
     "boundary-open@69"},
    {"part without header end", SLICE_INIT(MIXED "--x\r\nA: b\r\n--x--\r\n"), "multipart/mixed(-)",
     "header-open@72"},
    {"message/partial",
     SLICE_INIT(HEAD "Content-Type: message/partial; id=\"a@b\"; number=1; total=2\r\n\r\n" MIXED),
     "message/partial", ""},
    {"message/external-body",
     SLICE_INIT(HEAD "Content-Type: message/external-body; access-type=URL;\r\n "
                     "URL=\"http://a.test\"\r\n\r\nContent-Type: text/plain\r\n\r\n"),
     "message/external-body", ""},
    {"TNEF", SLICE_INIT(HEAD "Content-Type: application/ms-tnef; name=winmail.dat\r\n\r\n"),
     "application/ms-tnef", ""},
    {"AppleDouble",
     SLICE_INIT(HEAD "Content-Type: multipart/appledouble; boundary=x\r\n\r\n--x\r\n"
                     "Content-Type: application/applefile\r\n\r\n\r\n--x\r\n"
                     "Content-Type: image/gif\r\n\r\n\r\n--x--\r\n"),
     "multipart/appledouble(application/applefile,image/gif)", ""},
    {"digest",
     SLICE_INIT(HEAD "Content-Type: multipart/digest; boundary=x\r\n\r\n--x\r\n\r\n" HEAD
                     "\r\na\r\n--x\r\nContent-Type: text/plain\r\n\r\nb\r\n--x--\r\n"),
     "multipart/digest(message/rfc822(-),text/plain)", ""},
    {"message/global", SLICE_INIT(HEAD "Content-Type: message/global\r\n\r\n" HEAD "\r\n"),
     "message/global(-)", ""},
    {"boundary that begins another",
     SLICE_INIT(MIXED "--x\r\nContent-Type: multipart/mixed; boundary=xy\r\n\r\n--xy\r\n\r\n"
                      "--xy--\r\n--x--\r\n"),
     "multipart/mixed(multipart/mixed(-))", ""},
    {"outer boundary ends inner parts",
     SLICE_INIT(MIXED "--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\na\r\n"
                      "--x--\r\n"),
     "multipart/mixed(multipart/mixed(-))", "boundary-open@119"},
    {"broken message as an attachment",
     SLICE_INIT(HEAD "Content-Type: message/rfc822\r\n\r\njunk\r\nContent-Type: x\r\n\r\n"),
     "message/rfc822(application/octet-stream)", "header-junk@48 type-bad@54"},
    {"attachment of an unquoted name",
     SLICE_INIT(MIXED "--x\r\nContent-Type: a/b; name=c d\r\n\r\n--x--\r\n"),
     "multipart/mixed(a/b)", "type-parameters@66"},
    {"preamble and epilogue", SLICE_INIT(MIXED "pre\r\n--x\r\n\r\na\r\n--x--\r\n--x\r\nepi"),
     "multipart/mixed(-)", ""},
};

static void show_tree(struct builder *out, const struct mail_part *p)
{
    if (p->type.p) {
        for (size_t i = 0; i < p->type.n; i++)
            build_byte(out, ascii_lower(p->type.p[i]));
        build_byte(out, '/');
        for (size_t i = 0; i < p->subtype.n; i++)
            build_byte(out, ascii_lower(p->subtype.p[i]));
    } else {
        build_byte(out, '-');
    }
    for (const struct mail_part *c = p->child; c; c = c->next) {
        build_byte(out, c == p->child ? '(' : ',');
        show_tree(out, c);
    }
    if (p->child)
        build_byte(out, ')');
}

static void show_faults(struct builder *out, const struct mail_message *m)
{
    for (size_t i = 0; i < m->faults_n; i++) {
        const struct mail_fault *f = &m->faults[i];

        build_printf(out, "%s%s", i ? " " : "", mail_fault_name(f->kind));
        for (size_t j = 0; j < MIN(f->n, (uint64_t)MAIL_FAULT_OFFSETS); j++)
            build_printf(out, "%c%llu", j ? ',' : '@', (unsigned long long)f->at[j]);
        if (f->strict)
            build_byte(out, '!');
    }
}

static void describe(struct builder *out, struct slice in, size_t chunk)
{
    struct arena a;
    struct err err;

    arena_init(&a, MAIL_ARENA_MAX);
    struct mail_parser *p = mail_parser_new(&a, &err);

    assert_non_null(p);
    for (size_t at = 0; at < in.n; at += chunk)
        mail_parser_feed(p, slice_sub(in, at, chunk));
    const struct mail_message *m = mail_parser_finish(p);

    assert_non_null(m);
    assert_int_equal(m->size, in.n);
    assert_int_equal(m->root->end_at, in.n);
    show_tree(out, m->root);
    build_text(out, "\n");
    show_faults(out, m);
    /* The first strict fault, and an author only without doubt. */
    bool strict = false, doubt = false;

    for (size_t i = 0; i < m->faults_n; i++) {
        enum mail_fault_kind kind = m->faults[i].kind;

        if (m->faults[i].strict && !strict)
            assert_ptr_equal(m->strict, &m->faults[i]);
        strict = strict || m->faults[i].strict;
        doubt = doubt || kind == MAIL_FAULT_FROM_MISSING || kind == MAIL_FAULT_FROM_REPEATED ||
                kind == MAIL_FAULT_FROM_ADDRESS || m->header_cut;
    }
    assert_int_equal(strict, m->strict != NULL);
    assert_true(strict || m->author != NULL);
    assert_int_equal(doubt, m->author == NULL);
    arena_done(&a);
}

static void test_rows(void **state)
{
    static const size_t chunks[] = {1, 2, 3, 64, SIZE_MAX / 2};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        for (size_t j = 0; j < ARRAY_SIZE(chunks); j++) {
            struct builder got, want;

            build_init(&got, 1 << 16);
            build_init(&want, 1 << 16);
            describe(&got, rows[i].in, chunks[j]);
            build_printf(&want, "%s\n%s", rows[i].tree, rows[i].faults);
            if (!slice_eq(build_slice(&got), build_slice(&want)))
                fail_msg("%s, %zu octets at a time:\n%.*s", rows[i].name, chunks[j],
                         SLICE_FMT(build_slice(&got)));
            build_done(&got);
            build_done(&want);
        }
}

/* ---- large ones: what matters is that they end soon, and what is said ---- */

static void repeat(struct builder *b, size_t n, const char *text)
{
    size_t len = strlen(text);
    uint8_t *p = build_reserve(b, n * len);

    assert_non_null(p);
    for (size_t i = 0; i < n; i++)
        memcpy(p + i * len, text, len);
    build_advance(b, n * len);
}

static void long_line(struct builder *b)
{
    build_text(b, HEAD "\r\n");
    repeat(b, 999, "a");
    build_text(b, "\r\n");
}

static void longest_line(struct builder *b)
{
    build_text(b, HEAD "\r\n");
    repeat(b, 998, "a");
    build_text(b, "\r\n");
}

static void long_header_line(struct builder *b)
{
    build_text(b, HEAD "A: ");
    repeat(b, 996, "a");
    build_text(b, "\r\n\r\n");
}

static void many_addresses(struct builder *b)
{
    build_text(b, "From: ");
    repeat(b, 10000, "a@b.test, ");
    build_text(b, "z@b.test\r\n\r\n");
}

static void many_recipients_before_the_author(struct builder *b)
{
    build_text(b, "To: ");
    repeat(b, 1500, "a@b.test,\r\n ");
    build_text(b, "z@b.test\r\n" HEAD "\r\n");
}

static void second_from_beyond_the_limit(struct builder *b)
{
    build_text(b, HEAD);
    repeat(b, 8192, "X: 0123456789012345678901234567\r\n");
    build_text(b, HEAD "\r\n");
}

static void many_fields(struct builder *b)
{
    repeat(b, 1000000, "a:\r\n");
    build_text(b, HEAD "\r\n");
}

static void folded_line_of_10_mb(struct builder *b)
{
    build_text(b, HEAD "Subject:");
    repeat(b, 1000000, " aaaaaaa\r\n");
    build_text(b, "\r\n");
}

static void header_of_100_mb(struct builder *b)
{
    build_text(b, HEAD);
    repeat(b, 1000000,
           "X-Long-Name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
           "aaaaaaaaaaaaaaaaaaaaaaaaa\r\n");
    build_text(b, "\r\n");
}

static void comments_nested(struct builder *b)
{
    build_text(b, "From: a@b.test ");
    repeat(b, 100000, "(");
    repeat(b, 100000, ")");
    build_text(b, "\r\n\r\n");
}

static void comments_nested_and_open(struct builder *b)
{
    build_text(b, "From: a@b.test ");
    repeat(b, 100000, "(");
    build_text(b, "\\\r\n\r\n");
}

static void comments_in_a_row(struct builder *b)
{
    build_text(b, HEAD "Content-Type: text/plain; name=");
    repeat(b, 80000, "()");
    build_text(b, "x\r\n\r\n");
}

static void segments(struct builder *b)
{
    build_text(b, HEAD "Content-Type: text/plain");
    for (unsigned i = 100000; i-- > 0;)
        build_printf(b, ";\r\n name*%u=\"x\"", i);
    build_text(b, "\r\n\r\n");
}

static void boundary_of_a_million(struct builder *b)
{
    build_text(b, HEAD "Content-Type: multipart/mixed;\r\n boundary=\"");
    repeat(b, 1000000, "b");
    build_text(b, "\"\r\n\r\n");
}

static void boundary_too_long(struct builder *b)
{
    build_text(b, HEAD "Content-Type: multipart/mixed;\r\n boundary=\"");
    repeat(b, 257, "b");
    build_text(b, "\"\r\n\r\n");
}

static void parts_in_millions(struct builder *b)
{
    build_text(b, MIXED);
    repeat(b, 1000000, "--x\r\n\r\n");
    build_text(b, "--x--\r\n");
}

static void messages_within_messages(struct builder *b)
{
    repeat(b, 10000, HEAD "Content-Type: message/rfc822\r\n\r\n");
}

static void id_of_a_megabyte(struct builder *b)
{
    build_text(b, HEAD "Message-ID: <");
    repeat(b, 200000, "aaaaa");
    build_text(b, "@b.test>\r\n\r\n");
}

static const struct {
    const char *name;
    void (*build)(struct builder *b);
    const char *faults; /* names only */
} large[] = {
    {"line of 999", long_line, "line-long"},
    {"line of 998", longest_line, ""},
    {"header line of 999", long_header_line, "header-line-long"},
    {"10^4 addresses", many_addresses, "from-address address-bad header-line-long"},
    {"recipients before the author", many_recipients_before_the_author, "address-bad"},
    {"second From beyond the limit", second_from_beyond_the_limit, "header-cut"},
    {"10^6 fields", many_fields, "from-missing header-cut"},
    {"folded line of 10 MB", folded_line_of_10_mb, "header-cut"},
    {"header of 100 MB", header_of_100_mb, "header-cut"},
    {"comments nested", comments_nested, "header-line-long"},
    {"comments open", comments_nested_and_open, "from-address address-bad header-line-long"},
    {"comments in a row", comments_in_a_row, "header-line-long"},
    {"10^5 segments", segments, "type-parameters header-cut"},
    {"boundary of 10^6", boundary_of_a_million, "type-parameters boundary-missing"},
    {"boundary too long", boundary_too_long, "boundary-missing"},
    {"10^6 parts", parts_in_millions, "too-many-parts"},
    {"messages in messages", messages_within_messages, "too-deep"},
    {"Message-ID of 1 MB", id_of_a_megabyte, "id-bad"},
};

static void test_large(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(large); i++) {
        struct builder b, whole, cut;
        struct timespec before, after;

        build_init(&b, 128u << 20);
        build_init(&whole, 1 << 20);
        build_init(&cut, 1 << 20);
        large[i].build(&b);
        assert_true(build_ok(&b));
        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
        describe(&whole, build_slice(&b), b.n);
        describe(&cut, build_slice(&b), 4093);
        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
        assert_true(slice_eq(build_slice(&whole), build_slice(&cut)));
        /* Square time would take hours. */
        assert_true(after.tv_sec - before.tv_sec < 30);
        struct slice line =
            slice_from(build_slice(&whole), slice_find_byte(build_slice(&whole), '\n') + 1);
        struct slice want = slice_str(large[i].faults);

        assert_int_equal(line.n > 0, want.n > 0);
        while (want.n > 0) {
            size_t space = slice_find_byte(want, ' ');

            if (slice_find(line, slice_sub(want, 0, space)) == SIZE_MAX)
                fail_msg("%s: got %.*s", large[i].name, SLICE_FMT(line));
            want = slice_from(want, space == SIZE_MAX ? want.n : space + 1);
        }
        build_done(&b);
        build_done(&whole);
        build_done(&cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_large)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
