/* Faults and attacks, rows 5 to 10 and 17 to 19: what survives them, in-process. */
#include "smtp/session_private.h"
#include "talk.h"

#define OK2 "250 2.1.0|250 2.1.5"

static const struct smtp_session *session(const struct fake *f)
{
    return f->session;
}

/* 5: commands behind the 354, in one piece with DATA, are content. */
static void row_5_commands_behind_data_are_content(void **state)
{
    struct fake *f = *state;

    fake_open(f, EDGE_SMTP);
    say(f, HELLO MAIL RCPT "DATA\r\nA: b\r\n\r\nQUIT\r\nMAIL FROM:<x@example.org>\r\n.\r\nNOOP\r\n",
        "250|" OK2 "|354|250 2.2.0|250 2.0.0");
    assert_slice(build_slice(&f->content),
                 SLICE("A: b\r\n\r\nQUIT\r\nMAIL FROM:<x@example.org>\r\n"), "content");
    assert_int_equal(f->delivers, 1);
}

/* 6: whatever ends a transaction, RCPT, DATA and BDAT need a new MAIL. */
static void row_6_nothing_is_left_of_a_transaction(void **state)
{
    static const struct {
        const char *name, *send, *want;
    } ends[] = {
        {"refused content", "DATA\r\na\nb\r\n.\r\n", "354|500 5.5.2"},
        {"failed delivery", "RSET\r\n" MAIL "RCPT TO:<full@d1.example>\r\nDATA\r\n" M1 ".\r\n",
         "250 2.0.0|" OK2 "|354|452 4.2.2"},
        {"failed BDAT LAST", "BDAT 3 LAST\r\na\nb", "500 5.5.2"},
        {"BDAT LAST", "BDAT 6 LAST\r\nA: b\r\n", "250 2.2.0"},
        {"RSET", "RSET\r\n", "250 2.0.0"},
        {"RSET after BDAT", "BDAT 6\r\nA: b\r\nRSET\r\n", "250 2.0.0|250 2.0.0"},
        {"EHLO", HELLO, "250"},
        {"HELO", "HELO a.example\r\n", "250"},
        {"failed MAIL", "RSET\r\nMAIL FROM:<a@example.org> FOO\r\n", "250 2.0.0|555 5.3.3"},
    };
    struct fake *f = *state;

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        fake_open(f, EDGE_SMTP);
        say(f, HELLO MAIL RCPT, "250|" OK2);
        say(f, ends[i].send, ends[i].want);
        if (f->closed) /* smuggling */
            continue;
        assert_false(session(f)->tx.given);
        assert_int_equal(session(f)->tx.arena.used, 0);
        assert_null(session(f)->content);
        say(f, RCPT "DATA\r\nBDAT 6\r\nQUIT\r\nBDAT 0 LAST\r\n",
            "503 5.5.1|503 5.5.1|503 5.5.1|503 5.5.1");
        say(f, MAIL, "250 2.1.0");
    }
    fake_open(f, EDGE_SMTP);
    say(f, HELLO "VRFY \xc3\xb3\r\nVRFY \xc3\xb3 SMTPUTF8\r\n" RCPT "DATA\r\n",
        "250|501 5.5.2|252 2.7.0|503 5.5.1|503 5.5.1");
    fake_open(f, EDGE_SUBMISSION);
    say(f, HELLO "AUTH PLAIN AGFubkBkMS5leGFtcGxlAGJhZA==\r\nMAIL FROM:<>\r\n" RCPT "DATA\r\n",
        "250|535 5.7.8|530 5.7.0|530 5.7.0|530 5.7.0");
}

/* 7: very many chunks of one octet, and of none, cost what their octets cost. */
static void row_7_tiny_chunks_cost_little(void **state)
{
    struct fake *f = *state;
    unsigned rounds = getenv("GODWIT_TEST_LONG") ? 1000000 : 100000;

    fake_open(f, EDGE_SMTP);
    say(f, HELLO MAIL RCPT "BDAT 8\r\nA: b\r\n\r\n", "250|" OK2 "|250 2.0.0");
    size_t arena = session(f)->tx.arena.used;

    for (unsigned i = 0; i < rounds; i++) {
        build_reset(&f->output);
        fake_send(f, SLICE("BDAT 1\r\nxBDAT 0\r\n"), SIZE_MAX);
        assert_slice(output(f), SLICE("250 2.0.0 1 octets\r\n250 2.0.0 0 octets\r\n"), "replies");
    }
    assert_int_equal(session(f)->tx.arena.used, arena);
    say(f, "BDAT 0 LAST\r\n", "250 2.2.0");
    assert_int_equal(f->content.n, 8 + rounds);
    assert_int_equal(f->spools, 1); /* past 40 KiB it is a file */
}

/* 8: the peer goes away within a chunk, at each octet. */
static void row_8_ends_within_a_chunk(void **state)
{
    static const char send[] = HELLO MAIL RCPT "BDAT 6\r\nA: b\r\nBDAT 9 LAST\r\n\r\nbody";
    struct fake *f = *state;

    for (size_t n = 0; n < sizeof(send) - 1; n++) {
        fake_open(f, EDGE_SMTP);
        fake_send(f, slice_of(send, n), 5);
        fake_hang_up(f);
        fake_open(f, EDGE_SMTP);
        fake_send(f, slice_of(send, n), SIZE_MAX);
        fake_timeout(f);
        assert_true(f->closed);
        fake_open(f, EDGE_SMTP);
        fake_send(f, slice_of(send, n), SIZE_MAX);
        fake_stop(f);
    }
    assert_int_equal(f->delivers, 0);
}

/* 9, the server's part: BDAT and DATA do not mix, and a binary body comes by BDAT alone. */
static void row_9_bdat_and_data_do_not_mix(void **state)
{
    struct fake *f = *state;

    fake_open(f, EDGE_SMTP);
    say(f, HELLO MAIL RCPT "BDAT 6\r\nA: b\r\nDATA\r\nBDAT 0 LAST\r\n",
        "250|" OK2 "|250 2.0.0|503 5.5.1|250 2.2.0");
    say(f, "MAIL FROM:<a@example.org> BODY=BINARYMIME\r\n" RCPT "DATA\r\nBDAT 6 LAST\r\nA: b\r\n",
        OK2 "|503 5.5.1|250 2.2.0");
}

/* 10: what was sent in the plain behind STARTTLS is never run. */
static void row_10_no_plain_text_behind_starttls(void **state)
{
    struct fake *f = *state;

    f->tls_available = true;
    fake_open(f, EDGE_SMTP);
    say(f, HELLO MAIL RCPT "BDAT 6\r\nA: b\r\nSTARTTLS\r\nBDAT 0 LAST\r\n",
        "250|" OK2 "|250 2.0.0|220 2.0.0");
    assert_true(f->aborted);
    assert_int_equal(f->delivers, 0);
    fake_open(f, EDGE_SMTP);
    say(f, HELLO MAIL RCPT "BDAT 6\r\nA: b\r\nSTARTTLS\r\n", "250|" OK2 "|250 2.0.0|220 2.0.0");
    assert_true(f->tls);
    assert_null(session(f)->content);
    say(f, "BDAT 6 LAST\r\nQUIT\r\n" MAIL HELLO "BDAT 6 LAST\r\nQUIT\r\n",
        "503 5.5.1|503 5.5.1|250|503 5.5.1");
}

/* 17: many recipients, many transactions, many refused commands: memory stays. */
static void row_17_memory_stays_flat(void **state)
{
    struct fake *f = *state;
    unsigned rounds = 100000;
    char text[128];

    fake_open(f, EDGE_SUBMISSION);
    say(f, HELLO LOGIN "MAIL FROM:<ann@d1.example>\r\n", "250|235 2.7.0|250 2.1.0");
    size_t used = 0;

    for (unsigned i = 0; i < rounds; i++) {
        build_reset(&f->output);
        (void)snprintf(text, sizeof(text), "RCPT TO:<x%u@d1.example> NOTIFY=NEVER\r\n%s", i,
                       i % 10 == 0 ? "NOOP\r\n" : "");
        fake_send(f, slice_str(text), SIZE_MAX);
        used = i == 0 ? session(f)->tx.arena.used : used;
    }
    assert_false(f->closed);
    assert_int_equal(session(f)->tx.arena.used, used);
    for (unsigned i = 0; i < rounds; i++) {
        build_reset(&f->output);
        fake_send(f, SLICE("RSET\r\nMAIL FROM:<ann@d1.example> ENVID=x\r\nbogus\r\n"), SIZE_MAX);
    }
    assert_false(f->closed);
    fake_send(f, SLICE("RSET\r\n"), SIZE_MAX);
    assert_int_equal(session(f)->tx.arena.used, 0);
}

/* 18: the grammar says exactly what an odd address is. */
static void row_18_odd_addresses(void **state)
{
    static const struct {
        const char *path, *want, *address;
    } rows[] = {
        {"<@a.example,@b.example:ann@d1.example>", "250 2.1.5", "ann@d1.example"},
        {"<\"ann\"@d1.example>", "250 2.1.5", "ann@d1.example"},
        {"<\"a\\nn\"@d1.example>", "250 2.1.5", "ann@d1.example"},
        {"<ann%d1.example@other.example>", "550 5.1.1", NULL},
        {"<other.example!ann@d1.example>", "250 2.1.5", NULL}, /* nobody's name, told after DATA */
        {"<ann@[IPv6:::1]>", "550 5.1.1", NULL},
        {"<ann@[127.0.0.1]>", "550 5.1.1", NULL},
        {"<ann @d1.example>", "501 5.5.2", NULL},
        {"<ann@d1.example@other.example>", "501 5.5.2", NULL},
        {"<@a.example:>", "501 5.5.2", NULL},
        {"<@a.example,ann@d1.example>", "501 5.5.2", NULL},
        {"<\"ann@d1.example>", "501 5.5.2", NULL},
        {"<ann@d1.example", "501 5.5.2", NULL},
        {"ann@d1.example", "501 5.5.2", NULL},
    };
    struct fake *f = *state;
    char text[256];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake_open(f, EDGE_SMTP);
        say(f, HELLO MAIL, "250|250 2.1.0");
        (void)snprintf(text, sizeof(text), "RCPT TO:%s\r\n", rows[i].path);
        say(f, text, rows[i].want);
        if (rows[i].address == NULL)
            continue;
        say(f, "DATA\r\n" M1 ".\r\n", "354|250 2.2.0");
        assert_slice(build_slice(&f->address), slice_str(rows[i].address), rows[i].path);
    }
    fake_open(f, EDGE_SMTP);
    say(f, HELLO MAIL, "250|250 2.1.0");
    fake_send(f, SLICE("RCPT TO:<ann\0@d1.example>\r\n"), SIZE_MAX);
    assert_holds(slice_from(output(f), output(f).n - 80), "501 5.5.2");
    for (unsigned i = 0; i < 65; i++) /* not one too many of anything is taken */
        say(f, "RCPT TO:<ann@d1.example>,<bob@d1.example>\r\nNOOP\r\n", "501 5.5.2|250 2.0.0");
}

/* 19: text that means something to others is kept as it is, or refused; control octets never get
 * in. */
static void row_19_text_stays_text(void **state)
{
    struct fake *f = *state;

    f->listener.dsn = true;
    fake_open(f, EDGE_SMTP);
    say(f,
        HELLO "MAIL FROM:<`x`@example.org> ENVID=;rm|$(x)`y` AUTH=$(z)\r\n"
              "RCPT TO:<ann@d1.example> ORCPT=rfc822;$(x)|`y`;\r\nDATA\r\n" M1 ".\r\n",
        "250|" OK2 "|354|250 2.2.0");
    assert_slice(build_slice(&f->reverse_path), SLICE("`x`@example.org"), "reverse-path");
    assert_slice(build_slice(&f->envid), SLICE(";rm|$(x)`y`"), "envid");
    assert_slice(build_slice(&f->orcpt), SLICE("rfc822;$(x)|`y`;"), "orcpt");
    say(f,
        "MAIL FROM:<;command;@example.org>\r\nMAIL FROM:<$(x)@example.org>\r\n"
        "MAIL FROM:<a@example.org> ENVID=a+0Ab\r\nMAIL FROM:<a@example.org> ENVID=a\rb\r\n"
        "MAIL FROM:<a@example.org> AUTH=a\tb\r\n" MAIL
        "RCPT TO:<ann@d1.example> ORCPT=rfc822;a+0D+0Ab\r\n",
        "501 5.5.2|501 5.5.2|501 5.5.4|501 5.5.2|501 5.5.2|250 2.1.0|501 5.5.4");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(row_5_commands_behind_data_are_content),
        TEST(row_6_nothing_is_left_of_a_transaction),
        TEST(row_7_tiny_chunks_cost_little),
        TEST(row_8_ends_within_a_chunk),
        TEST(row_9_bdat_and_data_do_not_mix),
        TEST(row_10_no_plain_text_behind_starttls),
        TEST(row_17_memory_stays_flat),
        TEST(row_18_odd_addresses),
        TEST(row_19_text_stays_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
