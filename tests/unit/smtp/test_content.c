/* What happens to a message between 354 and the reply, with a store made of memory. */
#include <stdlib.h>

#include "fake_edge.h"
#include "unit.h"

#define END "\r\n.\r\n"
#define LOGIN "AUTH PLAIN AGFubkBkMS5leGFtcGxlAHNlY3JldA==\r\n"
#define ANN "From: Ann <ann@d1.example>\r\n"
#define UML "\xc3\xbc"
#define D30 "------------------------------"
#define D120 D30 D30 D30 D30
#define LONG_990 D120 D120 D120 D120 D120 D120 D120 D120 D30

static int setup(void **state)
{
    struct fake *f = malloc(sizeof(*f));

    if (f == NULL)
        return -1;
    fake_init(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fake_done(*state);
    free(*state);
    return 0;
}

static const char *last_reply(struct fake *f, char *buf, size_t size)
{
    struct slice out = build_slice(&f->output), line;
    size_t at = slice_rfind_byte(slice_sub(out, 0, out.n - 2), '\n');

    line = slice_sub(slice_from(out, at == SIZE_MAX ? 0 : at + 1), 0, size - 1);
    memcpy(buf, line.p, line.n);
    buf[line.n] = '\0';
    return buf;
}

/* Sends one message on a new connection; the reply must begin with `want`. */
static void send_as(struct fake *f, enum edge_service service, const char *mail, const char *rcpt,
                    struct slice message, const char *want, const char *name)
{
    char buf[600];
    struct builder in;

    fake_open(f, service);
    build_init(&in, 1 << 20);
    build_printf(&in, "EHLO client.example\r\n%s%s\r\n%s\r\nDATA\r\n",
                 service == EDGE_SMTP ? "" : LOGIN, mail, rcpt);
    build_bytes(&in, message);
    fake_send(f, build_slice(&in), SIZE_MAX);
    build_done(&in);
    if (strncmp(last_reply(f, buf, sizeof(buf)), want, strlen(want)) != 0)
        fail_msg("%s: got %s, want %s", name, buf, want);
}

static void submit(struct fake *f, const char *message, const char *want, const char *name)
{
    send_as(f, EDGE_SUBMISSION, "MAIL FROM:<ann@d1.example>", "RCPT TO:<bob@d1.example>",
            slice_str(message), want, name);
}

static void deliver(struct fake *f, const char *message, const char *want, const char *name)
{
    send_as(f, EDGE_SMTP, "MAIL FROM:<remote@example.org>", "RCPT TO:<ann@d1.example>",
            slice_str(message), want, name);
}

static void checks_submissions(void **state)
{
    static const struct {
        const char *name, *message, *want, *pedantic; /* pedantic NULL: the same */
    } rows[] = {
        {"193 no From", "Subject: x\r\n\r\nhi" END, "550 5.6.0", NULL},
        {"193 two From", ANN ANN "\r\nhi" END, "550 5.6.0", NULL},
        {"193 two From, one without address", ANN "From:\r\n\r\nhi" END, "550 5.6.0", NULL},
        {"193 two addresses", "From: ann@d1.example, bob@d1.example\r\n\r\nhi" END, "550 5.6.0",
         NULL},
        {"193 group", "From: all: ann@d1.example;\r\n\r\nhi" END, "550 5.6.0", NULL},
        {"192 of somebody else", "From: bob@d1.example\r\n\r\nhi" END, "550 5.7.1", NULL},
        {"194 no separator", "From: ann@d1.example" END, "554 5.6.0", NULL},
        {"194 is said first", "Subject: x" END, "554 5.6.0", NULL},
        {"199 8-bit body", ANN "\r\n" UML END, "250 2.2.0", "500 5.6.0"},
        {"238 8-bit header", ANN "Subject: " UML "\r\n\r\nhi" END, "250 2.2.0", "500 5.6.0"},
        {"200 Return-Path", ANN "Return-Path: <a@b>\r\n\r\nhi" END, "250 2.2.0", "550 5.6.0"},
        {"201 line of 998", ANN "X-L: " LONG_990 "---\r\n\r\nhi" END, "250 2.2.0", NULL},
        {"201 line of 999", ANN "X-L: " LONG_990 "----\r\n\r\nhi" END, "550 5.6.0", NULL},
        {"201 long line of a folded field", ANN "X-L:\r\n " LONG_990 "---------\r\n\r\nhi" END,
         "550 5.6.0", NULL},
        {"201 Content-Type", ANN "Content-Type: garbage\r\n\r\nhi" END, "550 5.6.0", NULL},
        {"201 two Content-Type", ANN "Content-Type: a/b\r\nContent-Type: a/b\r\n\r\nhi" END,
         "550 5.6.0", NULL},
        {"201 no boundary", ANN "Content-Type: multipart/mixed\r\n\r\nhi" END, "550 5.6.0", NULL},
        {"201 multipart", ANN "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x--" END,
         "250 2.2.0", NULL},
        {"a line that is no field", ANN "no field\r\n\r\nhi" END, "550 5.6.0", NULL},
        {"begins with a continuation", " x\r\n" ANN "\r\nhi" END, "550 5.6.0", NULL},
        {"long line of a body", ANN "\r\n" LONG_990 "----------" END, "250 2.2.0", NULL},
        {"203 extra fields",
         ANN "X-Godwit-Extra-Test: a\r\nX-Godwit-Extra-\xe2\x98\xba: b\r\n"
             "x-godwit-extra-x-cANONICAL-z: c\r\n\r\nhi" END,
         "250 2.2.0", "500 5.6.0"},
        {"204 extra field twice",
         ANN "X-Godwit-Extra-Test: a\r\nX-Godwit-Extra-tEST: a\r\n\r\nhi" END, "554 5.6.0", NULL},
        {"204 extra field without a name", ANN "X-Godwit-Extra-: a\r\n\r\nhi" END, "554 5.6.0",
         NULL},
    };
    struct fake *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        f->settings.pedantic = false;
        submit(f, rows[i].message, rows[i].want, rows[i].name);
        f->settings.pedantic = true;
        submit(f, rows[i].message, rows[i].pedantic ? rows[i].pedantic : rows[i].want,
               rows[i].name);
    }
}

static void announces_8bit(void **state)
{
    struct fake *f = *state;

    f->settings.pedantic = true;
    send_as(f, EDGE_SUBMISSION, "MAIL FROM:<ann@d1.example> BODY=8BITMIME",
            "RCPT TO:<bob@d1.example>", SLICE(ANN "\r\n" UML END), "250 2.2.0", "8bit body");
    send_as(f, EDGE_SUBMISSION, "MAIL FROM:<ann@d1.example> BODY=8BITMIME",
            "RCPT TO:<bob@d1.example>", SLICE(ANN "Subject: " UML "\r\n\r\nhi" END), "550 5.6.0",
            "238 8-bit header");
}

static void refuses_long_lines_on_wish(void **state)
{
    struct fake *f = *state;

    f->settings.refuse_long_lines = true;
    submit(f, ANN "\r\n" LONG_990 "--------" END, "250 2.2.0", "998 octets");
    submit(f, ANN "\r\n" LONG_990 "---------" END, "550 5.6.0", "999 octets");
    deliver(f, ANN "\r\n" LONG_990 "---------" END, "250 2.2.0", "999 octets, from outside");
}

/* Acceptance 264: what only we may write is not there, and facts and octets belong together. */
static void leaves_out_forged_fields(void **state)
{
    struct fake *f = *state;
    const char *message = "Authentication-Results: d1.example; dkim=pass\r\n"
                          "From: <remote@example.org>\r\nMessage-Id: <a@b>\r\n"
                          "X-Godwit-Reason: you\r\n\tasked\r\n"
                          "Authentication-Results: o.example; dkim=pass\r\n\r\nbody" END;

    deliver(f, message, "250 2.2.0", "264");
    assert_slice(build_slice(&f->content),
                 SLICE("From: <remote@example.org>\r\nMessage-Id: <a@b>\r\n"
                       "Authentication-Results: o.example; dkim=pass\r\n\r\nbody\r\n"),
                 "content");
    assert_slice(build_slice(&f->message_id), SLICE("a@b"), "id");
    submit(f, "Authentication-Results: d1.example; auth=pass\r\n" ANN "\r\nhi" END, "250 2.2.0",
           "submitted");
    assert_slice(build_slice(&f->content), SLICE(ANN "\r\nhi\r\n"), "content");
}

/* Acceptance 195, 197, 260: the fields in front, in their order. */
static void puts_fields_in_front(void **state)
{
    struct fake *f = *state;
    struct slice prefix;

    submit(f, ANN "\r\nhi" END, "250 2.2.0", "submission");
    prefix = build_slice(&f->prefix);
    size_t received = slice_find(prefix, SLICE("Received: from d1.example by d1.example")),
           id = slice_find(prefix, SLICE("\r\nMessage-Id: <")),
           date = slice_find(prefix, SLICE("\r\nDate: Mon, 2 Jan 2006 22:04:05 +0000\r\n")),
           results = slice_find(prefix, SLICE("\r\nAuthentication-Results: d1.example;\r\n"
                                              "\tauth=pass smtp.mailfrom=ann@d1.example\r\n"));

    assert_true(slice_starts(prefix, SLICE("Return-Path: <ann@d1.example>\r\nReceived: ")));
    assert_true(received < id && id < date && date < results && results != SIZE_MAX);
    assert_true(slice_find(prefix, SLICE("127.0.0.10")) == SIZE_MAX);

    deliver(f, ANN "\r\nhi" END, "250 2.2.0", "delivery");
    prefix = build_slice(&f->prefix);
    assert_true(slice_starts(prefix, SLICE("Return-Path: <remote@example.org>\r\n"
                                           "Received: from client.example ([127.0.0.10]) by "
                                           "d1.example")));
    /* Acceptance 198. */
    send_as(f, EDGE_SUBMISSION, "MAIL FROM:<>", "RCPT TO:<bob@d1.example>", SLICE(ANN "\r\nhi" END),
            "250 2.2.0", "null sender");
    assert_true(slice_find(build_slice(&f->prefix), SLICE("smtp.mailfrom=\"\"\r\n")) != SIZE_MAX);
}

/* Acceptance 274. */
static void completes_postmaster(void **state)
{
    struct fake *f = *state;

    send_as(f, EDGE_SMTP, "MAIL FROM:<remote@example.org>", "RCPT TO:<PostMaster>",
            SLICE(ANN "\r\nhi" END), "250 2.2.0", "postmaster");
    assert_true(slice_find(build_slice(&f->prefix), SLICE("<postmaster@d1.example>;")) != SIZE_MAX);
}

/* Acceptance 261, 270, faults 62: on both ports, and whatever From says. */
static void counts_hops(void **state)
{
    static const struct {
        enum edge_service service;
        const char *from;
        unsigned hops;
        const char *want;
    } rows[] = {
        {EDGE_SMTP, ANN, 100, "250 2.2.0"},
        {EDGE_SMTP, ANN, 101, "550 5.4.6"},
        {EDGE_SMTP, ANN ANN, 100, "250 2.2.0"},
        {EDGE_SMTP, ANN ANN, 101, "550 5.4.6"},
        {EDGE_SMTP, "", 101, "550 5.4.6"},
        {EDGE_SUBMISSION, ANN, 100, "250 2.2.0"},
        {EDGE_SUBMISSION, ANN, 101, "550 5.4.6"},
        {EDGE_SUBMISSION, "", 101, "550 5.4.6"},
        {EDGE_SMTP, "From: a@b, c@d\r\n", 101, "550 5.4.6"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct builder m;

        build_init(&m, 1 << 20);
        for (unsigned k = 0; k < rows[i].hops; k++)
            build_text(&m, "Received: from a by b; 1 Jan 2020 00:00:00 +0000\r\n");
        build_text(&m, rows[i].from);
        build_text(&m, "\r\nhi" END);
        send_as(*state, rows[i].service,
                rows[i].service == EDGE_SMTP ? "MAIL FROM:<remote@example.org>"
                                             : "MAIL FROM:<ann@d1.example>",
                "RCPT TO:<ann@d1.example>", build_slice(&m), rows[i].want, rows[i].from);
        build_done(&m);
    }
}

/* Acceptance 183, and faults 1: what is too large or cut in a bad way is read to its end. */
static void reads_to_the_end(void **state)
{
    struct fake *f = *state;

    f->settings.message_size_max = 800;
    deliver(f, ANN "\r\n" LONG_990 END "NOOP\r\n", "250 2.0.0", "beyond the limit");
    assert_false(f->closed);
    assert_true(slice_find(build_slice(&f->output), SLICE("\r\n552 5.3.4 ")) != SIZE_MAX);
    assert_int_equal(f->stored, 0);
    f->settings.message_size_max = 1 << 20;
    send_as(f, EDGE_SMTP, "MAIL FROM:<remote@example.org>", "RCPT TO:<ann@d1.example>",
            SLICE(ANN "\r\na\r\n\0.\r\nMAIL FROM:<>" END "NOOP\r\n"), "500 5.5.2", "nul");
    assert_true(f->closed);
    assert_int_equal(f->stored, 0);
}

/* The same content, whatever pieces it comes in. */
static void takes_any_pieces(void **state)
{
    struct fake *f = *state;
    struct slice message = SLICE("EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<ann@d1.example>\r\n"
                                 "DATA\r\n" ANN "Authentication-Results: d1.example; a=b\r\n"
                                 "\tc\r\nX-Godwit: 1\r\n\r\n..a\r\n.\rb\r\n." END);
    struct slice good = SLICE("EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<ann@d1.example>\r\n"
                              "DATA\r\n" ANN "Authentication-Results: d1.example; a=b\r\n"
                              "\tc\r\nX-Godwit: 1\r\n\r\n..a\r\n...b\r\n" END);

    for (size_t step = 1; step < good.n; step++) {
        fake_open(f, EDGE_SMTP);
        fake_send(f, good, step);
        assert_slice(build_slice(&f->content), SLICE(ANN "X-Godwit: 1\r\n\r\n.a\r\n..b\r\n\r\n"),
                     "content");
        assert_int_equal(f->stored, step);
    }
    unsigned stored = f->stored;

    for (size_t step = 1; step < message.n; step++) {
        fake_open(f, EDGE_SMTP);
        fake_send(f, message, step);
        assert_true(f->closed);
    }
    assert_int_equal(f->stored, stored);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(checks_submissions),
        T(announces_8bit),
        T(refuses_long_lines_on_wish),
        T(leaves_out_forged_fields),
        T(puts_fields_in_front),
        T(completes_postmaster),
        T(counts_hops),
        T(reads_to_the_end),
        T(takes_any_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
