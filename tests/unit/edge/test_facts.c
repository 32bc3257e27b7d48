/* Facts of ordinary messages, and of messages whose facts would be large. */
#include "edge/facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/builder.h"
#include "base/num.h"
#include "mail/render.h"

#define FACTS_MAX (20 * 1024)

static struct slice slice_of_data(ProtobufCBinaryData d)
{
    return slice_of(d.data, d.len);
}

static Gw__Facts facts_of(struct arena *a, struct slice in)
{
    struct err err;
    Gw__Facts facts = GW__FACTS__INIT;

    arena_init(a, 2 * MAIL_ARENA_MAX);
    struct mail_parser *p = mail_parser_new(a, &err);

    assert_non_null(p);
    mail_parser_feed(p, in);
    const struct mail_message *m = mail_parser_finish(p);

    assert_non_null(m);
    assert_int_equal(facts_of_message(a, m, &facts, &err), 0);
    return facts;
}

static void test_ordinary(void **state)
{
    struct arena a;
    Gw__Facts f = facts_of(&a, SLICE("From: =?utf-8?q?J=C3=B6?= <jo@a.example>\r\n"
                                     "To: x@b.example, g: y@c.example;\r\nBcc: z@d.example\r\n"
                                     "Date: Thu, 1 Jan 1970 00:00:01 +0000\r\n"
                                     "Subject: Re: hi\r\nMessage-ID: <A@B>\r\n"
                                     "References: <r1@x> <r2@x>\r\n\r\nhello\r\n"));

    (void)state;
    assert_true(slice_eq(slice_of_data(f.message_id), SLICE("a@b")));
    assert_true(slice_eq(slice_of_data(f.subject_base), SLICE("hi")));
    assert_true(f.subject_is_response);
    assert_int_equal(f.n_references, 2);
    assert_true(slice_eq(slice_of_data(f.references[0]), SLICE("r1@x")));
    assert_true(slice_eq(slice_of_data(f.from_localpart), SLICE("jo")));
    assert_true(slice_eq(slice_of_data(f.from_domain), SLICE("a.example")));
    assert_int_equal(f.date_ns, 1000000000);
    assert_int_equal(f.n_recipient_addresses, 3);
    assert_true(slice_eq(slice_of_data(f.recipient_addresses[1]), SLICE("y@c.example")));
    assert_true(slice_eq(slice_of_data(f.preview), SLICE("hello\n")));
    assert_true(slice_find(slice_of_data(f.envelope), SLICE("=?utf-8?q?J=C3=B6?=")) != SIZE_MAX);
    assert_true(slice_find(slice_of_data(f.envelope_utf8), SLICE("\"Jö\"")) != SIZE_MAX);
    arena_done(&a);
}

static void test_same_envelope_once(void **state)
{
    struct arena a;
    Gw__Facts f = facts_of(&a, SLICE("From: a@b, c@d\r\nSubject: x\r\n\r\n"));

    (void)state;
    assert_int_equal(f.envelope_utf8.len, 0);
    assert_int_equal(f.from_domain.len, 0);
    assert_int_equal(f.date_ns, 0);
    arena_done(&a);
}

/* Acceptance 270, faults 21: where From can be read in two ways, nobody is the author. */
static void test_one_author(void **state)
{
    static const struct {
        const char *name, *header, *domain;
    } rows[] = {
        {"one", "From: a@b.example\r\n", "b.example"},
        {"none", "To: a@b.example\r\n", ""},
        {"two fields", "From: a@b.example\r\nfrom: a@b.example\r\n", ""},
        {"two fields, one empty", "From: a@b.example\r\nFROM:\r\n", ""},
        {"two fields, one broken", "From: <>\r\nFrom : a@b.example\r\n", ""},
        {"two addresses", "From: a@b.example, c@d.example\r\n", ""},
        {"an address and an empty one", "From: a@b.example, <>\r\n", ""},
        {"group", "From: g: a@b.example;\r\n", ""},
        {"empty", "From: \r\n", ""},
        {"comment that ends in a backslash", "From: (x\\", ""},
    };
    struct builder deep;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct arena a;
        Gw__Facts f = facts_of(&a, slice_str(rows[i].header));

        if (!slice_eq(slice_of_data(f.from_domain), slice_str(rows[i].domain)))
            fail_msg("%s", rows[i].name);
        arena_done(&a);
    }
    for (unsigned kind = 0; kind < 3; kind++) {
        struct arena a;

        build_init(&deep, 8 << 20);
        build_text(&deep, "From: a@b.example");
        for (unsigned i = 0; i < 100000; i++)
            build_text(&deep, kind == 0 ? "," : kind == 1 ? "(" : ", c@d.example");
        Gw__Facts f = facts_of(&a, build_slice(&deep));

        assert_true(kind < 2 || f.from_domain.len == 0);
        build_done(&deep);
        arena_done(&a);
    }
    /* A second one where the parser keeps no more fields. */
    struct arena a;

    build_init(&deep, 8 << 20);
    build_text(&deep, "From: a@b.example\r\n");
    for (unsigned i = 0; i < 100000; i++)
        build_text(&deep, "A: b\r\n");
    build_text(&deep, "From: c@d.example\r\n\r\n");
    assert_int_equal(facts_of(&a, build_slice(&deep)).from_domain.len, 0);
    build_done(&deep);
    arena_done(&a);
}

static const struct {
    const char *name, *head, *piece;
    size_t n;
    const char *tail;
    bool flat;
} large[] = {
    {"recipients", "To: ", "Somebody <somebody@a.example>,\r\n ", 1000, "\r\n\r\n", false},
    {"subject", "Subject: ", "\xc3\xa4", 30000, "\r\n\r\n", false},
    {"references", "References: ", "<0123456789012345678901234567890123456789@host>\r\n ", 2000,
     "\r\n\r\n", false},
    {"text", "\r\n", "word ", 10000, "\r\n", false},
    {"parts", "Content-Type: multipart/mixed; boundary=b\r\n\r\n", "--b\r\n\r\nx\r\n", 900, "",
     true},
    {"parameters", "Content-Type: text/plain", "; aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa#=b", 900,
     "\r\n\r\n", true},
    {"languages", "Content-Language: ", "en,", 20000, "\r\n\r\n", true},
    {"parameter", "Content-Type: text/plain; name=", "abcdefghij", 2000, "\r\n\r\n", false},
    {"boundary", "Content-Type: multipart/mixed; boundary=b; x=", "\\\"", 9000,
     "\r\n\r\n--b\r\n\r\nx", false},
};

static void build_large(struct builder *b, size_t row)
{
    build_init(b, 1 << 20);
    build_text(b, large[row].head);
    for (size_t i = 0; i < large[row].n; i++)
        for (const char *p = large[row].piece; *p; p++)
            if (*p == '#')
                build_number(b, i);
            else
                build_byte(b, (uint8_t)*p);
    build_text(b, large[row].tail);
    assert_true(build_ok(b));
}

static void test_large(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(large); i++) {
        struct builder b;
        struct arena a;
        struct part_entry *v;
        struct err err;
        size_t n;

        build_large(&b, i);
        Gw__Facts f = facts_of(&a, build_slice(&b));

        if (gw__facts__get_packed_size(&f) > FACTS_MAX)
            fail_msg("%s: %zu", large[i].name, gw__facts__get_packed_size(&f));
        assert_true(f.envelope.len > 0 && f.bodystructure.len > 0);
        assert_int_equal(parts_read(&a, slice_of_data(f.parts), &v, &n, &err), 0);
        /* Flat structures have one entity. */
        if (large[i].flat)
            assert_int_equal(n, 1);
        assert_int_equal(v[0].end_at, b.n);
        build_done(&b);
        arena_done(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ordinary),
        cmocka_unit_test(test_same_envelope_once),
        cmocka_unit_test(test_one_author),
        cmocka_unit_test(test_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
