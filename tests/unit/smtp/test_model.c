/* Random sequences of commands, against a small model of what RFC 5321 4.1.4, RFC 3030 2 and RFC
 * 4954 4 say about their order. The model knows nothing of the session's own state; every reply
 * code is compared. A failure prints the seed; GODWIT_TEST_SEED repeats it. */
#include "talk.h"

#define SEQUENCES 10000u
#define STEPS 40u
#define FROM_ANN "From: <ann@d1.example>\r\n\r\n"

enum transaction { NONE, MAILED, ADDRESSED, CHUNKS, FAILED };

struct model {
    bool submission, tls_available;
    bool greeted, login, tls, spoke, closed;
    enum transaction state;
    bool null_sender, binary;
    unsigned good_recipients, full_recipients;
    unsigned bad_in_row, bad_messages, good_messages;
};

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void clear(struct model *m)
{
    m->state = NONE;
    m->null_sender = m->binary = false;
    m->good_recipients = m->full_recipients = 0;
}

/* ---- what the replies are; 0: none ---- */

static unsigned needs_greeting_and_login(const struct model *m)
{
    if (!m->greeted)
        return 503;
    return m->submission && !m->login ? 530 : 0;
}

static unsigned hello(struct model *m)
{
    clear(m);
    m->greeted = true;
    return 250;
}

static unsigned reset(struct model *m)
{
    clear(m);
    return 250;
}

static unsigned mail_may(struct model *m, unsigned code)
{
    unsigned refused = needs_greeting_and_login(m);

    if (refused != 0)
        return refused;
    if (m->state != NONE)
        return 503;
    if (m->bad_messages > 10 && m->good_messages == 0) {
        m->closed = true;
        return 550;
    }
    m->state = code == 250 ? MAILED : NONE;
    return code;
}

static unsigned mail(struct model *m)
{
    return mail_may(m, 250);
}

static unsigned mail_null(struct model *m)
{
    unsigned code = mail_may(m, 250);

    m->null_sender = code == 250 ? true : m->null_sender;
    return code;
}

static unsigned mail_binary(struct model *m)
{
    unsigned code = mail_may(m, 250);

    m->binary = code == 250 ? true : m->binary;
    return code;
}

static unsigned mail_unknown(struct model *m)
{
    return mail_may(m, 555);
}

static unsigned mail_syntax(struct model *m)
{
    return mail_may(m, 501);
}

static unsigned rcpt_may(struct model *m, unsigned *count)
{
    unsigned refused = needs_greeting_and_login(m);

    if (refused != 0)
        return refused;
    if (m->state != MAILED && m->state != ADDRESSED)
        return 503;
    if (m->null_sender && m->state == ADDRESSED)
        return 452;
    m->state = ADDRESSED;
    ++*count;
    return 250;
}

static unsigned rcpt(struct model *m)
{
    return rcpt_may(m, &m->good_recipients);
}

static unsigned rcpt_full(struct model *m)
{
    return rcpt_may(m, &m->full_recipients);
}

static unsigned rcpt_syntax(struct model *m)
{
    unsigned ignored = 0, code;
    enum transaction before = m->state;
    bool null_sender = m->null_sender;

    m->null_sender = false;
    code = rcpt_may(m, &ignored);
    m->null_sender = null_sender;
    m->state = before;
    return code == 250 ? 501 : code;
}

/* A complete message. */
static unsigned deliver(struct model *m)
{
    unsigned code = m->full_recipients == 0 ? 250 : m->good_recipients == 0 ? 452 : 451;

    if (code == 250)
        m->good_messages++;
    else
        m->bad_messages++;
    clear(m);
    m->bad_in_row = 0;
    return code;
}

static unsigned data(struct model *m)
{
    unsigned refused = needs_greeting_and_login(m);

    if (refused != 0)
        return refused;
    return m->state == ADDRESSED && !m->binary ? 354 : 503;
}

/* Also moves on, when it is taken. */
static unsigned chunk_may(struct model *m)
{
    unsigned refused = needs_greeting_and_login(m);

    if (refused != 0)
        return refused;
    if (m->state != ADDRESSED && m->state != CHUNKS)
        return 503;
    m->state = CHUNKS;
    return 0;
}

static unsigned chunk(struct model *m)
{
    unsigned refused = chunk_may(m);

    return refused != 0 ? refused : 250;
}

static unsigned chunk_bad(struct model *m)
{
    unsigned refused = chunk_may(m);

    if (refused != 0)
        return refused;
    m->state = FAILED;
    m->bad_in_row = 0;
    return 500;
}

static unsigned chunk_last(struct model *m)
{
    unsigned refused = chunk_may(m);

    return refused != 0 ? refused : deliver(m);
}

static unsigned auth_may(struct model *m, unsigned code)
{
    if (!m->greeted || m->state != NONE || !m->submission || m->login)
        return 503;
    m->login = code == 235;
    return code;
}

static unsigned auth(struct model *m)
{
    return auth_may(m, 235);
}

static unsigned auth_bad(struct model *m)
{
    return auth_may(m, 535);
}

static unsigned starttls(struct model *m)
{
    if (!m->greeted || m->tls || m->login || !m->tls_available)
        return 503;
    m->tls = true;
    clear(m);
    m->greeted = false;
    m->bad_in_row = 0;
    return 220;
}

static unsigned quit(struct model *m)
{
    m->closed = true;
    return 221;
}

static unsigned unknown(struct model *m)
{
    m->closed = m->closed || !m->spoke;
    return 500;
}

static unsigned say_250(struct model *m)
{
    (void)m;
    return 250;
}

static unsigned say_214(struct model *m)
{
    (void)m;
    return 214;
}

static unsigned say_252(struct model *m)
{
    (void)m;
    return 252;
}

static unsigned say_501(struct model *m)
{
    (void)m;
    return 501;
}

/* ---- the commands ---- */

enum kind { PLAIN, DATA, CHUNK, CHUNK_BAD, CHUNK_LAST };

static const struct op {
    const char *text;
    unsigned (*expect)(struct model *m);
    unsigned weight;
    enum kind kind;
} ops[] = {
    {HELLO, hello, 6, PLAIN},
    {"HELO a.example\r\n", hello, 1, PLAIN},
    {"MAIL FROM:<ann@d1.example>\r\n", mail, 14, PLAIN},
    {"MAIL FROM:<>\r\n", mail_null, 2, PLAIN},
    {"MAIL FROM:<ann@d1.example> BODY=BINARYMIME\r\n", mail_binary, 4, PLAIN},
    {"MAIL FROM:<ann@d1.example> FOO=1\r\n", mail_unknown, 1, PLAIN},
    {"MAIL FROM:<ann\r\n", mail_syntax, 1, PLAIN},
    {RCPT, rcpt, 14, PLAIN},
    {"RCPT TO:<full@d1.example>\r\n", rcpt_full, 5, PLAIN},
    {"RCPT TO:<>\r\n", rcpt_syntax, 1, PLAIN},
    {"DATA\r\n", data, 10, DATA},
    {NULL, chunk, 6, CHUNK},
    {NULL, chunk_bad, 1, CHUNK_BAD},
    {NULL, chunk_last, 6, CHUNK_LAST},
    {LOGIN, auth, 4, PLAIN},
    {"AUTH PLAIN AGFubkBkMS5leGFtcGxlAGJhZA==\r\n", auth_bad, 1, PLAIN},
    {"STARTTLS\r\n", starttls, 2, PLAIN},
    {"RSET\r\n", reset, 4, PLAIN},
    {"NOOP\r\n", say_250, 2, PLAIN},
    {"NOOP a b\r\n", say_501, 1, PLAIN},
    {"HELP me\r\n", say_214, 1, PLAIN},
    {"VRFY ann\r\n", say_252, 1, PLAIN},
    {"EXPN list\r\n", say_252, 1, PLAIN},
    {"bogus\r\n", unknown, 2, PLAIN},
    {"XCLIENT ADDR=192.0.2.1\r\n", unknown, 1, PLAIN},
    {"QUIT\r\n", quit, 1, PLAIN},
};

static const struct op *choose(uint64_t *random)
{
    unsigned total = 0;

    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
        total += ops[i].weight;
    unsigned at = (unsigned)(next_random(random) % total);
    const struct op *op = ops;

    while (at >= op->weight) {
        at -= op->weight;
        op++;
    }
    return op;
}

/* The octets of a chunk: what would be commands where no content is expected. */
static void chunk_text(const struct model *m, enum kind kind, char *out, size_t size)
{
    const char *text = m->state == ADDRESSED ? FROM_ANN : m->state == CHUNKS ? "x\r\n" : "QUIT\r\n";

    if (kind == CHUNK_BAD)
        text = m->binary ? "" : "a\nb";
    (void)snprintf(out, size, "BDAT %zu%s\r\n%s", strlen(text), kind == CHUNK_LAST ? " LAST" : "",
                   text);
}

/* Errors are counted, and the twentieth in a row closes. */
static void count(struct model *m, unsigned code, char *want, size_t size)
{
    if (code < 400 && code != 354)
        m->bad_in_row = 0;
    (void)snprintf(want, size, "%u", code);
    if (code < 500 || m->closed)
        return;
    if (++m->bad_in_row == 20) {
        m->closed = true;
        (void)snprintf(want, size, "%u|421", code);
    }
}

static void compare(struct fake *f, size_t from, const char *want, const char *sent, uint64_t seed)
{
    char got[256];
    struct slice words = codes(f, from, got, sizeof(got));
    char short_got[256];
    size_t n = 0;

    for (size_t i = 0; i < words.n && n + 8 < sizeof(short_got); i++) {
        if (i > 0 && words.p[i - 1] != '|')
            continue;
        n += (size_t)snprintf(short_got + n, sizeof(short_got) - n, "%s%.3s", n > 0 ? "|" : "",
                              (const char *)words.p + i);
    }
    short_got[n] = '\0';
    if (strcmp(short_got, want) != 0)
        fail_msg("seed %llu: %s: got %s, want %s", (unsigned long long)seed, sent, short_got, want);
}

static void step(struct fake *f, struct model *m, uint64_t *random, uint64_t seed)
{
    const struct op *op = choose(random);
    size_t piece = 1 + (size_t)(next_random(random) % 64), from = f->output.n;
    char text[128], want[64];

    if (op->kind == CHUNK_BAD && m->binary) /* nothing is bad there */
        op = &ops[0];
    if (op->text != NULL)
        (void)snprintf(text, sizeof(text), "%s", op->text);
    else
        chunk_text(m, op->kind, text, sizeof(text));
    count(m, op->expect(m), want, sizeof(want));
    m->spoke = true;
    fake_send(f, slice_str(text), piece);
    compare(f, from, want, text, seed);
    if (op->kind != DATA || strcmp(want, "354") != 0)
        return;
    from = f->output.n;
    if (next_random(random) % 16 == 0) { /* smuggling */
        m->closed = true;
        fake_send(f, SLICE(FROM_ANN "a\n.\r\n.\r\n" RCPT), piece);
        compare(f, from, "500", "bad content", seed);
        return;
    }
    count(m, deliver(m), want, sizeof(want));
    fake_send(f, SLICE(FROM_ANN "QUIT\r\n.\r\n"), piece);
    compare(f, from, want, "content", seed);
}

static void sequence(struct fake *f, uint64_t seed)
{
    uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    struct model m = {.submission = next_random(&random) % 2, .tls_available = true};

    m.tls_available = next_random(&random) % 4 != 0;
    f->tls_available = m.tls_available;
    f->tls = false;
    fake_open(f, m.submission ? EDGE_SUBMISSION : EDGE_SMTP);
    for (unsigned i = 0; i < STEPS && !m.closed; i++) {
        step(f, &m, &random, seed);
        if (f->closed != m.closed)
            fail_msg("seed %llu: closed is %d", (unsigned long long)seed, f->closed);
        if (f->output.n > 1 << 16)
            build_reset(&f->output);
    }
}

static void replies_as_the_model_says(void **state)
{
    const char *fixed = getenv("GODWIT_TEST_SEED");
    uint64_t first = fixed ? strtoull(fixed, NULL, 10) : 1;
    uint64_t n = fixed ? 1 : getenv("GODWIT_TEST_LONG") ? 100 * SEQUENCES : SEQUENCES;

    for (uint64_t seed = first; seed < first + n; seed++)
        sequence(*state, seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(replies_as_the_model_says, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
