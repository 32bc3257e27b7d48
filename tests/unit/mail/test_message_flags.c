/* What SMTP asks of a message: its flags, and that a hostile header stays within the limits. */
#include "mail/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/num.h"

#define UML "\xc3\xbc"
#define TWO(type, header2)                                                                         \
    "Content-Type: " type "; boundary=x\r\n\r\n--x\r\n\r\na\r\n--x\r\n" header2                    \
    "\r\n\r\nb\r\n--x--\r\n"

static const struct {
    const char *name;
    struct slice in;
    bool separator, has_8bit, header_8bit, dsn;
} rows[] = {
    /* Acceptance 181. */
    {"header alone", SLICE_INIT("k: v\r\n"), false, false, false, false},
    {"empty line", SLICE_INIT("k: v\r\n\r\n"), true, false, false, false},
    {"with body", SLICE_INIT("k: v\r\n\r\nbody\r\n"), true, false, false, false},
    {"lf lf", SLICE_INIT("k: v\n\n"), true, false, false, false},
    {"lf crlf", SLICE_INIT("k: v\n\r\n"), true, false, false, false},
    {"crlf first", SLICE_INIT("\r\nbody"), true, false, false, false},
    {"cr cr", SLICE_INIT("k: v\r\rbody"), false, false, false, false},
    {"no octets", SLICE_INIT(""), false, false, false, false},

    {"8-bit body", SLICE_INIT("k: v\r\n\r\n" UML), true, true, false, false},
    {"8-bit field", SLICE_INIT("k: " UML "\r\n\r\n"), true, true, true, false},
    {"8-bit name", SLICE_INIT(UML ": v\r\n\r\n"), true, true, true, false},
    {"8-bit field of a part",
     SLICE_INIT(TWO("multipart/mixed", "Content-Disposition: attachment; filename=" UML)), true,
     true, true, false},
    {"8-bit field of a message within",
     SLICE_INIT(TWO("multipart/mixed", "Content-Type: message/rfc822\r\n\r\nSubject: " UML)), true,
     true, false, false},
    {"8-bit field of a part of a message within",
     SLICE_INIT("Content-Type: message/rfc822\r\n\r\n" TWO("multipart/mixed", "k: " UML)), true,
     true, false, false},
    {"8-bit field behind a message within",
     SLICE_INIT("Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"
                "Content-Type: message/rfc822\r\n\r\nk: v\r\n\r\na\r\n--x\r\nk: " UML
                "\r\n\r\nb\r\n--x--\r\n"),
     true, true, true, false},

    {"report", SLICE_INIT(TWO("multipart/report; report-type=Delivery-Status", "k: v")), true,
     false, false, true},
    {"report of another type",
     SLICE_INIT(TWO("multipart/report; report-type=disposition-notification",
                    "Content-Type: message/delivery-status")),
     true, false, false, false},
    {"report within",
     SLICE_INIT("Content-Type: message/rfc822\r\n\r\n" TWO(
         "multipart/report; report-type=delivery-status", "k: v")),
     true, false, false, false},
};

static const struct mail_message *parse(struct arena *a, struct slice in, size_t step)
{
    struct err err;

    arena_init(a, MAIL_ARENA_MAX);
    struct mail_parser *p = mail_parser_new(a, &err);

    assert_non_null(p);
    for (size_t at = 0; at < in.n; at += step)
        mail_parser_feed(p, slice_sub(in, at, step));
    const struct mail_message *m = mail_parser_finish(p);

    assert_non_null(m);
    return m;
}

static void tells_flags(void **state)
{
    static const size_t steps[] = {1, 2, 7, SIZE_MAX / 2};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(steps); k++) {
            struct arena a;
            const struct mail_message *m = parse(&a, rows[i].in, steps[k]);

            if (m->has_body_separator != rows[i].separator || m->has_8bit != rows[i].has_8bit ||
                m->header_8bit != rows[i].header_8bit || m->dsn != rows[i].dsn || m->header_cut)
                fail_msg("%s, step %zu: %d %d %d %d %d", rows[i].name, steps[k],
                         m->has_body_separator, m->has_8bit, m->header_8bit, m->dsn, m->header_cut);
            arena_done(&a);
        }
    }
}

/* Faults 24: headers of 100 MB take what the limits allow, and no more. */
static void bounds_headers(void **state)
{
    static const struct {
        const char *name;
        struct slice first, line;
        size_t times;
    } huge[] = {
        {"a million fields", SLICE_INIT(""), SLICE_INIT("X-Field: some text that is here\r\n"),
         1000000},
        {"a folded field of 10 MB", SLICE_INIT("Subject: x\r\n"), SLICE_INIT(" aaaaaaa\r\n"),
         1000000},
        {"a line of 100 MB", SLICE_INIT("Subject: "),
         SLICE_INIT(
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
             "aaaaaaaaaaaaaaaaaaaaa"),
         1000000},
        {"addresses", SLICE_INIT("From: a@b.example"), SLICE_INIT(",\r\n a@b.example"), 100000},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(huge); i++) {
        struct arena a;
        struct err err;

        arena_init(&a, MAIL_ARENA_MAX);
        struct mail_parser *p = mail_parser_new(&a, &err);

        mail_parser_feed(p, huge[i].first);
        for (size_t n = 0; n < huge[i].times; n++)
            mail_parser_feed(p, huge[i].line);
        mail_parser_feed(p, SLICE("\r\nTo: behind@the.limits\r\n\r\nbody"));
        const struct mail_message *m = mail_parser_finish(p);

        if (m == NULL || !m->header_cut || !m->has_body_separator)
            fail_msg("%s", huge[i].name);
        assert_true(m->root->header->n <= MAIL_FIELDS_MAX);
        assert_int_equal(m->root->envelope->to.n, 0);
        assert_true(a.used <= MAIL_ARENA_MAX);
        arena_done(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_flags),
        cmocka_unit_test(bounds_headers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
