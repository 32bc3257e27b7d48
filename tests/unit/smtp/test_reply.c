#include "smtp/reply.h"
#include "unit.h"

static void encodes(void **state)
{
    static const struct {
        struct smtp_reply reply;
        const char *id, *out;
    } rows[] = {
        {{250, "2.1.0", SLICE_INIT("ok")}, "", "250 2.1.0 ok\r\n"},
        {{354, NULL, SLICE_INIT("go")}, "", "354 go\r\n"},
        {{550, "5.1.1", SLICE_INIT("no")}, "ID", "550 5.1.1 no (ID)\r\n"},
        {{550, "5.1.1", SLICE_INIT("a\nb")}, "ID", "550-5.1.1 a\r\n550 5.1.1 b (ID)\r\n"},
        {{501, "5.5.2", SLICE_INIT("%s %n \r\x01\xff")}, "", "501 5.5.2 %s %n ???\r\n"},
        {{250, "2.0.0", SLICE_INIT("")}, "", "250 2.0.0 \r\n"},
    };
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_slice(smtp_reply_encode(&a, &rows[i].reply, slice_str(rows[i].id)),
                     slice_str(rows[i].out), rows[i].out);
    arena_done(&a);
}

/* Every line: at most 512 octets, both codes, '-' on all but the last; the text complete. */
static void check_lines(struct slice out, size_t text_n, size_t lines_want)
{
    size_t lines = 0, text = 0;

    while (out.n > 0) {
        size_t n = slice_find(out, SLICE("\r\n")) + 2;

        assert_true(n <= 512);
        assert_true(slice_starts(out, n == out.n ? SLICE("550 5.1.1 ") : SLICE("550-5.1.1 ")));
        text += n - 12;
        lines++;
        out = slice_from(out, n);
    }
    assert_int_equal(text, text_n);
    assert_int_equal(lines, lines_want);
}

static void breaks_long_lines(void **state)
{
    static uint8_t text[1200];
    struct smtp_reply reply = {550, "5.1.1", {text, 0}};
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 20);
    memset(text, 'x', sizeof(text));
    reply.text.n = 500;
    check_lines(smtp_reply_encode(&a, &reply, SLICE("")), 500, 1);
    reply.text.n = 501;
    check_lines(smtp_reply_encode(&a, &reply, SLICE("")), 501, 2);
    reply.text.n = 1200;
    check_lines(smtp_reply_encode(&a, &reply, SLICE("")), 1200, 3);
    text[450] = ' '; /* is dropped at the break */
    check_lines(smtp_reply_encode(&a, &reply, SLICE("")), 1199, 3);
    arena_done(&a);
}

static void combines(void **state)
{
    const struct smtp_reply ok = SMTP_REPLY(250, "2.2.0", "stored"),
                            gone = SMTP_REPLY(550, "5.1.1", "no such user"),
                            later = SMTP_REPLY(451, "4.3.0", "later"),
                            full = SMTP_REPLY(552, "5.2.2", "full");
    const struct slice names[] = {SLICE_INIT("a@x"), SLICE_INIT("b@x"), SLICE_INIT("c@x")};
    const struct {
        struct smtp_reply v[3];
        size_t n;
        unsigned code;
        const char *text;
    } rows[] = {
        {{ok}, 1, 250, "stored"},
        {{ok, ok}, 2, 250, "stored"},
        {{gone}, 1, 550, "no such user"},
        {{gone, gone, gone}, 3, 550, "no such user"},
        {{later, gone},
         2,
         451,
         "<a@x>: 451 4.3.0 later\n<b@x>: 550 5.1.1 no such user\nno recipient received the "
         "message"},
        {{gone, full},
         2,
         554,
         "<a@x>: 550 5.1.1 no such user\n<b@x>: 552 5.2.2 full\nno recipient received the "
         "message"},
        {{ok, gone, ok},
         3,
         554,
         "<b@x>: 550 5.1.1 no such user\nthe other recipients have the message"},
        {{ok, later}, 2, 451, "<b@x>: 451 4.3.0 later\nthe other recipients have the message"},
    };
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct smtp_reply got = smtp_reply_combine(&a, rows[i].v, names, rows[i].n);

        assert_int_equal(got.code, rows[i].code);
        assert_int_equal(got.ecode[0] - '0', (int)(got.code / 100));
        assert_slice(got.text, slice_str(rows[i].text), "text");
    }
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes),
        cmocka_unit_test(breaks_long_lines),
        cmocka_unit_test(combines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
