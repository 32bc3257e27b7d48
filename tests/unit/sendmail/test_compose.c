/* Messages as programs write them, and as they are sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sendmail/compose.h"

#define FROM "From: Us <us@example.org>\r\n"
#define DATE "Date: Mon, 2 Jan 2006 22:04:05 +0000\r\n"
#define ID "Message-ID: <AAECAwQFBgcICQoLDA0ODw@example.org>\r\n"
#define TO "To: a@example.com\r\n"
#define MIME8(charset)                                                                             \
    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=" charset "\r\n"                       \
    "Content-Transfer-Encoding: 8bit\r\n"

static const struct {
    const char *name, *in, *out; /* out NULL: refused */
    const char *args[4];
    const char *recipients; /* with spaces; NULL: those of args */
    bool from_header, ignore_dots, tls_optional, utf8;
} rows[] = {
    {.name = "everything is missing",
     .in = "hello\n",
     .args = {"a@example.com"},
     .out = FROM DATE ID TO "\r\nhello\r\n"},
    {.name = "nothing at all", .in = "", .args = {"a@example.com"}, .out = FROM DATE ID TO "\r\n"},
    {.name = "nothing is missing",
     .in = "From: us@example.org\nTo: x@example.net\nDate: then\nMessage-ID: <1>\n\nhello\n",
     .args = {"a@example.com"},
     .out = "From: us@example.org\r\nTo: x@example.net\r\nDate: then\r\nMessage-ID: <1>\r\n\r\n"
            "hello\r\n"},
    {.name = "line ends of all kinds",
     .in = "Subject: x\r\n\na\r\nb\nc\rd",
     .args = {"a@example.com"},
     .out = FROM DATE ID TO "Subject: x\r\n\r\na\r\nb\r\nc\r\nd\r\n"},
    {.name = "a dot ends it",
     .in = "Subject: x\n\na\n.\nb\n",
     .args = {"a@example.com"},
     .out = FROM DATE ID TO "Subject: x\r\n\r\na\r\n"},
    {.name = "a dot does not end it",
     .in = "Subject: x\n\na\n.\nb\n",
     .args = {"a@example.com"},
     .ignore_dots = true,
     .out = FROM DATE ID TO "Subject: x\r\n\r\na\r\n.\r\nb\r\n"},
    {.name = "the line of an mbox",
     .in = "From us Mon Jan 2\nSubject: x\n\na\n",
     .args = {"a@example.com"},
     .out = FROM DATE ID TO "Subject: x\r\n\r\na\r\n"},
    {.name = "no empty line after the header",
     .in = "Subject: x\nhello there\n",
     .args = {"a@example.com"},
     .out = FROM DATE ID TO "Subject: x\r\n\r\nhello there\r\n"},
    {.name = "a folded From that is not ours",
     .in = "From: Some\n One\n <x@example.net>\nSubject: x\n\n",
     .args = {"a@example.com"},
     .out = "From: Some One <us@example.org>\r\n" DATE ID TO "Subject: x\r\n\r\n"},
    {.name = "an allowed address",
     .in = "From: other@example.org\nSubject: x\n\n",
     .args = {"a@example.com"},
     .out = DATE ID TO "From: other@example.org\r\nSubject: x\r\n\r\n"},
    {.name = "an address of an allowed domain",
     .in = "From: L <l@Lists.example.org>\n\n",
     .args = {"a@example.com"},
     .out = DATE ID TO "From: L <l@Lists.example.org>\r\n\r\n"},
    {.name = "two From fields",
     .in = "From: us@example.org\nFrom: x@example.net\n\n",
     .args = {"a@example.com"},
     .out = DATE ID TO "From: us@example.org\r\n\r\n"},
    {.name = "two authors",
     .in = "From: us@example.org, x@example.net\n\n",
     .args = {"a@example.com"},
     .out = FROM DATE ID TO "\r\n"},
    {.name = "hidden recipients",
     .in = "Bcc: b@example.com,\n c@example.com\nSubject: x\n\n",
     .args = {"a@example.com"},
     .out = FROM DATE ID "To: undisclosed-recipients:;\r\n"
                         "Subject: x\r\n\r\n"},
    {.name = "-t",
     .from_header = true,
     .in = "To: A <a@example.com>, b@example.com\nCc: g: c@example.com;\nBcc: d@example.com\n\n",
     .recipients = "a@example.com b@example.com c@example.com d@example.com",
     .out = FROM DATE ID "To: A <a@example.com>, b@example.com\r\nCc: g: c@example.com;\r\n\r\n"},
    {.name = "-t and arguments, each once",
     .from_header = true,
     .in = "To: a@example.com\n\n",
     .args = {"a@example.com", "e@example.com"},
     .recipients = "a@example.com e@example.com",
     .out = FROM DATE ID TO "\r\n"},
    {.name = "-t of a message that is sent on",
     .from_header = true,
     .in = "To: a@example.com\nResent-To: b@example.com\nResent-Bcc: c@example.com\n\n",
     .recipients = "b@example.com c@example.com",
     .out = FROM DATE ID TO "Resent-To: b@example.com\r\n\r\n"},
    {.name = "-t without recipients", .from_header = true, .in = "Subject: x\n\n"},
    {.name = "a list as argument",
     .in = "To: x@example.com\n\n",
     .args = {"B <b@example.com>, \"c d\"@example.com"},
     .recipients = "b@example.com c d@example.com",
     .out = FROM DATE ID "To: x@example.com\r\n\r\n"},
    {.name = "a name without a domain",
     .in = "To: root\n\n",
     .args = {"root"},
     .recipients = "admin@example.org",
     .out = FROM DATE ID "To: root\r\n\r\n"},
    {.name = "no address", .in = "\n", .args = {"<@>"}},
    {.name = "Return-Path and dead letters",
     .in = "Return-Path: <x@y>\nX-Dead-Letter-From: <x>\nX-Dead-Letter-To: <a>\n"
           "X-Dead-Letter-Reason: 550\n no\nSubject: x\n\n",
     .args = {"a@example.com"},
     .out = FROM DATE ID TO "Subject: x\r\n\r\n"},
    {.name = "TLS-Required",
     .in = "\n",
     .args = {"a@example.com"},
     .tls_optional = true,
     .out = FROM DATE ID TO "TLS-Required: No\r\n\r\n"},
    {.name = "UTF-8 in the body",
     .in = "\ngr\xc3\xbc\xc3\x9f\n",
     .args = {"a@example.com"},
     .out = FROM DATE ID TO MIME8("utf-8") "\r\ngr\xc3\xbc\xc3\x9f\r\n"},
    {.name = "Latin-1 in the body",
     .in = "\ngr\xfc\xdf\n",
     .args = {"a@example.com"},
     .out = FROM DATE ID TO MIME8("iso-8859-1") "\r\ngr\xfc\xdf\r\n"},
    {.name = "UTF-8 in a body that is described",
     .in = "MIME-Version: 1.0\n\n\xc3\xbc\n",
     .args = {"a@example.com"},
     .out = FROM DATE ID TO "MIME-Version: 1.0\r\n\r\n\xc3\xbc\r\n"},
    {.name = "UTF-8 in a subject",
     .in = "Subject: one gr\xc3\xbc\xc3\x9f\xc3\xbc \xc3\xbc two\n\n",
     .args = {"a@example.com"},
     .out = FROM DATE ID TO "Subject: one =?utf-8?b?Z3LDvMOfw7wgw7w=?= two\r\n\r\n"},
    {.name = "UTF-8 in a name",
     .in = "To: J\xc3\xb6rg <a@example.com>, \"b, c\" <b@example.com>\n\n",
     .args = {"a@example.com"},
     .out = FROM DATE ID
     "To: =?utf-8?q?J=C3=B6rg?= <a@example.com>, \"b, c\" <b@example.com>\r\n\r\n"},
    {.name = "UTF-8 in an address",
     .in = "To: \xc3\xb6@example.com\n\n",
     .args = {"a@example.com"},
     .utf8 = true,
     .out = FROM DATE ID "To: \xc3\xb6@example.com\r\n\r\n"},
    {.name = "a group with UTF-8",
     .in = "To: \xc3\xb6: a@example.com, b@example.com;\n\n",
     .args = {"a@example.com"},
     .out = FROM DATE ID "To: =?utf-8?b?w7Y=?=: a@example.com, b@example.com;\r\n\r\n"},
};

static struct compose_input input(size_t i, const struct slice *allowed)
{
    size_t n = 0;

    while (n < 4 && rows[i].args[n])
        n++;
    return (struct compose_input){
        .text = slice_str(rows[i].in),
        .ignore_dots = rows[i].ignore_dots,
        .from_header = rows[i].from_header,
        .from = SLICE("us@example.org"),
        .name = SLICE("Us"),
        .allowed = allowed,
        .allowed_n = 2,
        .default_destination = SLICE("admin@example.org"),
        .recipients = (char *const *)rows[i].args,
        .recipients_n = n,
        .tls_optional = rows[i].tls_optional,
        .now_s = 1136239445,
        .random = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    };
}

static void check_recipients(size_t i, const struct compose_message *m)
{
    const char *want = rows[i].recipients ? rows[i].recipients : rows[i].args[0];
    char have[400] = "";
    size_t n = 0;

    for (size_t k = 0; k < m->recipients_n; k++)
        n += (size_t)snprintf(have + n, sizeof(have) - n, "%s%.*s", k ? " " : "",
                              SLICE_FMT(m->recipients[k]));
    if (strcmp(have, want) != 0)
        fail_msg("%s: recipients %s", rows[i].name, have);
}

static void test_rows(void **state)
{
    const struct slice allowed[] = {SLICE("other@example.org"), SLICE("@lists.example.org")};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct compose_input in = input(i, allowed);
        struct compose_message m;
        struct arena a;
        struct err err;

        arena_init(&a, 1 << 22);
        int rc = compose(&a, &in, &m, &err);

        if (!rows[i].out) {
            assert_int_equal(rc, -ERR_INVALID);
        } else {
            if (rc < 0)
                fail_msg("%s: %s", rows[i].name, err.text);
            if (!slice_eq(build_slice(&m.wire), slice_str(rows[i].out)))
                fail_msg("%s:\n%.*s", rows[i].name, SLICE_FMT(build_slice(&m.wire)));
            check_recipients(i, &m);
            assert_int_equal(m.utf8_header, rows[i].utf8);
        }
        compose_done(&m);
        arena_done(&a);
    }
}

/* RFC 5322 2.1.1: 998 octets go as they are, one more does not. */
static void test_long_lines(void **state)
{
    (void)state;
    for (size_t n = 997; n <= 999; n++) {
        char text[1100] = "Subject: x\n\n";
        char *const args[] = {(char[]){"a@example.com"}};
        struct compose_input in = {
            .from = SLICE("us@example.org"), .recipients = args, .recipients_n = 1};
        struct compose_message m;
        struct arena a;
        struct err err;

        memset(text + 12, 'x', n);
        text[12 + n] = '\n';
        in.text = slice_of(text, 13 + n);
        arena_init(&a, 1 << 22);
        assert_int_equal(compose(&a, &in, &m, &err), 0);
        bool encoded = slice_find(build_slice(&m.wire), SLICE("quoted-printable")) != SIZE_MAX;

        assert_int_equal(encoded, n == 999);
        compose_done(&m);
        arena_done(&a);
    }
}

static void test_quoted_printable(void **state)
{
    struct builder out;

    (void)state;
    build_init(&out, 1000);
    compose_quoted_printable(&out, SLICE("a=b \r\n\t\r\n\xff\r\n"));
    assert_true(slice_eq(build_slice(&out), SLICE("a=3Db=20\r\n=09\r\n=FF\r\n")));
    build_reset(&out);
    compose_quoted_printable(
        &out, SLICE("123456789012345678901234567890123456789012345678901234567890123456789012345"
                    "678\r\n"));
    assert_true(slice_eq(
        build_slice(&out),
        SLICE("123456789012345678901234567890123456789012345678901234567890123456789012345=\r\n"
              "678\r\n")));
    build_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_quoted_printable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
