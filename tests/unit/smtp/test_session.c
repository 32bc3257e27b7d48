#include <stdio.h>
#include <stdlib.h>

#include "base/ascii.h"
#include "fake_edge.h"
#include "talk.h"

static void delivers(void **state)
{
    struct fake *f = *state;

    fake_open(f, EDGE_SMTP);
    assert_slice(output(f), SLICE("220 d1.example ESMTP godwit\r\n"), "greeting");
    say(f, HELLO, "250");
    say(f, MAIL RCPT, "250 2.1.0|250 2.1.5");
    say(f, "DATA\r\n", "354");
    assert_int_equal(f->timeout_s, 180);
    say(f, M1 ".dot" END, "250 2.2.0");
    assert_int_equal(f->timeout_s, 300);
    assert_int_equal(f->stored, 1);
    assert_slice(build_slice(&f->content), SLICE(M1 "dot\r\n"), "content");
    assert_slice(build_slice(&f->reverse_path), SLICE("remote@example.org"), "reverse-path");
    assert_slice(
        build_slice(&f->prefix),
        SLICE("Return-Path: <remote@example.org>\r\n"
              "Received: from client.example ([127.0.0.10]) by d1.example ([127.0.0.1])\r\n"
              "\tvia tcp with ESMTP id X1u76u7T0kzdn-jJLXE7_w for <ann@d1.example>;\r\n"
              "\t2 Jan 2006 22:04:05 +0000\r\n"),
        "prefix");
    say(f, "QUIT\r\n", "221 2.0.0");
    assert_true(f->closed);
}

static void lists_extensions(void **state)
{
    struct fake *f = *state;

    fake_open(f, EDGE_SMTP);
    build_reset(&f->output);
    say(f, HELLO, "250");
    assert_slice(
        output(f),
        SLICE("250-d1.example\r\n250-PIPELINING\r\n250-SIZE 1048576\r\n250-ENHANCEDSTATUSCODES\r\n"
              "250-8BITMIME\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250-LIMITS RCPTMAX=1000\r\n"
              "250 SMTPUTF8\r\n"),
        "port 25");
    f->tls_available = true;
    fake_open(f, EDGE_SUBMISSION);
    say(f, "EHLO\r\n", "250");
    assert_holds(output(f),
                 "250-STARTTLS\r\n250-AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS "
                 "SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN\r\n");
    f->settings.plain_auth = false;
    fake_open(f, EDGE_SUBMISSION);
    say(f, "EHLO ho_st\r\n", "250");
    assert_true(slice_find(output(f), SLICE("AUTH")) == SIZE_MAX);
    build_reset(&f->output);
    say(f, "HELO ok.example\r\n", "250");
    assert_slice(output(f), SLICE("250 d1.example\r\n"), "HELO has one line");
}

/* Conversations on port 25, each on a connection of its own after the greeting; "!" at the end:
 * then closed. */
static const struct {
    const char *name, *send, *want;
} talks[] = {
    {"13 first command unknown", "bogus\r\n", "500 5.5.2!"},
    {"14 later command unknown", HELLO "bogus\r\nNOOP\r\n", "250|500 5.5.1|250 2.0.0"},
    {"http", "GET / HTTP/1.1\r\nHost: x\r\nMAIL FROM:<a@b>\r\n", "500 5.5.2!"},
    {"http later", HELLO "POST / HTTP/1.1\r\nNOOP\r\n", "250|500 5.5.2!"},
    {"tls hello", "\x16\x03\x01\x02", "!"},
    {"21 pipelined", HELLO MAIL RCPT "NOOP\r\n", "250|250 2.1.0|250 2.1.5|250 2.0.0"},
    {"30 case and trailing space", "ehlo host.example  \r\n", "250"},
    {"32 no name", "EHLO\r\n", "501 5.5.2"},
    {"32 underscore", "EHLO ho_st\r\n", "501 5.5.2"},
    {"32 dots", "EHLO a..b\r\nEHLO a.\r\n", "501 5.5.2|501 5.5.2"},
    {"32 literals",
     "EHLO [1.2.3\r\nEHLO [1.2.3.4\r\nEHLO [::1]\r\nEHLO [IPv6:1.2.3.4]\r\nEHLO [FOO:1]\r\n",
     "501 5.5.2|501 5.5.2|501 5.5.2|501 5.5.2|501 5.5.2"},
    {"33 literals", "EHLO [1.2.3.4]\r\nEHLO [IPv6:::1]\r\nEHLO [1.2.3.4] extra text\r\n",
     "250|250|250"},
    {"HELO takes no literal", "HELO [1.2.3.4]\r\n", "501 5.5.2"},
    {"37 EHLO resets", HELLO MAIL RCPT HELLO "DATA\r\n", "250|250 2.1.0|250 2.1.5|250|503 5.5.1"},
    {"38 before EHLO", "MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\nSTARTTLS\r\nAUTH PLAIN\r\n",
     "503 5.5.1|503 5.5.1|503 5.5.1|503 5.5.1|503 5.5.1"},
    {"38 always", "RSET\r\nNOOP\r\nHELP\r\nVRFY a\r\nEXPN a\r\n",
     "250 2.0.0|250 2.0.0|214 2.0.0|252 2.7.0|252 2.7.0"},
    {"41 NOOP", "NOOP abc\r\nNOOP \"a b\"\r\nNOOP \r\nNOOP a b\r\n",
     "250 2.0.0|250 2.0.0|501 5.5.2|501 5.5.2"},
    {"42 VRFY", "VRFY\r\nVRFY \"x y\" SMTPUTF8\r\nVRFY a junk\r\n",
     "501 5.5.2|252 2.7.0|501 5.5.2"},
    {"43 HELP, QUIT", "HELP any thing\r\nQUIT\r\nNOOP\r\n", "214 2.0.0|221 2.0.0!"},
    {"43 not ours", HELLO "ETRN x\r\nTURN\r\nBURL x\r\nXCLIENT ADDR=::1\r\n",
     "250|500 5.5.1|500 5.5.1|500 5.5.1|500 5.5.1"},
    {"44 RSET", "RSET x\r\nRSET \r\n", "501 5.5.2|250 2.0.0"},
    {"50 STARTTLS without TLS", HELLO "STARTTLS\r\nSTARTTLS x\r\n", "250|503 5.5.1|501 5.5.2"},
    {"87 AUTH on port 25", HELLO "AUTH PLAIN\r\n", "250|503 5.5.1"},
    {"132 paths",
     HELLO
     "MAIL FROM:<>\r\nRSET\r\nMAIL FROM: <a@example.org>\r\nRSET\r\nmail from:<a@example.org>\r\n",
     "250|250 2.1.0|250 2.0.0|250 2.1.0|250 2.0.0|250 2.1.0"},
    {"133 bad paths",
     HELLO
     "MAIL FROM:a@b\r\nMAIL FROM:<a>\r\nMAIL FROM:<a@b\r\nMAIL  FROM:<a@b>\r\nMAIL TO:<a@b>\r\n"
     "MAIL FROM:<a@b>x\r\n",
     "250|501 5.5.2|501 5.5.2|501 5.5.2|501 5.5.2|501 5.5.2|501 5.5.2"},
    {"145 MAIL twice", HELLO MAIL MAIL RCPT, "250|250 2.1.0|503 5.5.1|250 2.1.5"},
    {"145 after a failed MAIL",
     HELLO "MAIL FROM:<a@example.org> BODY=8BITMIME FOO=1\r\nRCPT TO:<ann@d1.example>\r\n" MAIL,
     "250|555 5.3.3|503 5.5.1|250 2.1.0"},
    {"146 trailing space",
     HELLO "MAIL FROM:<a@example.org> SIZE=1 \r\nRCPT TO:<ann@d1.example> \r\n",
     "250|250 2.1.0|250 2.1.5"},
    {"147 sender at a literal", HELLO "MAIL FROM:<a@[1.2.3.4]>\r\n", "250|550 5.7.0"},
    {"149 order", HELLO "RCPT TO:<a@b>\r\n" MAIL "DATA\r\n" RCPT "DATA x\r\n",
     "250|503 5.5.1|250 2.1.0|503 5.5.1|250 2.1.5|501 5.5.2"},
    {"150 recipients", HELLO MAIL "RCPT TO:<>\r\nRCPT TO:<Postmaster>\r\nRCPT TO: <postmaster>\r\n",
     "250|250 2.1.0|501 5.5.2|250 2.1.5|250 2.1.5"},
    {"151 not ours",
     HELLO MAIL
     "RCPT TO:<ann@[127.0.0.10]>\r\nRCPT TO:<ann@[IPv6:::1]>\r\nRCPT TO:<ann@test.example>\r\n",
     "250|250 2.1.0|550 5.1.1|550 5.1.1|550 5.1.1"},
    {"152 numbers", "EHLO 1.2.3.4\r\n" HELLO MAIL "RCPT TO:<ann@127.0.0.10>\r\n",
     "501 5.5.2|250|250 2.1.0|501 5.5.2"},
    {"153 unknown user", HELLO MAIL "RCPT TO:<nobody@d1.example>\r\nDATA\r\n" M1 END,
     "250|250 2.1.0|250 2.1.5|354|550 5.1.1"},
    {"155 null sender", HELLO "MAIL FROM:<>\r\n" RCPT "RCPT TO:<bob@d1.example>\r\n",
     "250|250 2.1.0|250 2.1.5|452 4.5.3"},
    {"156 second recipient", HELLO MAIL RCPT "RCPT TO:<bob@d1.example>\r\n",
     "250|250 2.1.0|250 2.1.5|250 2.1.5"},
    {"unknown user beside another", HELLO MAIL RCPT "RCPT TO:<nobody@d1.example>\r\n",
     "250|250 2.1.0|250 2.1.5|550 5.1.1"},
    {"another beside an unknown user", HELLO MAIL "RCPT TO:<nobody@d1.example>\r\n" RCPT,
     "250|250 2.1.0|250 2.1.5|452 4.5.3"},
    {"158 blocked",
     HELLO MAIL "RCPT TO:<blocked@d1.example>\r\n"
                "RCPT TO:<moving@d1.example>\r\n",
     "250|250 2.1.0|550 5.1.1|451 4.3.0"},
    {"158 disabled", HELLO MAIL "RCPT TO:<ann@disabled.example>\r\n", "250|250 2.1.0|450 4.2.1"},
    {"2.8 lookup error", HELLO MAIL "RCPT TO:<ann@fault.example>\r\n", "250|250 2.1.0|451 4.3.0"},
    {"160 after DATA failed",
     HELLO MAIL "RCPT TO:<full@d1.example>\r\nDATA\r\n" M1 END "RCPT TO:<ann@d1.example>\r\n" MAIL,
     "250|250 2.1.0|250 2.1.5|354|452 4.2.2|503 5.5.1|250 2.1.0"},
    {"263 storage error", HELLO MAIL "RCPT TO:<broken@d1.example>\r\nDATA\r\n" M1 END,
     "250|250 2.1.0|250 2.1.5|354|451 4.3.0"},
    {"314 not allowed to post", HELLO MAIL "RCPT TO:<list@d1.example>\r\nDATA\r\n" M1 END,
     "250|250 2.1.0|250 2.1.5|354|550 5.7.2"},
    {"176 smuggling", HELLO MAIL RCPT "DATA\r\nA: b\r\n\r\na\n.\nMAIL FROM:<x@y>\r\n.\r\n" MAIL,
     "250|250 2.1.0|250 2.1.5|354|500 5.5.2!"},
    {"5 commands behind 354", HELLO MAIL RCPT "DATA\r\nRSET\r\nMAIL FROM:<x@y>\r\n.\r\nNOOP\r\n",
     "250|250 2.1.0|250 2.1.5|354|250 2.2.0|250 2.0.0"},
    {"231 local part not ASCII",
     HELLO "MAIL FROM:<\xc3\xb3@example.org>\r\n" MAIL "RCPT TO:<\xc3\xb3@d1.example>\r\n",
     "250|550 5.6.7|250 2.1.0|553 5.6.7"},
    {"237 domain not ASCII", HELLO "MAIL FROM:<a@\xc3\xb3.example>\r\n", "250|501 5.5.2"},
};

static void talk(struct fake *f, size_t i, size_t step)
{
    char buf[1024];
    size_t n = strlen(talks[i].want);
    bool closes = n > 0 && talks[i].want[n - 1] == '!';

    fake_open(f, EDGE_SMTP);
    build_reset(&f->output);
    fake_send(f, slice_str(talks[i].send), step);
    assert_slice(codes(f, 0, buf, sizeof(buf)),
                 slice_sub(slice_str(talks[i].want), 0, closes ? n - 1 : n), talks[i].name);
    if (f->closed != closes)
        fail_msg("%s: closed is %d", talks[i].name, f->closed);
}

static void talks_on_port_25(void **state)
{
    for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
        talk(*state, i, SIZE_MAX);
        talk(*state, i, 1);
        talk(*state, i, 7);
    }
}

static void closes_after_many_errors(void **state)
{
    struct fake *f = *state;

    fake_open(f, EDGE_SMTP);
    say(f, HELLO, "250");
    for (int i = 0; i < 19; i++)
        say(f, "bogus\r\n", "500 5.5.1");
    say(f, "NOOP\r\n", "250 2.0.0");
    for (int i = 0; i < 19; i++)
        say(f, "bogus\r\n", "500 5.5.1");
    say(f, "bogus\r\n", "500 5.5.1|421 4.7.0");
    assert_true(f->closed);
}

static void limits_lines(void **state)
{
    struct fake *f = *state;
    char line[2049];

    memset(line, 'x', sizeof(line));
    memcpy(line, "NOOP ", 5);
    fake_open(f, EDGE_SMTP);
    line[2047] = '\n';
    line[2048] = '\0';
    say(f, line, "250 2.0.0");
    line[2047] = 'x';
    say(f, line, "500 5.5.0");
    assert_true(f->closed);
}

static void closes_after_bad_transactions(void **state)
{
    struct fake *f = *state;

    fake_open(f, EDGE_SMTP);
    say(f, HELLO, "250");
    for (int i = 0; i < 11; i++)
        say(f, MAIL "RCPT TO:<nobody@d1.example>\r\nDATA\r\n" M1 END,
            "250 2.1.0|250 2.1.5|354|550 5.1.1");
    assert_int_equal(f->delay_s, 5);
    say(f, MAIL, "550 5.1.0");
    assert_true(f->closed);
    fake_open(f, EDGE_SMTP);
    say(f, HELLO MAIL RCPT "DATA\r\n" M1 END, "250|250 2.1.0|250 2.1.5|354|250 2.2.0");
    for (int i = 0; i < 11; i++)
        say(f, MAIL "RCPT TO:<nobody@d1.example>\r\nDATA\r\n" M1 END,
            "250 2.1.0|250 2.1.5|354|550 5.1.1");
    say(f, MAIL, "250 2.1.0");
}

/* Beside an address that exists the others could be asked for one by one. */
static void slows_down_who_guesses_addresses(void **state)
{
    struct fake *f = *state;

    fake_open(f, EDGE_SMTP);
    say(f, HELLO MAIL RCPT, "250|250 2.1.0|250 2.1.5");
    for (unsigned i = 1; i <= 12; i++) {
        say(f, "RCPT TO:<nobody@d1.example>\r\n", "550 5.1.1");
        assert_int_equal(f->slow, i > 10);
        say(f, "NOOP\r\n", "250 2.0.0");
        assert_int_equal(f->slow, i > 10);
    }
}

static void groups_replies(void **state)
{
    struct fake *f = *state;

    fake_open(f, EDGE_SMTP);
    say(f, HELLO, "250");
    unsigned before = f->flushes;

    say(f, MAIL RCPT "DATA\r\n", "250 2.1.0|250 2.1.5|354");
    assert_int_equal(f->flushes - before, 1);
}

static void send_message_of(struct fake *f, size_t n)
{
    char *text = malloc(n + 1);

    assert_non_null(text);
    memset(text, 'x', n);
    memcpy(text, "A: b\r\n\r\n", 8);
    for (size_t i = 80; i + 1 < n; i += 80)
        memcpy(text + i, "\r\n", 2);
    memcpy(text + n - 2, "\r\n", 2);
    text[n] = '\0';
    fake_send(f, slice_of(text, n), 16384);
    fake_send(f, SLICE(".\r\n"), 1);
    free(text);
}

static void limits_size(void **state)
{
    static const struct {
        size_t n;
        const char *want;
        unsigned stored, spools;
        bool closed;
    } rows[] = {
        {1 << 20, "250 2.2.0", 1, 1, false},
        {30000, "250 2.2.0", 1, 0, false},
        {(1 << 20) + 1, "552 5.3.4", 0, 1, false},
        {(2 << 20) + 50000, "552 5.3.4", 0, 1, true},
    };
    struct fake *f = *state;
    char buf[64];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned stored = f->stored, spools = f->spools;

        fake_open(f, EDGE_SMTP);
        say(f, HELLO MAIL RCPT "DATA\r\n", "250|250 2.1.0|250 2.1.5|354");
        size_t from = f->output.n;

        send_message_of(f, rows[i].n);
        assert_slice(codes(f, from, buf, sizeof(buf)), slice_str(rows[i].want), "reply");
        assert_int_equal(f->stored - stored, rows[i].stored);
        assert_int_equal(f->spools - spools, rows[i].spools);
        assert_int_equal(f->closed, rows[i].closed);
        if (rows[i].stored > 0)
            assert_int_equal(f->content.n, rows[i].n);
    }
}

static void survives_a_full_disk(void **state)
{
    struct fake *f = *state;
    char buf[64];

    f->spool_fails = true;
    fake_open(f, EDGE_SMTP);
    say(f, HELLO MAIL RCPT "DATA\r\n", "250|250 2.1.0|250 2.1.5|354");
    size_t from = f->output.n;

    send_message_of(f, 200000);
    assert_slice(codes(f, from, buf, sizeof(buf)), SLICE("452 4.3.1"), "reply");
    say(f, MAIL, "250 2.1.0");
    assert_int_equal(f->stored, 0);
}

/* Acceptance 185: without a place for it the message is not asked for, and what comes all the same
 * is not run. */
static void asks_for_room_first(void **state)
{
    struct fake *f = *state;

    f->spool_fails = true;
    fake_open(f, EDGE_SMTP);
    say(f, HELLO "MAIL FROM:<> SIZE=200000\r\n" RCPT "DATA\r\n" MAIL RCPT "DATA\r\n",
        "250|250 2.1.0|250 2.1.5|452 4.3.1");
    assert_true(f->closed);
    assert_int_equal(f->stored, 0);
}

static void survives_a_store_that_is_away(void **state)
{
    struct fake *f = *state;

    fake_open(f, EDGE_SMTP);
    say(f, HELLO MAIL RCPT "DATA\r\n", "250|250 2.1.0|250 2.1.5|354");
    f->store_down = true;
    say(f, M1 END, "451 4.3.0");
    say(f, MAIL RCPT, "250 2.1.0|451 4.3.0");
}

static void detects_loops(void **state)
{
    struct fake *f = *state;

    for (int n = 100; n <= 101; n++) {
        fake_open(f, EDGE_SMTP);
        say(f, HELLO MAIL RCPT "DATA\r\n", "250|250 2.1.0|250 2.1.5|354");
        for (int i = 0; i < n; i++)
            fake_send(f, SLICE("Received: from a by b; 1 Jan 2020 00:00:00 +0000\r\n"), SIZE_MAX);
        say(f, M1 END, n == 100 ? "250 2.2.0" : "550 5.4.6");
    }
}

static void starts_tls(void **state)
{
    struct fake *f = *state;

    f->tls_available = true;
    fake_open(f, EDGE_SMTP);
    say(f, HELLO MAIL "STARTTLS\r\n", "250|250 2.1.0|220 2.0.0");
    assert_true(f->tls && !f->closed);
    say(f, RCPT, "503 5.5.1"); /* all is forgotten */
    say(f, HELLO "STARTTLS\r\n", "250|503 5.5.1");
    say(f, MAIL RCPT "DATA\r\n" M1 END, "250 2.1.0|250 2.1.5|354|250 2.2.0");
    assert_holds(build_slice(&f->prefix), "with ESMTPS id");
    assert_int_equal(f->origin_tls, 0x0304);
}

static void closes_on_text_behind_starttls(void **state)
{
    struct fake *f = *state;

    f->tls_available = true;
    fake_open(f, EDGE_SMTP);
    say(f, HELLO "STARTTLS\r\nNOOP\r\n", "250|220 2.0.0");
    assert_true(f->closed);
}

static void ends_idle_and_stopping(void **state)
{
    struct fake *f = *state;

    fake_open(f, EDGE_SMTP);
    fake_timeout(f);
    assert_true(f->closed);
    assert_holds(output(f), "\r\n421 4.4.2 ");
    fake_open(f, EDGE_SMTP);
    fake_stop(f);
    assert_true(f->closed);
    assert_holds(output(f), "\r\n421 4.3.2 ");
    /* A message under way is still taken. */
    fake_open(f, EDGE_SMTP);
    say(f, HELLO MAIL RCPT "DATA\r\n", "250|250 2.1.0|250 2.1.5|354");
    fake_stop(f);
    assert_false(f->closed);
    say(f, M1 END "NOOP\r\n", "250 2.2.0|421 4.3.2");
    assert_true(f->closed);
    fake_open(f, EDGE_SMTP);
    say(f, HELLO MAIL RCPT "BDAT 6 LAST\r\nA:", "250|250 2.1.0|250 2.1.5");
    fake_stop(f);
    assert_false(f->closed);
    say(f, " b\r\n", "250 2.2.0|421 4.3.2");
    assert_true(f->closed);
}

/* 262: in another writing of the same address as well. */
static void delivers_once_to_who_is_named_twice(void **state)
{
    struct fake *f = *state;

    fake_open(f, EDGE_SMTP);
    say(f, HELLO MAIL RCPT "RCPT TO:<ANN@D1.example>\r\n" RCPT "DATA\r\n" M1 ".\r\n",
        "250|250 2.1.0|250 2.1.5|250 2.1.5|250 2.1.5|354|250 2.2.0");
    assert_int_equal(f->stored, 1);
}

/* ---- submission ---- */

static const struct {
    const char *name, *send, *want;
} logins[] = {
    {"80 needed", "EHLO\r\nMAIL FROM:<ann@d1.example>\r\nDATA\r\n", "250|530 5.7.0|530 5.7.0"},
    {"PLAIN", "EHLO x\r\n" LOGIN, "250|235 2.7.0"},
    {"102 lower case", "EHLO x\r\nauth plain AGFubkBkMS5leGFtcGxlAHNlY3JldA==\r\n",
     "250|235 2.7.0"},
    {"90 two spaces", "EHLO x\r\nAUTH PLAIN  AGFubkBkMS5leGFtcGxlAHNlY3JldA==\r\n",
     "250|235 2.7.0"},
    {"in two steps", "EHLO x\r\nAUTH PLAIN\r\nAGFubkBkMS5leGFtcGxlAHNlY3JldA==\r\n",
     "250|334|235 2.7.0"},
    {"81 wrong password", "EHLO x\r\nAUTH PLAIN AGFubkBkMS5leGFtcGxlAHRlc3Q=\r\n", "250|535 5.7.8"},
    {"85 disabled",
     "EHLO x\r\nAUTH PLAIN AG9mZkBkMS5leGFtcGxlAHNlY3JldA==\r\n"
     "AUTH PLAIN AG9mZkBkMS5leGFtcGxlAHRlc3Q=\r\n" LOGIN,
     "250|525 5.7.13|535 5.7.8|235 2.7.0"},
    {"88 twice", "EHLO x\r\n" LOGIN LOGIN, "250|235 2.7.0|503 5.5.1"},
    {"88 after MAIL", "EHLO x\r\n" LOGIN "MAIL FROM:<>\r\nAUTH PLAIN\r\n",
     "250|235 2.7.0|250 2.1.0|503 5.5.1"},
    {"89 syntax",
     "EHLO x\r\nAUTH\r\nAUTH \r\nAUTH PLAIN \r\nAUTH PLAIN !!\r\nAUTH FOO\r\nAUTH "
     "ABCDEFGHIJKLMNOPQRSTU\r\n",
     "250|501 5.5.2|501 5.5.2|501 5.5.2|501 5.5.2|504 5.5.4|504 5.5.4"},
    {"91 aborted", "EHLO x\r\nAUTH PLAIN\r\n*\r\nNOOP\r\n", "250|334|501 5.5.0|250 2.0.0"},
    {"92 tokens", "EHLO x\r\nAUTH PLAIN AGFubg==\r\nAUTH PLAIN AGEAYgBj\r\nAUTH PLAIN =\r\n",
     "250|501 5.5.4|501 5.5.4|501 5.5.4"},
    {"93 same authz", "EHLO x\r\nAUTH PLAIN YW5uQGQxLmV4YW1wbGUAYW5uQGQxLmV4YW1wbGUAc2VjcmV0\r\n",
     "250|235 2.7.0"},
    {"93 other authz", "EHLO x\r\nAUTH PLAIN Ym9iAGFubkBkMS5leGFtcGxlAHNlY3JldA==\r\n",
     "250|535 5.7.8"},
    {"95 LOGIN", "EHLO x\r\nAUTH LOGIN\r\nYW5uQGQxLmV4YW1wbGU=\r\nc2VjcmV0\r\n",
     "250|334|334|235 2.7.0"},
    {"95 LOGIN initial", "EHLO x\r\nAUTH LOGIN YW5uQGQxLmV4YW1wbGU=\r\nc2VjcmV0\r\n",
     "250|334|235 2.7.0"},
    {"95 LOGIN wrong", "EHLO x\r\nAUTH LOGIN YW5uQGQxLmV4YW1wbGU=\r\nYQ==\r\n",
     "250|334|535 5.7.8"},
    {"44 RSET with space", "RSET \r\n", "501 5.5.2"},
    {"146 trailing space", "EHLO x\r\n" LOGIN "MAIL FROM:<ann@d1.example> \r\n",
     "250|235 2.7.0|501 5.5.2"},
    {"157 recipients",
     "EHLO x\r\n" LOGIN "MAIL FROM:<ann@d1.example>\r\nRCPT TO:<remote@example.org>\r\n"
     "RCPT TO:<unknown@d1.example>\r\nRCPT TO:<a@[1.2.3.4]>\r\nRCPT TO:<bob@d1.example>\r\n",
     "250|235 2.7.0|250 2.1.0|550 5.7.1|550 5.1.1|550 5.7.1|250 2.1.5"},
    {"159 disabled", "EHLO x\r\n" LOGIN "MAIL FROM:<ann@disabled.example>\r\n",
     "250|235 2.7.0|451 4.3.0"},
    {"192 other senders",
     "EHLO x\r\n" LOGIN "MAIL FROM:<bob@d1.example>\r\nMAIL FROM:<x@example.org>\r\n"
     "MAIL FROM:<ann@[1.2.3.4]>\r\n",
     "250|235 2.7.0|550 5.7.1|550 5.7.1|550 5.7.1"},
    {"198 null sender", "EHLO x\r\n" LOGIN "MAIL FROM:<>\r\n", "250|235 2.7.0|250 2.1.0"},
    {"own address in other case", "EHLO x\r\n" LOGIN "MAIL FROM:<ANN@D1.EXAMPLE>\r\n",
     "250|235 2.7.0|250 2.1.0"},
};

static void logs_in(void **state)
{
    struct fake *f = *state;
    char buf[1024];

    for (size_t i = 0; i < sizeof(logins) / sizeof(logins[0]); i++) {
        fake_open(f, EDGE_SUBMISSION);
        build_reset(&f->output);
        fake_send(f, slice_str(logins[i].send), SIZE_MAX);
        assert_slice(codes(f, 0, buf, sizeof(buf)), slice_str(logins[i].want), logins[i].name);
    }
}

static void needs_tls_for_passwords(void **state)
{
    struct fake *f = *state;

    f->settings.plain_auth = false;
    f->tls_available = true;
    fake_open(f, EDGE_SUBMISSION);
    say(f, "EHLO x\r\n" LOGIN, "250|538 5.7.11");
    say(f, "STARTTLS\r\n", "220 2.0.0");
    say(f, "EHLO x\r\n" LOGIN, "250|235 2.7.0");
    say(f, "STARTTLS\r\n", "503 5.5.1");
}

static void takes_long_responses(void **state)
{
    struct fake *f = *state;
    static char line[8000 + 3];

    memset(line, 'A', 8000);
    memcpy(line + 8000, "\r\n", 3);
    fake_open(f, EDGE_SUBMISSION);
    say(f, "EHLO x\r\nAUTH PLAIN\r\n", "250|334");
    say(f, line, "501 5.5.4"); /* 6000 times NUL */
    assert_false(f->closed);
}

static void slows_down_guessing(void **state)
{
    const struct limiter_config config = {{{60, {10, 30, 90}}}, 1};
    struct fake *f = *state;

    f->listener.auth_failures = limiter_new(&config, &f->clock);
    fake_open(f, EDGE_SUBMISSION);
    say(f, "EHLO x\r\n", "250");
    for (uint32_t i = 1; i <= 10; i++) {
        f->delay_s = 0;
        say(f, "AUTH PLAIN AGFubkBkMS5leGFtcGxlAHRlc3Q=\r\n", "535 5.7.8");
        assert_int_equal(f->delay_s, i <= 3 ? 0 : i - 3);
        assert_int_equal(f->slow, i >= 3);
    }
    say(f, LOGIN, "421 4.7.0");
    assert_true(f->closed);
    fake_open(f, EDGE_SUBMISSION);
    assert_true(f->closed);
    assert_true(slice_starts(output(f), SLICE("421 4.7.0 ")));
    fake_open(f, EDGE_SMTP); /* mail to this server is not concerned */
    assert_false(f->closed);
    fake_hang_up(f);
    limiter_free(f->listener.auth_failures);
    f->listener.auth_failures = NULL;
}

static void submit(struct fake *f, const char *recipients, const char *want_recipients,
                   const char *message, const char *want)
{
    fake_open(f, EDGE_SUBMISSION);
    say(f, "EHLO x\r\n" LOGIN "MAIL FROM:<ann@d1.example>\r\n", "250|235 2.7.0|250 2.1.0");
    say(f, recipients, want_recipients);
    say(f, "DATA\r\n", "354");
    say(f, message, want);
}

#define BOB "RCPT TO:<bob@d1.example>\r\n"
#define FROM_ANN "From: Ann <ann@d1.example>\r\n"

/* What was added is in the envelope too, and the identifier is one that answers will match. */
static void shows_added_fields(struct fake *f)
{
    struct slice prefix = build_slice(&f->prefix), envelope = build_slice(&f->envelope),
                 mark = SLICE("Message-Id: ");
    struct slice id = slice_sub(slice_from(prefix, slice_find(prefix, mark) + mark.n), 0, 35);

    assert_holds(envelope, "(\"Mon, 2 Jan 2006 22:04:05 +0000\" ");
    assert_true(slice_find(envelope, id) != SIZE_MAX);
    assert_true(slice_eq_nocase(slice_sub(id, 1, 33), build_slice(&f->message_id)));
    for (size_t i = 0; i < f->message_id.n; i++)
        assert_int_equal(f->message_id.p[i], ascii_lower(f->message_id.p[i]));
    assert_true(f->date_ns == INT64_C(1136239445) * NS_PER_S);
}

static void refuses_too_many_submissions(void **state)
{
    struct fake *f = *state;

    f->sending_full = true;
    submit(f, BOB, "250 2.1.5", FROM_ANN "\r\nhi" END, "451 4.7.1");
    assert_int_equal(f->stored, 0);
}

static void submits(void **state)
{
    struct fake *f = *state;

    submit(f, BOB, "250 2.1.5", FROM_ANN "\r\nhi" END, "250 2.2.0");
    assert_int_equal(f->stored, 1);
    struct slice prefix = build_slice(&f->prefix);

    assert_holds(prefix,
                 "Received: from d1.example by d1.example ([127.0.0.1]) via tcp with ESMTPA id");
    assert_holds(prefix, "for <bob@d1.example>;");
    assert_true(slice_find(prefix, SLICE("127.0.0.10")) == SIZE_MAX);
    assert_holds(prefix, "Date: Mon, 2 Jan 2006 22:04:05 +0000\r\n");
    assert_holds(prefix, "Message-Id: <");
    assert_int_equal(f->message_id.n, 22 + 1 + 10);
    shows_added_fields(f);

    submit(f, BOB "RCPT TO:<ann@d1.example>\r\n" BOB, "250 2.1.5|250 2.1.5|250 2.1.5",
           FROM_ANN "Message-Id: <a@b>\r\nDate: Mon, 2 Jan 2006 22:04:05 +0000\r\n\r\nhi" END,
           "250 2.2.0");
    assert_int_equal(f->stored, 3);
    assert_int_equal(f->delivers, 2);
    prefix = build_slice(&f->prefix);
    assert_true(slice_find(prefix, SLICE(" for ")) == SIZE_MAX);
    assert_true(slice_find(prefix, SLICE("Message-Id")) == SIZE_MAX);
    assert_true(slice_find(prefix, SLICE("Date:")) == SIZE_MAX);
    assert_slice(build_slice(&f->message_id), SLICE("a@b"), "message id");

    submit(f, BOB "RCPT TO:<full@d1.example>\r\n", "250 2.1.5|250 2.1.5", FROM_ANN "\r\nhi" END,
           "451 4.3.0");
    assert_holds(output(f), "451-4.3.0 <full@d1.example>: 452 4.2.2 mailbox is full\r\n");
}

static void refuses_bad_submissions(void **state)
{
    static const struct {
        const char *message, *want;
    } rows[] = {
        {"Subject: x\r\n\r\nhi" END, "550 5.6.0"},
        {FROM_ANN FROM_ANN "\r\nhi" END, "550 5.6.0"},
        {"From: ann@d1.example, bob@d1.example\r\n\r\nhi" END, "550 5.6.0"},
        {"From: group:;\r\n\r\nhi" END, "550 5.6.0"},
        {"From: x@example.org\r\n\r\nhi" END, "550 5.7.1"},
        {"From: bob@d1.example\r\n\r\nhi" END, "550 5.7.1"},
        {"From: ann@disabled.example\r\n\r\nhi" END, "451 4.3.0"},
        {"From: ann@d1.example" END, "554 5.6.0"},
        {FROM_ANN "Content-Type: garbage\r\n\r\nhi" END, "550 5.6.0"},
        {FROM_ANN "Message-Id:\r\nDate: \r\n\r\nhi" END, "250 2.2.0"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        submit(*state, BOB, "250 2.1.5", rows[i].message, rows[i].want);
    shows_added_fields(*state);
}

static void ends_with_the_login(void **state)
{
    struct fake *f = *state;

    fake_open(f, EDGE_SUBMISSION);
    say(f, "EHLO x\r\n" LOGIN, "250|235 2.7.0");
    fake_wake(f, EDGE_WAKE_CHANGES);
    assert_false(f->closed);
    fake_wake(f, EDGE_WAKE_ENDED);
    assert_true(f->closed);
    assert_holds(output(f), "\r\n421 4.7.0 ");
    f->watches = 0; /* the edge forgot it with the event */
}

/* The directory knows two spellings of one address. */
static void s262_one_copy_for_an_address(void **state)
{
    struct fake *f = *state;

    fake_open(f, EDGE_SMTP);
    say(f, HELLO MAIL RCPT "RCPT TO:<ANN@D1.example>\r\n" RCPT BOB,
        "250|250 2.1.0|250 2.1.5|250 2.1.5|250 2.1.5|250 2.1.5");
    say(f, "DATA\r\n" M1 END, "354|250 2.2.0");
    assert_int_equal(f->stored, 2);
}

static void packs_many_recipients(void **state)
{
    struct fake *f = *state;
    char line[200];

    fake_open(f, EDGE_SUBMISSION);
    say(f, "EHLO x\r\n" LOGIN "MAIL FROM:<ann@d1.example>\r\n", "250|235 2.7.0|250 2.1.0");
    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(line, sizeof(line), "RCPT TO:<many.%u@d1.example>\r\n", i);
        say(f, line, "250 2.1.5");
    }
    say(f, BOB, "452 4.5.3");
    say(f, "DATA\r\n" FROM_ANN "\r\nhi" END, "354|250 2.2.0");
    assert_int_equal(f->stored, 1000);
    assert_true(f->delivers > 1 && f->delivers < 20);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(delivers),
        T(lists_extensions),
        T(talks_on_port_25),
        T(closes_after_many_errors),
        T(limits_lines),
        T(closes_after_bad_transactions),
        T(groups_replies),
        T(slows_down_who_guesses_addresses),
        T(limits_size),
        T(survives_a_full_disk),
        T(asks_for_room_first),
        T(survives_a_store_that_is_away),
        T(detects_loops),
        T(starts_tls),
        T(closes_on_text_behind_starttls),
        T(ends_idle_and_stopping),
        T(delivers_once_to_who_is_named_twice),
        T(logs_in),
        T(needs_tls_for_passwords),
        T(takes_long_responses),
        T(slows_down_guessing),
        T(submits),
        T(refuses_too_many_submissions),
        T(refuses_bad_submissions),
        T(ends_with_the_login),
        T(s262_one_copy_for_an_address),
        T(packs_many_recipients),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
