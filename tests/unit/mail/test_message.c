/* The parser on whole messages. Every message is parsed in one piece, in octets and in odd pieces,
 * and must give the same each time. */
#include "mail/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/num.h"
#include "mail/render.h"
#include "mail_fixtures.h"

static const struct mail_message *parse(struct arena *a, struct slice in, size_t chunk)
{
    struct err err;

    arena_init(a, MAIL_ARENA_MAX);
    struct mail_parser *p = mail_parser_new(a, &err);

    assert_non_null(p);
    for (size_t at = 0; at < in.n; at += chunk)
        mail_parser_feed(p, slice_sub(in, at, chunk));
    const struct mail_message *m = mail_parser_finish(p);

    assert_non_null(m);
    return m;
}

/* All that a parse gives, as text. */
static void describe(struct builder *out, const struct mail_message *m)
{
    build_init(out, 64u * 1024 * 1024);
    render_parts(out, m->root);
    render_envelope(out, m->root->envelope, false);
    render_envelope(out, m->root->envelope, true);
    render_bodystructure(out, m->root);
    build_printf(out, "%d %d %d %u %d %zu", m->has_body_separator, m->has_8bit, m->header_8bit,
                 m->received_n, m->dsn, m->references_n);
    build_bytes(out, m->text);
    build_bytes(out, m->preview);
    build_bytes(out, m->subject_base);
    assert_true(build_ok(out));
}

static void assert_same_in_chunks(struct slice in)
{
    static const size_t chunks[] = {1, 2, 7, 61, 4096};
    struct arena a;
    struct builder whole, cut;

    describe(&whole, parse(&a, in, in.n ? in.n : 1));
    arena_done(&a);
    for (size_t i = 0; i < ARRAY_SIZE(chunks); i++) {
        describe(&cut, parse(&a, in, chunks[i]));
        assert_int_equal(whole.n, cut.n);
        assert_memory_equal(whole.p, cut.p, whole.n);
        build_done(&cut);
        arena_done(&a);
    }
    build_done(&whole);
}

static void assert_structure(const char *name, struct slice in, const char *expected)
{
    struct arena a;
    struct builder out;

    assert_same_in_chunks(in);
    build_init(&out, 1 << 20);
    render_bodystructure(&out, parse(&a, in, in.n)->root);
    build_byte(&out, 0);
    if (strcmp((const char *)out.p, expected) != 0)
        fail_msg("%s:\n got  %s\n want %s", name, (const char *)out.p, expected);
    build_done(&out);
    arena_done(&a);
}

#define PLAIN "\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\""
#define NO_EXT "NIL NIL NIL NIL"

static const struct {
    const char *name;
    struct slice in;
    const char *structure;
} structures[] = {
    {"no header", SLICE_INIT("\r\nx"), "(" PLAIN " 1 1 " NO_EXT ")"},
    {"no body", SLICE_INIT("Subject: x\r\n"), "(" PLAIN " 0 0 " NO_EXT ")"},
    {"empty", SLICE_INIT(""), "(" PLAIN " 0 0 " NO_EXT ")"},
    {"stray semicolons", SLICE_INIT("content-type: text/html;;\r\n\r\n"),
     "(\"TEXT\" \"HTML\" NIL NIL NIL \"7BIT\" 0 0 " NO_EXT ")"},
    {"no type", SLICE_INIT("content-type: not a content type;;\r\n\r\n"),
     "(\"APPLICATION\" \"OCTET-STREAM\" NIL NIL NIL \"7BIT\" 0 " NO_EXT ")"},
    {"no boundary", SLICE_INIT("content-type: multipart/mixed;;\r\n\r\nab"),
     "(\"APPLICATION\" \"OCTET-STREAM\" NIL NIL NIL \"7BIT\" 2 " NO_EXT ")"},
    {"no part", SLICE_INIT("content-type: multipart/mixed; boundary=x\r\n\r\nab"),
     "((" PLAIN " 2 1 " NO_EXT ") \"MIXED\" (\"BOUNDARY\" \"x\") NIL NIL NIL)"},
    {"RFC 2046 5.1.1",
     SLICE_INIT("Content-type: multipart/mixed; boundary=\"simple boundary\"\r\n\r\n"
                "This is the preamble.\r\n\r\n--simple boundary\r\n\r\n"
                "This is implicitly typed plain US-ASCII text.\r\n"
                "It does NOT end with a linebreak.\r\n--simple boundary\r\n"
                "Content-type: text/plain; charset=us-ascii\r\n\r\n"
                "This is explicitly typed plain US-ASCII text.\r\n"
                "It DOES end with a linebreak.\r\n\r\n--simple boundary--\r\n\r\n"
                "This is the epilogue.\r\n"),
     "((" PLAIN " 80 2 " NO_EXT ")(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"us-ascii\") NIL NIL \"7BIT\" "
     "78 2 " NO_EXT ") \"MIXED\" (\"BOUNDARY\" \"simple boundary\") NIL NIL NIL)"},
    {"no closing boundary",
     SLICE_INIT("Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\na\r\n--x\r\n\r\nbc"),
     "((" PLAIN " 1 1 " NO_EXT ")(" PLAIN " 2 1 " NO_EXT
     ") \"MIXED\" (\"BOUNDARY\" \"x\") NIL NIL NIL)"},
    {"boundary that begins another",
     SLICE_INIT("Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"
                "Content-Type: multipart/mixed; boundary=xy\r\n\r\n--xy\r\n\r\na\r\n--xy--\r\n"
                "--x--\r\n"),
     "(((" PLAIN " 1 1 " NO_EXT ") \"MIXED\" (\"BOUNDARY\" \"xy\") NIL NIL NIL) \"MIXED\" "
     "(\"BOUNDARY\" \"x\") NIL NIL NIL)"},
    {"boundary that ends in dashes",
     SLICE_INIT("Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"
                "Content-Type: multipart/mixed; boundary=x--\r\n\r\n--x--\r\n\r\na\r\n--x----\r\n"
                "--x--\r\n"),
     "(((" PLAIN " 1 1 " NO_EXT
     ") \"MIXED\" (\"BOUNDARY\" \"x--\") NIL NIL NIL) \"MIXED\" (\"BOUNDARY\" \"x\") NIL NIL NIL)"},
    {"inner multipart ended by the outer boundary",
     SLICE_INIT("Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n"
                "Content-Type: multipart/alternative; boundary=i\r\n\r\n--i\r\n\r\na\r\n--o\r\n"
                "Content-Disposition: inline\r\n\r\nb\r\n--o--"),
     "(((" PLAIN " 1 1 " NO_EXT ") \"ALTERNATIVE\" (\"BOUNDARY\" \"i\") NIL NIL NIL)(" PLAIN
     " 1 1 NIL (\"inline\" NIL) NIL NIL) \"MIXED\" (\"BOUNDARY\" \"o\") NIL NIL NIL)"},
    {"header ended by a boundary",
     SLICE_INIT("Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-ID: <a>\r\n--x--"),
     "((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") \"<a>\" NIL \"7BIT\" 0 0 " NO_EXT
     ") \"MIXED\" (\"BOUNDARY\" \"x\") NIL NIL NIL)"},
    {"text directly behind a boundary is none",
     SLICE_INIT("Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n--xa\r\n-\r\n--\r\n"
                "--x-- "),
     "((" PLAIN " 11 3 " NO_EXT ") \"MIXED\" (\"BOUNDARY\" \"x\") NIL NIL NIL)"},
    {"bare LF",
     SLICE_INIT("Content-Type: multipart/mixed; boundary=x\n\n--x\n\na\n--x\n\nb\n\n--x--\n"),
     "((" PLAIN " 1 1 " NO_EXT ")(" PLAIN " 2 1 " NO_EXT
     ") \"MIXED\" (\"BOUNDARY\" \"x\") NIL NIL NIL)"},
    {"digest",
     SLICE_INIT("Content-Type: multipart/digest; boundary=x\r\n\r\n--x\r\n\r\nSubject: s\r\n\r\nb"
                "\r\n--x--"),
     "((\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 15 (NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL) "
     "(" PLAIN " 1 1 " NO_EXT ") 3 " NO_EXT ") \"DIGEST\" (\"BOUNDARY\" \"x\") NIL NIL NIL)"},
    {"encoded message is not parsed",
     SLICE_INIT("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nYTog"),
     "(\"APPLICATION\" \"OCTET-STREAM\" NIL NIL NIL \"BASE64\" 4 " NO_EXT ")"},
    {"appendix A of RFC 2049", SLICE_INIT(MESSAGE_MN), STRUCTURE_MN},
    {"sample of RFC 3501", SLICE_INIT(MESSAGE_M1),
     "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 57 2 " NO_EXT ")"},
};

static void test_structures(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(structures); i++)
        assert_structure(structures[i].name, structures[i].in, structures[i].structure);
}

static void test_body_without_extension(void **state)
{
    struct builder out;

    (void)state;
    build_init(&out, 1 << 16);
    render_body_of_structure(&out, SLICE(STRUCTURE_MN));
    build_byte(&out, 0);
    assert_string_equal((const char *)out.p, BODY_MN);
    build_done(&out);
}

static void test_facts(void **state)
{
    struct arena a;
    const struct mail_message *m = parse(&a, SLICE(MESSAGE_M1), 10000);

    (void)state;
    assert_true(slice_eq(m->message_id, SLICE("b27397-0100000@blurdybloop.example")));
    assert_true(slice_eq(m->subject_base, SLICE("afternoon meeting")));
    assert_true(slice_eq(m->preview, SLICE("Hello Joe, do you think we can meet at 3:30 "
                                           "tomorrow?\n")));
    assert_true(slice_find(m->text, SLICE("foobar@Blurdybloop.example")) != SIZE_MAX);
    assert_true(m->has_body_separator);
    assert_false(m->has_8bit);
    arena_done(&a);

    m = parse(&a,
              SLICE("Received: a\r\nReceived: b\r\nSubject: Re: =?utf-8?Q?=C3=84?=\r\n"
                    "Content-Type: text/html; charset=iso-8859-1\r\n"
                    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
                    "<html><head><title>t</title></head><p>Gr=FC=\r\n=DFe</p>"),
              3);
    assert_int_equal(m->received_n, 2);
    assert_true(slice_eq(m->subject_base, SLICE("ä")));
    assert_true(m->subject_is_response);
    assert_true(slice_eq(m->text, SLICE("Re: Ä\nGrüße\n")));
    assert_true(slice_eq(m->preview, SLICE("Grüße\n")));
    arena_done(&a);
}

#define PLAIN_PART(text) "--b\r\nContent-Type: text/plain\r\n\r\n" text "\r\n"
#define NESTED(type)                                                                               \
    "--b\r\nContent-Type: multipart/" type "; boundary=c\r\n\r\n--c\r\n\r\ninner\r\n--c--\r\n"

/* RFC 8970 3: what cannot be shown has no preview; a signature (RFC 1847 2.1) is no text. */
static void test_preview_parts(void **state)
{
    static const struct {
        const char *subtype, *body, *preview;
    } rows[] = {
        {"mixed", PLAIN_PART("") PLAIN_PART("second"), "second\n"},
        {"signed", PLAIN_PART("first") PLAIN_PART("signature"), "first\n"},
        {"signed", PLAIN_PART("") PLAIN_PART("signature"), ""},
        {"signed", NESTED("mixed") PLAIN_PART("signature"), "inner\n"},
        {"SIGNED", PLAIN_PART("") NESTED("mixed"), ""},
        {"encrypted", PLAIN_PART("Version: 1") PLAIN_PART("secret"), ""},
        {"mixed", NESTED("encrypted") PLAIN_PART("outside"), "outside\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char text[1000];
        struct arena a;
        int n = snprintf(text, sizeof(text),
                         "Content-Type: multipart/%s; boundary=b\r\n\r\n%s--b--\r\n",
                         rows[i].subtype, rows[i].body);

        assert_true(n > 0 && (size_t)n < sizeof(text));
        const struct mail_message *m = parse(&a, slice_of(text, (size_t)n), 7);

        if (!slice_eq(m->preview, slice_str(rows[i].preview)))
            fail_msg("row %zu: \"%.*s\"", i, SLICE_FMT(m->preview));
        arena_done(&a);
    }
}

static void test_parts_round_trip(void **state)
{
    struct arena a;
    struct err err;
    struct builder out;
    struct part_entry *v;
    size_t n;
    const struct mail_message *m = parse(&a, SLICE(MESSAGE_MN), 100);
    static const struct {
        uint32_t numbers[4];
        size_t n;
        int found;
    } paths[] = {
        {{0}, 0, 0},    {{1}, 1, 1},     {{2}, 1, 2},     {{3}, 1, 3},     {{3, 1}, 2, 4},
        {{3, 2}, 2, 5}, {{4}, 1, 6},     {{5}, 1, 7},     {{5, 1}, 2, 8},  {{5, 1, 1}, 3, -1},
        {{6}, 1, -1},   {{3, 3}, 2, -1}, {{1, 1}, 2, -1}, {{5, 2}, 2, -1}, {{3, 0}, 2, -1},
    };

    (void)state;
    build_init(&out, 10000);
    render_parts(&out, m->root);
    assert_int_equal(parts_read(&a, build_slice(&out), &v, &n, &err), 0);
    assert_int_equal(n, 9);
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
        assert_int_equal(parts_find(v, n, paths[i].numbers, paths[i].n), paths[i].found);
    const struct mail_part *audio = m->root->child->next->next->child;

    assert_int_equal(v[4].header_at, audio->header_at);
    assert_int_equal(v[4].body_at, audio->body_at);
    assert_int_equal(v[4].end_at, audio->end_at);
    assert_int_equal(v[4].decoded_size, 14);
    assert_int_equal(v[4].encoding, PART_BASE64);
    assert_true(v[0].is_multipart && v[7].is_message && v[8].is_text);
    assert_true(slice_eq(v[8].charset, SLICE("iso-8859-1")));
    for (size_t i = 0; i < out.n; i++)
        assert_true(parts_read(&a, slice_sub(build_slice(&out), 0, i), &v, &n, &err) < 0 || n < 9);
    build_done(&out);
    arena_done(&a);
}

/* ---- messages made to hurt ---- */

static double seconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t count_parts(const struct mail_part *p)
{
    size_t n = 1;

    for (const struct mail_part *c = p->child; c; c = c->next)
        n += count_parts(c);
    return n;
}

static size_t depth_of(const struct mail_part *p)
{
    size_t depth = 0;

    for (const struct mail_part *c = p->child; c; c = c->next) {
        size_t d = depth_of(c) + 1;

        depth = d > depth ? d : depth;
    }
    return depth;
}

/* `head`, then `piece` n times (with %zu its number), then `tail`. */
static void repeat(struct builder *b, const char *head, const char *piece, size_t n,
                   const char *tail)
{
    build_init(b, 200u << 20);
    build_text(b, head);
    for (size_t i = 0; i < n; i++) {
        const char *mark = strchr(piece, '#');

        build_bytes(b, slice_of(piece, mark ? (size_t)(mark - piece) : strlen(piece)));
        if (mark) {
            build_number(b, i);
            build_text(b, mark + 1);
        }
    }
    build_text(b, tail);
    assert_true(build_ok(b));
}

#define TEN(x) x x x x x x x x x x
#define PARAMS_50 TEN("a=1;b=2;c=3;d=4;e=5;")
#define FIELDS_50 TEN("a:\r\nb:\r\nc:\r\nd:\r\ne:\r\n")
#define ADDRESSES_50 TEN("a@b,c@d,e@f,g@h,i@j,")

static const struct {
    const char *name, *head, *piece;
    size_t n;
    const char *tail;
} attacks[] = {
    {"deep multiparts", "", "Content-Type: multipart/mixed; boundary=b#\r\n\r\n--b#\r\n", 10000,
     "x"},
    {"deep messages", "", "Content-Type: message/rfc822\r\n\r\n", 10000, "x"},
    {"many parts", "Content-Type: multipart/mixed; boundary=b\r\n\r\n", "--b\r\n\r\nx\r\n", 1000000,
     "--b--"},
    {"parameters in parts", "Content-Type: multipart/mixed; boundary=b\r\n\r\n",
     "--b\r\nContent-Type: a/b;" PARAMS_50 "\r\n\r\n", 1000, ""},
    {"fields in parts", "Content-Type: multipart/mixed; boundary=b\r\n\r\n",
     "--b\r\n" FIELDS_50 "\r\n", 1000, ""},
    {"addresses in messages", "Content-Type: multipart/digest; boundary=b\r\n\r\n",
     "--b\r\n\r\nTo: " ADDRESSES_50 "\r\n\r\n", 1000, ""},
    {"long words", "Subject: =?koi8-r?q?", "\xc1", 250000, "?=\r\n\r\n"},
    {"many fields", "", "a: b\r\n", 1000000, "\r\n"},
    {"long fold", "Subject: ", "a\r\n ", 3000000, "\r\n\r\n"},
    {"long line", "", "aaaaaaaaaaaaaaaa", 1000000, ""},
    {"long boundary", "Content-Type: multipart/mixed; boundary=", "aaaaaaaaaa", 100000,
     "\r\n\r\n--x\r\n"},
    {"segments", "Content-Type: text/plain", "; name*#*=%41", 100000, "\r\n\r\n"},
    {"parameters", "Content-Type: text/plain", "; n#=1", 100000, "\r\n\r\n"},
    {"addresses", "From: ", "a#@b, ", 100000, "\r\n\r\n"},
    {"From fields", "", "From: a@b\r\n", 100000, "\r\n"},
    {"comments", "From: ", "(", 100000, "\\"},
    {"encoded words", "Subject: ",
     "=?x#?q?"
     "?=",
     30000, "\r\n\r\n"},
    {"broken words", "Subject: ", "=?utf-8?q?", 30000, "\r\n\r\n"},
    {"blobs", "Subject: ", "[a]", 80000, "\r\n\r\n"},
    {"references", "References: ", "<a#@b>", 30000, "\r\n\r\n"},
    {"dashes", "Content-Type: multipart/mixed; boundary=b\r\n\r\n", "--\r\n", 1000000, ""},
    {"html", "Content-Type: text/html\r\n\r\n", "<script></scrip", 100000, ""},
    {"html comments", "Content-Type: text/html\r\n\r\n", "<!--", 100000, ""},
    {"signatures", "\r\n", "--\n", 100000, ""},
};

static void test_attacks(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(attacks); i++) {
        struct builder b, out;
        struct arena a;

        repeat(&b, attacks[i].head, attacks[i].piece, attacks[i].n, attacks[i].tail);
        double start = seconds();
        const struct mail_message *m = parse(&a, build_slice(&b), 65536);
        double spent = seconds() - start;

        assert_int_equal(m->size, b.n);
        assert_true(count_parts(m->root) <= MAIL_PARTS_MAX + 1);
        assert_true(depth_of(m->root) <= 2 * MAIL_DEPTH_MAX);
        assert_true(m->text.n <= MAIL_TEXT_MAX);
        build_init(&out, 64u << 20);
        render_bodystructure(&out, m->root);
        render_envelope(&out, m->root->envelope, true);
        assert_true(build_ok(&out));
        /* Sanitizers make this some ten times slower than it is. */
        if (spent > 3)
            fail_msg("%s: %.2f s for %zu octets", attacks[i].name, spent, b.n);
        build_done(&out);
        build_done(&b);
        arena_done(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structures),
        cmocka_unit_test(test_body_without_extension),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_preview_parts),
        cmocka_unit_test(test_parts_round_trip),
        cmocka_unit_test(test_attacks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
