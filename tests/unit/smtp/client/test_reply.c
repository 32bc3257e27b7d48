/* Replies, whole and in pieces, within their limits (fault 13). */
#include "../unit.h"

#include <stdlib.h>

#include "smtp/client/reply.h"

static const struct {
    const char *name, *in;
    unsigned code; /* 0: refused */
    const char *ecode, *text;
} rows[] = {
    {"one line", "250 fine\r\n", 250, "", "fine"},
    {"only a code", "451\r\n", 451, "", ""},
    {"code and space", "250 \r\n", 250, "", ""},
    {"lf alone ends a line", "250 fine\n", 250, "", "fine"},
    {"several lines", "250-a\r\n250-b\r\n250 c\r\n", 250, "", "a\nb\nc"},
    {"several lines without text", "250-\r\n250\r\n", 250, "", "\n"},
    {"enhanced", "550 5.1.1 unknown\r\n", 550, "1.1", "unknown"},
    {"enhanced on each line", "550-5.7.0 a\r\n550 5.7.0 b\r\n", 550, "7.0", "a\nb"},
    {"enhanced and nothing else", "250 2.0.0\r\n", 250, "0.0", ""},
    {"enhanced of another class", "550 4.1.1 unknown\r\n", 550, "", "4.1.1 unknown"},
    {"enhanced with letters", "550 5.1.x unknown\r\n", 550, "", "5.1.x unknown"},
    {"enhanced with too many digits", "550 5.1.1000 x\r\n", 550, "", "5.1.1000 x"},
    {"a number that is none", "550 5.1.1x\r\n", 550, "", "5.1.1x"},
    {"control octets", "250 a\tb\x1b[0m\r\n", 250, "", "a?b?[0m"},
    {"utf-8", "250 gr\xc3\xbc\xc3\x9f\r\n", 250, "", "gr\xc3\xbc\xc3\x9f"},
    {"not utf-8", "250 gr\xfc\r\n", 250, "", "gr?"},
    {"codes differ", "250-a\r\n500 b\r\n", 0, NULL, NULL},
    {"four digits", "2200 mx.example\r\n", 0, NULL, NULL},
    {"words", "bogus\r\n", 0, NULL, NULL},
    {"two digits", "25 \r\n", 0, NULL, NULL},
    {"empty line", "\r\n", 0, NULL, NULL},
    {"code below 200", "120 wait\r\n", 0, NULL, NULL},
    {"code above 599", "600 what\r\n", 0, NULL, NULL},
};

static size_t read_in_pieces(struct smtpc_reply_reader *r, struct slice in, size_t step, int *rc)
{
    struct err err;
    size_t at = 0;
    bool whole = false;

    *rc = 0;
    while (at < in.n && !whole && *rc == 0) {
        size_t used = 0;

        *rc = smtpc_reply_feed(r, slice_sub(in, at, step), true, &used, &whole, &err);
        at += used;
    }
    return *rc == 0 && whole ? at : 0;
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct slice in = slice_str(rows[i].in);

        for (size_t step = 1; step <= in.n; step++) {
            struct smtpc_reply_reader r;
            int rc;

            smtpc_reply_init(&r);
            size_t used = read_in_pieces(&r, in, step, &rc);

            if (rows[i].code == 0) {
                if (rc >= 0)
                    fail_msg("%s: taken", rows[i].name);
            } else if (used != in.n || r.reply.code != rows[i].code ||
                       strcmp(r.reply.ecode, rows[i].ecode) != 0 ||
                       !slice_eq(r.reply.text, slice_str(rows[i].text))) {
                fail_msg("%s (%zu): %u [%s] %.*s", rows[i].name, step, r.reply.code, r.reply.ecode,
                         SLICE_FMT(r.reply.text));
            }
            smtpc_reply_done(&r);
        }
    }
}

static void test_two_replies(void **state)
{
    struct slice in = SLICE("220-one\r\n220 two\r\n354 go\r\n");
    struct smtpc_reply_reader r;
    struct err err;
    bool whole = false;
    size_t used = 0;

    (void)state;
    smtpc_reply_init(&r);
    assert_int_equal(smtpc_reply_feed(&r, in, false, &used, &whole, &err), 0);
    assert_true(whole);
    assert_int_equal(used, 18);
    assert_int_equal(smtpc_reply_feed(&r, slice_from(in, used), false, &used, &whole, &err), 0);
    assert_true(whole);
    assert_int_equal(r.reply.code, 354);
    assert_true(slice_eq(r.reply.text, SLICE("go")));
    smtpc_reply_done(&r);
}

static int feed_line(struct smtpc_reply_reader *r, size_t n)
{
    char *line = malloc(n + 1);
    struct err err;
    size_t used;
    bool whole;

    memset(line, 'x', n);
    memcpy(line, "250 ", 4);
    line[n] = '\n';
    int rc = smtpc_reply_feed(r, slice_of(line, n + 1), false, &used, &whole, &err);

    free(line);
    return rc;
}

static void test_line_limit(void **state)
{
    struct smtpc_reply_reader r;

    (void)state;
    smtpc_reply_init(&r);
    assert_int_equal(feed_line(&r, SMTPC_LINE_MAX - 1), 0);
    assert_int_equal(feed_line(&r, SMTPC_LINE_MAX), 0);
    assert_int_equal(feed_line(&r, SMTPC_LINE_MAX + 1), -ERR_LIMIT);
    smtpc_reply_done(&r);
}

/* Fault 13: a million continuation lines, a line without end, a NUL. */
static void test_endless(void **state)
{
    struct smtpc_reply_reader r;
    struct err err;
    size_t used, lines = 0;
    bool whole = false;
    int rc = 0;

    (void)state;
    smtpc_reply_init(&r);
    for (; lines < 1000000 && rc == 0; lines++)
        rc = smtpc_reply_feed(&r, SLICE("250-and another one\r\n"), false, &used, &whole, &err);
    assert_int_equal(rc, -ERR_LIMIT);
    assert_int_equal(lines, SMTPC_LINES_MAX + 1);
    assert_true(r.text.cap <= SMTPC_TEXT_MAX);
    smtpc_reply_done(&r);

    smtpc_reply_init(&r);
    rc = 0;
    for (lines = 0; lines < 1000000 && rc == 0; lines++)
        rc = smtpc_reply_feed(&r, SLICE("250-and on "), false, &used, &whole, &err);
    assert_int_equal(rc, -ERR_LIMIT);
    assert_int_equal(lines, SMTPC_LINE_MAX / 11 + 1);
    smtpc_reply_done(&r);

    smtpc_reply_init(&r);
    rc = smtpc_reply_feed(&r, SLICE("250 a\0b\r\n"), false, &used, &whole, &err);
    assert_int_equal(rc, -ERR_SYNTAX);
    smtpc_reply_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_two_replies),
        cmocka_unit_test(test_line_limit),
        cmocka_unit_test(test_endless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
