/* Base subjects (RFC 5256 2.1) and canonical ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/num.h"
#include "mail/message_private.h"

static const struct {
    struct slice in;
    const char *base;
    bool response;
} subjects[] = {
    {SLICE_INIT("test"), "test", false},
    {SLICE_INIT(" a  b\tc \r\n d\t"), "a b c d", false},
    {SLICE_INIT("test (fwd) (fwd) "), "test", true},
    {SLICE_INIT("re: test"), "test", true},
    {SLICE_INIT("fw: test"), "test", true},
    {SLICE_INIT("fwd: test"), "test", true},
    {SLICE_INIT("fwd [tag] Test"), "fwd [tag] test", false},
    {SLICE_INIT("[list] re: a b c\t"), "a b c", true},
    {SLICE_INIT("[list] fw: a b c"), "a b c", true},
    {SLICE_INIT("[tag1][tag2] [tag3]\t re: a b c"), "a b c", true},
    {SLICE_INIT("[list] fw:[tag] a b c"), "a b c", true},
    {SLICE_INIT("[list] re: [list] fwd: a b c\t"), "a b c", true},
    {SLICE_INIT("[tag1][tag2] [tag3]\t re: a\0b c"), "", true},
    {SLICE_INIT("[fwd: a b c]"), "a b c", true},
    {SLICE_INIT("[fwd: [fwd: a b c]]"), "a b c", true},
    {SLICE_INIT("[fwd: [list] re: a b c]"), "a b c", true},
    {SLICE_INIT("[nonlist]"), "[nonlist]", false},
    {SLICE_INIT("fwd [list]:"), "", true},
    {SLICE_INIT("Re [2]: x"), "x", true},
    {SLICE_INIT("RE: \xc3\x84"), "\xc3\xa4", true},
    {SLICE_INIT("[fwd:]"), "", true},
    {SLICE_INIT("[list] x"), "x", false},
    {SLICE_INIT("red: x"), "red: x", false},
    {SLICE_INIT(""), "", false},
};

static void test_subjects(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(subjects); i++) {
        struct arena a;
        bool response;

        arena_init(&a, 1 << 16);
        struct slice base = thread_subject_base(&a, subjects[i].in, &response);

        if (!slice_eq(base, slice_str(subjects[i].base)) || response != subjects[i].response)
            fail_msg("row %zu: got \"%.*s\" %d", i, SLICE_FMT(base), response);
        arena_done(&a);
    }
}

static const struct {
    const char *in, *id;
} ids[] = {
    {"bogus", ""},
    {"<bogus@host", ""},
    {"bogus@host>", ""},
    {"<>", ""},
    {"<USER@DOMAIN>", "user@domain"},
    {"<user@domain> (added by x)", "user@domain"},
    {"<user@domain> other", "user@domain"},
    {"<user@domain>other", ""},
    {"<user@[10.0.0.1]>", "user@[10.0.0.1]"},
    {"<User@Domain@Time>", "user@domain@time"},
    {"<User>", "user"},
    {"<\"user\"@host>", "user@host"},
    {"<\"us er\"@host>", "\"us er\"@host"},
    {"\r\n <a@b>\r\n", "a@b"},
};

static void test_message_ids(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        struct arena a;

        arena_init(&a, 1 << 16);
        struct slice id = thread_message_id(&a, slice_str(ids[i].in));

        if (!slice_eq(id, slice_str(ids[i].id)))
            fail_msg("\"%s\": got \"%.*s\"", ids[i].in, SLICE_FMT(id));
        arena_done(&a);
    }
}

static const struct {
    const char *header, *ids; /* each id followed by a space */
} references[] = {
    {"References: bogus\r\n", ""},
    {"References: <User@host>\r\n", "user@host "},
    {"References: <User@t\xc3\xa9st.example>\r\n", "user@t\xc3\xa9st.example "},
    {"References: <User@xn--tst-bma.example>\r\n", "user@xn--tst-bma.example "},
    {"References: <User@bad_label.domain>\r\n", "user@bad_label.domain "},
    {"References: <truncated@hos <user@host>\r\n", "user@host "},
    {"References: <previously wrapped@host>\r\n", "previouslywrapped@host "},
    {"References: <previously\r\n\t wrapped@host>\r\n", "previouslywrapped@host "},
    {"References: <user1@host> <user2@other.example>\r\n", "user1@host user2@other.example "},
    {"References: <a@b>\r\nReferences: <c@d>\r\nIn-Reply-To: <e@f>\r\n", "a@b c@d "},
    {"References: <missinghost>\r\n", "missinghost "},
    {"References: <user@host@time>\r\n", "user@host@time "},
    {"References: bogus bad <user@host>\r\n", "user@host "},
    {"References: <>\r\n", ""},
    {"References: <> <a@b>\r\n", "a@b "},
    {"In-Reply-To: <user@host> more stuff\r\nReferences: bogus bad\r\n", "user@host "},
    {"In-Reply-To: Your message of today <user@host> <x@y>\r\n", "user@host "},
};

static void test_references(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(references); i++) {
        struct arena a;
        struct builder out;
        struct mail_header h;
        struct mail_message m = {0};
        struct err err;

        arena_init(&a, 1 << 16);
        build_init(&out, 1 << 16);
        assert_int_equal(mail_header_parse(&a, slice_str(references[i].header), &h, &err), 0);
        thread_references(&a, &h, &m);
        for (size_t j = 0; j < m.references_n; j++) {
            build_bytes(&out, m.references[j]);
            build_byte(&out, ' ');
        }
        if (!slice_eq(build_slice(&out), slice_str(references[i].ids)))
            fail_msg("%s: got %.*s", references[i].header, SLICE_FMT(build_slice(&out)));
        build_done(&out);
        arena_done(&a);
    }
}

/* An id one octet too long is none; the newest hundred references stay. */
static void test_limits(void **state)
{
    struct arena a;
    struct builder b;
    struct mail_header h;
    struct mail_message m = {0};
    struct err err;

    (void)state;
    arena_init(&a, 1 << 20);
    for (size_t n = 999; n <= 1001; n++) {
        build_init(&b, 2000);
        build_byte(&b, '<');
        for (size_t i = 0; i < n; i++)
            build_byte(&b, 'a');
        build_byte(&b, '>');
        assert_int_equal(thread_message_id(&a, build_slice(&b)).n, n <= 1000 ? n : 0);
        build_done(&b);
    }
    build_init(&b, 1 << 16);
    build_text(&b, "References:");
    for (int i = 0; i < 150; i++)
        build_printf(&b, " <%d@x>", i);
    assert_int_equal(mail_header_parse(&a, build_slice(&b), &h, &err), 0);
    thread_references(&a, &h, &m);
    assert_int_equal(m.references_n, 100);
    assert_true(slice_eq(m.references[0], SLICE("50@x")));
    assert_true(slice_eq(m.references[99], SLICE("149@x")));
    build_done(&b);
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_subjects),
        cmocka_unit_test(test_message_ids),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
