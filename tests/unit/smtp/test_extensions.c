/* CHUNKING, BINARYMIME, DSN, SMTPUTF8, REQUIRETLS, FUTURERELEASE, XCLIENT and pedantic mode, in
 * whole sessions. */
#include "talk.h"

#define SUBMIT "From: <ann@d1.example>\r\nTo: <bob@d1.example>\r\nSubject: test\r\n\r\nbody\r\n"
#define MAIL_ANN "MAIL FROM:<ann@d1.example>\r\n"
#define OK2 "250 2.1.0|250 2.1.5"

static void restart(struct fake *f, enum edge_service service)
{
    fake_open(f, service);
    say(f, service == EDGE_SMTP ? HELLO : HELLO LOGIN,
        service == EDGE_SMTP ? "250" : "250|235 2.7.0");
}

/* BDAT n with this content. */
static void chunk(struct fake *f, const char *content, const char *last, const char *want)
{
    char text[512];

    (void)snprintf(text, sizeof(text), "BDAT %zu%s\r\n%s", strlen(content), last, content);
    say(f, text, want);
}

static void takes_chunks(void **state)
{
    struct fake *f = *state;

    restart(f, EDGE_SMTP);
    say(f, MAIL RCPT, OK2);
    chunk(f, "From: <remote@example.org>\r\n", "", "250 2.0.0");
    assert_int_equal(f->timeout_s, 300);
    chunk(f, "Subject: x\r", "", "250 2.0.0");
    chunk(f, "", "", "250 2.0.0");
    chunk(f, "\n\r\n.\r\n..\r\nQUIT\r\n", "", "250 2.0.0");
    assert_int_equal(f->delivers, 0);
    chunk(f, "end", " LAST", "250 2.2.0");
    assert_slice(build_slice(&f->content),
                 SLICE("From: <remote@example.org>\r\nSubject: x\r\n\r\n.\r\n..\r\nQUIT\r\nend"),
                 "content");
    say(f, MAIL RCPT "bdat 5 last\r\na: b\r" MAIL, "250 2.1.0|250 2.1.5|500 5.5.2|250 2.1.0");
    /* Cut everywhere. */
    for (size_t step = 1; step < 4; step++) {
        restart(f, EDGE_SMTP);
        fake_send(f, SLICE(MAIL RCPT "BDAT 6\r\nA: b\r\nBDAT 2\r\n\r\nBDAT 4 LAST\r\nbody"), step);
        assert_slice(build_slice(&f->content), SLICE("A: b\r\n\r\nbody"), "content");
    }
    assert_int_equal(f->stored, 4);
}

/* RFC 3030 2: what is asked for in the wrong state is taken, and not run. */
static void takes_chunks_in_every_state(void **state)
{
    static const struct {
        const char *name, *send, *want;
    } rows[] = {
        {"before EHLO", "BDAT 6\r\nNOOP\r\n", "503 5.5.1"},
        {"before MAIL", HELLO "BDAT 6 LAST\r\nNOOP\r\nNOOP\r\n", "250|503 5.5.1|250 2.0.0"},
        {"before RCPT", HELLO MAIL "BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\n" RCPT,
         "250|250 2.1.0|503 5.5.1|503 5.5.1|250 2.1.5"},
        {"after LAST", HELLO MAIL RCPT "BDAT 6 LAST\r\nA: b\r\nBDAT 6 LAST\r\nQUIT\r\n" MAIL,
         "250|250 2.1.0|250 2.1.5|250 2.2.0|503 5.5.1|250 2.1.0"},
        {"RSET between", HELLO MAIL RCPT "BDAT 6\r\nA: b\r\nRSET\r\nBDAT 6\r\nQUIT\r\n" MAIL,
         "250|250 2.1.0|250 2.1.5|250 2.0.0|250 2.0.0|503 5.5.1|250 2.1.0"},
        {"others between",
         HELLO MAIL RCPT "BDAT 6\r\nA: b\r\n" MAIL RCPT "DATA\r\nNOOP\r\nVRFY a\r\nBDAT 0 LAST\r\n",
         "250|250 2.1.0|250 2.1.5|250 2.0.0|503 5.5.1|503 5.5.1|503 5.5.1|250 2.0.0|252 2.7.0|"
         "250 2.2.0"},
        {"failed chunk",
         HELLO MAIL RCPT "BDAT 5\r\na\nb\r\nBDAT 6\r\nQUIT\r\n" RCPT "DATA\r\n" MAIL
                         "BDAT 6 LAST\r\nQUIT\r\nRSET\r\n" MAIL,
         "250|250 2.1.0|250 2.1.5|500 5.5.2|503 5.5.1|503 5.5.1|503 5.5.1|503 5.5.1|503 5.5.1|"
         "250 2.0.0|250 2.1.0"},
        {"failed last chunk", HELLO MAIL RCPT "BDAT 5 LAST\r\na\nb\r\nBDAT 6\r\nQUIT\r\n" MAIL,
         "250|250 2.1.0|250 2.1.5|500 5.5.2|503 5.5.1|250 2.1.0"},
        {"EHLO after a failed chunk", HELLO MAIL RCPT "BDAT 5\r\na\nb\r\n" HELLO MAIL,
         "250|250 2.1.0|250 2.1.5|500 5.5.2|250|250 2.1.0"},
        {"unknown recipient", HELLO MAIL "RCPT TO:<nobody@d1.example>\r\nBDAT 6 LAST\r\nA: b\r\n",
         "250|250 2.1.0|250 2.1.5|550 5.1.1"},
        {"white space at the end", HELLO MAIL RCPT "BDAT 6  \r\nA: b\r\nBDAT 0 LAST \t\r\n",
         "250|250 2.1.0|250 2.1.5|250 2.0.0|250 2.2.0"},
    };
    struct fake *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (size_t step = 1; step < 300; step += 99) {
            char buf[1024];

            fake_open(f, EDGE_SMTP);
            build_reset(&f->output);
            fake_send(f, slice_str(rows[i].send), step);
            assert_slice(codes(f, 0, buf, sizeof(buf)), slice_str(rows[i].want), rows[i].name);
            assert_false(f->closed);
        }
    fake_open(f, EDGE_SUBMISSION);
    say(f, HELLO "BDAT 6\r\nNOOP\r\nNOOP\r\n", "250|530 5.7.0|250 2.0.0");
}

/* Who cannot say how long a chunk is, or means more than is taken, is not listened to further. */
static void closes_after_bad_sizes(void **state)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "  1",
                                      " -1",
                                      " +1",
                                      " x",
                                      " 1x",
                                      " 1 x",
                                      " LAST",
                                      " 0x1",
                                      " 1 LAST x",
                                      " 18446744073709551616",
                                      " 000000000000000000001",
                                      "\t1"};
    static const char *const large[] = {" 9223372036854775808", " 18446744073709551615",
                                        " 2097154 LAST"};
    struct fake *f = *state;
    char text[256];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        restart(f, EDGE_SMTP);
        (void)snprintf(text, sizeof(text), MAIL RCPT "BDAT%s\r\nQUIT\r\n", bad[i]);
        say(f, text, i == 13 ? OK2 "|500 5.5.1|221 2.0.0" : OK2 "|501 5.5.2");
        assert_true(f->closed);
    }
    for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
        restart(f, EDGE_SMTP);
        (void)snprintf(text, sizeof(text), MAIL RCPT "BDAT%s\r\nQUIT\r\n", large[i]);
        say(f, text, OK2 "|552 5.3.4");
        assert_true(f->closed);
    }
    assert_int_equal(f->delivers, 0);
}

static void limits_chunks(void **state)
{
    struct fake *f = *state;
    static char content[4097];

    memset(content, 'x', 4096);
    f->settings.message_size_max = 4096;
    restart(f, EDGE_SMTP);
    say(f, MAIL RCPT "BDAT 4096\r\n", OK2);
    say(f, content, "250 2.0.0");
    say(f, "BDAT 1\r\nx", "552 5.3.4");
    say(f, "BDAT 6 LAST\r\nQUIT\r\n", "503 5.5.1");
    say(f, "RSET\r\n" MAIL RCPT "BDAT 4096 LAST\r\n", "250 2.0.0|" OK2);
    say(f, content, "250 2.2.0");
    /* Past twice the maximum nothing is waited for. */
    say(f, MAIL RCPT "BDAT 8193\r\n", OK2);
    say(f, content, "");
    say(f, content, "");
    say(f, "x", "552 5.3.4");
    f->settings.message_size_max = 1 << 20;
    f->spool_fails = true;
    restart(f, EDGE_SMTP);
    say(f,
        "MAIL FROM:<a@example.org> SIZE=500000\r\n" RCPT
        "BDAT 6\r\nQUIT\r\nBDAT 6\r\nQUIT\r\nRSET\r\n",
        OK2 "|452 4.3.1|503 5.5.1|250 2.0.0");
}

/* RFC 3030 3: octets as they come. */
static void keeps_binary_bodies(void **state)
{
    static const char body[] = "A: b\r\n\r\n\0\n\r.\r\n\xff\r";
    struct fake *f = *state;

    restart(f, EDGE_SMTP);
    say(f, "MAIL FROM:<a@example.org> BODY=BINARYMIME\r\n" RCPT, OK2);
    say(f, "DATA\r\n", "503 5.5.1");
    say(f, "BDAT 16 LAST\r\n", "");
    assert_int_equal(sizeof(body) - 1, 16);
    fake_send(f, slice_of(body, 16), 1);
    assert_int_equal(f->stored, 1);
    assert_slice(build_slice(&f->content), slice_of(body, 16), "content");
    assert_int_equal(f->wishes.body, GW__WISHES__BODY__BODY_BINARYMIME);
    say(f, "MAIL FROM:<a@example.org> BODY=8BITMIME\r\n" RCPT, OK2);
    say(f, "BDAT 3 LAST\r\n", "");
    fake_send(f, slice_of("a\0b", 3), 1);
    assert_holds(output(f), "500 5.5.2");
}

/* outbound 26.13 X1 to X9, as far as they are seen without a queue. */
static void offers_delivery_reports(void **state)
{
    struct fake *f = *state;

    restart(f, EDGE_SMTP); /* X1, X2 */
    assert_true(slice_find(output(f), SLICE("DSN")) == SIZE_MAX);
    say(f,
        "MAIL FROM:<a@example.org> RET=HDRS\r\nMAIL FROM:<a@example.org> ENVID=x\r\n" MAIL
        "RCPT TO:<ann@d1.example> NOTIFY=NEVER\r\nRCPT TO:<ann@d1.example> ORCPT=rfc822;a@b\r\n",
        "555 5.3.3|555 5.3.3|250 2.1.0|555 5.3.3|555 5.3.3");
    restart(f, EDGE_SUBMISSION);
    assert_holds(output(f), "250-DSN\r\n");
    f->listener.dsn = true;
    restart(f, EDGE_SMTP);
    assert_holds(output(f), "250-DSN\r\n");
    say(f,
        "MAIL FROM:<> RET=FULL ENVID=QQ+2B\r\n"
        "RCPT TO:<ann@d1.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Bob@Example.COM\r\n"
        "DATA\r\n" M1 "."
        "\r\n",
        OK2 "|354|250 2.2.0"); /* X8 */
    assert_int_equal(f->wishes.ret, GW__WISHES__RET__RET_FULL);
    assert_int_equal(f->notify, 10);
    assert_slice(build_slice(&f->envid), SLICE("QQ+2B"), "envid");
    assert_slice(build_slice(&f->orcpt), SLICE("rfc822;Bob@Example.COM"), "orcpt");
    say(f, MAIL RCPT "DATA\r\n" M1 ".\r\n", OK2 "|354|250 2.2.0"); /* nothing is left over */
    assert_int_equal(f->wishes.ret + f->notify + f->envid.n + f->orcpt.n, 0);
    say(f, MAIL "RCPT TO:<ann@d1.example> NOTIFY=OK\r\n" RCPT, "250 2.1.0|501 5.5.4|250 2.1.5");
    say(f, "RSET\r\n" MAIL "RCPT TO:<nobody@d1.example> NOTIFY=NEVER\r\n", /* X9 */
        "250 2.0.0|250 2.1.0|250 2.1.5");
    fake_open(f, EDGE_SMTP);
    say(f, "HELO a.example\r\nMAIL FROM:<> RET=FULL\r\n", "250|555 5.3.3");
}

static void takes_utf8_addresses(void **state)
{
    static const struct {
        const char *name, *send, *want;
    } rows[] = {
        {"232 SMTPUTF8", "MAIL FROM:<\xce\xa9@example.org> SMTPUTF8\r\n" RCPT, OK2},
        {"232 without", "MAIL FROM:<\xce\xa9@example.org>\r\n" RCPT, "550 5.6.7|503 5.5.1"},
        {"231 recipient",
         "MAIL FROM:<a@example.org> SMTPUTF8\r\nRCPT TO:<\xf0\x9f\x99\x82@d1.example>\r\n", OK2},
        {"231 without", MAIL "RCPT TO:<\xf0\x9f\x99\x82@d1.example>\r\n" RCPT,
         "250 2.1.0|553 5.6.7|250 2.1.5"},
        {"236 A-label", "MAIL FROM:<a@xn--vg8h.example.org>\r\n" RCPT, OK2},
        {"237 U-label",
         "MAIL FROM:<a@b\xc3\xbc"
         "cher.example>\r\n",
         "501 5.5.2"},
        {"237 with SMTPUTF8",
         "MAIL FROM:<a@b\xc3\xbc"
         "cher.example> SMTPUTF8\r\n",
         "250 2.1.0"},
        {"237 recipient",
         MAIL "RCPT TO:<a@b\xc3\xbc"
              "cher.example>\r\n",
         "250 2.1.0|501 5.5.2"},
        {"not UTF-8", "MAIL FROM:<\xc3@example.org> SMTPUTF8\r\n", "501 5.5.2"},
        {"overlong", "MAIL FROM:<\xc0\x80@example.org> SMTPUTF8\r\n", "501 5.5.2"},
        {"not IDNA2008", "MAIL FROM:<a@\xe2\x98\xba\xe2\x80\xae.example> SMTPUTF8\r\n",
         "501 5.5.2"},
        {"not of the next",
         "MAIL FROM:<a@example.org> SMTPUTF8\r\nRSET\r\n" MAIL "RCPT TO:<\xc3\xb3@d1.example>\r\n",
         "250 2.1.0|250 2.0.0|250 2.1.0|553 5.6.7"},
    };
    struct fake *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        restart(f, EDGE_SMTP);
        print_message("%s\n", rows[i].name);
        say(f, rows[i].send, rows[i].want);
    }
    restart(f, EDGE_SMTP);
    say(f,
        "MAIL FROM:<\xce\xa9@B\xc3\x9c"
        "CHER.example> SMTPUTF8\r\n" RCPT "DATA\r\n" M1 ".\r\n",
        OK2 "|354|250 2.2.0");
    assert_slice(build_slice(&f->reverse_path), SLICE("\xce\xa9@xn--bcher-kva.example"),
                 "A-labels");
}

static void takes_requiretls(void **state)
{
    struct fake *f = *state;

    restart(f, EDGE_SMTP); /* 144 */
    assert_true(slice_find(output(f), SLICE("REQUIRETLS")) == SIZE_MAX);
    say(f, "MAIL FROM:<a@example.org> REQUIRETLS\r\n" MAIL, "523 5.7.10|250 2.1.0");
    f->tls = true;
    restart(f, EDGE_SMTP);
    assert_holds(output(f), "250-REQUIRETLS\r\n");
    say(f, "MAIL FROM:<a@example.org> REQUIRETLS\r\n" RCPT "DATA\r\n" M1 ".\r\n",
        OK2 "|354|250 2.2.0");
    assert_true(f->wishes.require_tls);
    f->listener.no_require_tls = true; /* 225 */
    restart(f, EDGE_SMTP);
    assert_true(slice_find(output(f), SLICE("REQUIRETLS")) == SIZE_MAX);
    say(f, "MAIL FROM:<a@example.org> REQUIRETLS\r\n", "555 5.3.3");
}

static void may_require_tls_for_mail(void **state)
{
    struct fake *f = *state;

    f->listener.tls_for_mail = true;
    restart(f, EDGE_SMTP);
    say(f, MAIL RCPT, "250 2.1.0|530 5.7.0");
    say(f, "RCPT TO:<many.tls-reports@d1.example>\r\n", "250 2.1.5");
    say(f, "RCPT TO:<ann@fault.example>\r\n", "530 5.7.0");
    f->tls = true;
    restart(f, EDGE_SMTP);
    say(f, MAIL RCPT, OK2);
}

static void holds_for_later(void **state)
{
    struct fake *f = *state;

    restart(f, EDGE_SUBMISSION);
    assert_holds(output(f), "250-FUTURERELEASE 5184000 2006-03-03T22:04:05Z\r\n");
    say(f,
        "MAIL FROM:<ann@d1.example> HOLDFOR=60\r\nRCPT TO:<bob@d1.example>\r\nDATA\r\n" SUBMIT
        ".\r\n",
        OK2 "|354|250 2.2.0");
    assert_int_equal(f->wishes.hold_until_ns, f->clock.frozen_ns + 60 * NS_PER_S);
    restart(f, EDGE_SMTP);
    assert_true(slice_find(output(f), SLICE("FUTURERELEASE")) == SIZE_MAX);
    say(f, "MAIL FROM:<a@example.org> HOLDFOR=60\r\n", "555 5.3.3");
}

/* 2.12 */
static void is_pedantic_on_wish(void **state)
{
    struct fake *f = *state;
    char text[256];

    f->settings.pedantic = true;
    restart(f, EDGE_SMTP);
    say(f,
        "MAIL FROM: <a@example.org>\r\n" MAIL "RCPT TO: <ann@d1.example>\r\n" RCPT, /* 132, 150 */
        "501 5.5.2|250 2.1.0|501 5.5.2|250 2.1.5");
    for (int n = 63; n <= 65; n++) { /* 135 */
        (void)snprintf(text, sizeof(text), "RSET\r\nMAIL FROM:<%0*d@example.org>\r\n", n, 1);
        say(f, text, n <= 64 ? "250 2.0.0|250 2.1.0" : "250 2.0.0|501 5.5.2");
    }
    fake_open(f, EDGE_SUBMISSION); /* 34 */
    say(f, "EHLO\r\nEHLO ho_st\r\nEHLO [::1]\r\nHELO\r\nEHLO a.example \r\nEHLO a.example\r\n",
        "501 5.5.2|501 5.5.2|501 5.5.2|501 5.5.2|501 5.5.2|250");
    f->settings.pedantic = false;
    fake_open(f, EDGE_SUBMISSION);
    say(f, "EHLO\r\nEHLO ho_st\r\nEHLO [::1]\r\nHELO\r\n", "250|250|250|250");
}

/* Rows 44 and 146 on submission. */
static void tolerates_no_space_on_submission(void **state)
{
    struct fake *f = *state;

    restart(f, EDGE_SUBMISSION);
    say(f,
        "RSET \r\nNOOP \r\nDATA \r\nVRFY a \r\nMAIL FROM:<ann@d1.example> \r\n"
        "MAIL FROM:<ann@d1.example> SIZE=1 \r\n" MAIL_ANN "RCPT TO:<bob@d1.example> \r\nQUIT \r\n",
        "501 5.5.2|501 5.5.2|503 5.5.1|501 5.5.2|501 5.5.2|501 5.5.2|250 2.1.0|501 5.5.2|501 "
        "5.5.2");
    fake_open(f, EDGE_SMTP);
    say(f, "RSET\r\nRSET x\r\nRSET \r\nQUIT \t\r\n", "250 2.0.0|501 5.5.2|250 2.0.0|221 2.0.0");
}

static void believes_listed_filters(void **state)
{
    struct network networks[2];
    struct fake *f = *state;
    struct err err;

    assert_int_equal(network_parse(SLICE("192.0.2.0/24"), &networks[0], &err), 0);
    assert_int_equal(network_parse(SLICE("127.0.0.10"), &networks[1], &err), 0);
    f->listener.xclient = networks;
    f->listener.xclient_n = 1;
    restart(f, EDGE_SMTP);
    assert_true(slice_find(output(f), SLICE("XCLIENT")) == SIZE_MAX);
    say(f, "XCLIENT ADDR=192.0.2.9\r\n", "500 5.5.1");
    f->listener.xclient_n = 2;
    restart(f, EDGE_SMTP);
    assert_holds(output(f), "250-XCLIENT NAME ADDR PORT PROTO HELO\r\n");
    say(f, MAIL "XCLIENT ADDR=192.0.2.9\r\nRSET\r\n", "250 2.1.0|503 5.5.1|250 2.0.0");
    say(f,
        "XCLIENT\r\nXCLIENT ADDR=x\r\nXCLIENT LOGIN=ann\r\nXCLIENT ADDR\r\nXCLIENT HELO=+0Aa\r\n",
        "501 5.5.4|501 5.5.4|501 5.5.4|501 5.5.4|501 5.5.4");
    say(f, "XCLIENT NAME=mail.example.org ADDR=IPV6:2001:db8::7 PORT=1 PROTO=ESMTP\r\n" MAIL,
        "220|503 5.5.1");
    say(f, "XCLIENT helo=told.example NAME=[UNAVAILABLE]\r\n" HELLO MAIL RCPT "DATA\r\n" M1 ".\r\n",
        "220|250|" OK2 "|354|250 2.2.0");
    assert_slice(build_slice(&f->origin_ehlo), SLICE("told.example"), "ehlo");
    assert_int_equal(f->origin_ip.n, 16);
    assert_holds(build_slice(&f->prefix), "Received: from told.example ([IPv6:2001:db8::7])");
    fake_open(f, EDGE_SUBMISSION);
    say(f, "XCLIENT ADDR=192.0.2.9\r\n", "500 5.5.2");
}

static void blames_no_client_for_another(void **state)
{
    struct network everybody;
    struct fake *f = *state;
    struct err err;

    assert_int_equal(network_parse(SLICE("0.0.0.0/0"), &everybody, &err), 0);
    f->listener.xclient = &everybody;
    f->listener.xclient_n = 1;
    restart(f, EDGE_SMTP);
    for (unsigned i = 0; i < 11; i++)
        say(f, MAIL "RCPT TO:<no@d1.example>\r\nDATA\r\n" M1 ".\r\n", OK2 "|354|550 5.1.1");
    say(f, "XCLIENT ADDR=192.0.2.9\r\n" HELLO MAIL, "220|250|250 2.1.0");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(takes_chunks),
        TEST(takes_chunks_in_every_state),
        TEST(closes_after_bad_sizes),
        TEST(limits_chunks),
        TEST(keeps_binary_bodies),
        TEST(offers_delivery_reports),
        TEST(takes_utf8_addresses),
        TEST(takes_requiretls),
        TEST(may_require_tls_for_mail),
        TEST(holds_for_later),
        TEST(is_pedantic_on_wish),
        TEST(tolerates_no_space_on_submission),
        TEST(believes_listed_filters),
        TEST(blames_no_client_for_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
