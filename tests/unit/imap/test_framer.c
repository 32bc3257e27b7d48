#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/num.h"
#include "imap/framer.h"

static const struct {
    const char *in;
    enum imap_frame frame;
    size_t used;
    struct imap_literal literal; /* for FRAME_LITERAL */
} lines[] = {
    {"", IMAP_FRAME_MORE, 0, {0}},
    {"a NOOP", IMAP_FRAME_MORE, 0, {0}},
    {"a NOOP\r", IMAP_FRAME_MORE, 0, {0}},
    {"a NOOP\r\nb", IMAP_FRAME_COMMAND, 8, {0}},
    {"a NOOP\nb", IMAP_FRAME_COMMAND, 7, {0}},
    {"\r\n", IMAP_FRAME_COMMAND, 2, {0}},
    {"\n", IMAP_FRAME_COMMAND, 1, {0}},
    {"}\r\n", IMAP_FRAME_COMMAND, 3, {0}},
    {"{}\r\n", IMAP_FRAME_COMMAND, 4, {0}},
    {"{+}\r\n", IMAP_FRAME_COMMAND, 5, {0}},
    {"5}\r\n", IMAP_FRAME_COMMAND, 4, {0}},
    {"{5-}\r\n", IMAP_FRAME_COMMAND, 6, {0}},
    {"{5} \r\n", IMAP_FRAME_COMMAND, 6, {0}},
    {"{-5}\r\n", IMAP_FRAME_COMMAND, 6, {0}},
    {"{5}\r\n", IMAP_FRAME_LITERAL, 5, {0, 5, true, false}},
    {"{5}\n", IMAP_FRAME_LITERAL, 4, {0, 5, true, false}},
    {"a {0+}\r\nxyz", IMAP_FRAME_LITERAL, 8, {2, 0, false, false}},
    {"a ~{7}\r\n", IMAP_FRAME_LITERAL, 8, {2, 7, true, true}},
    {"a ~{7+}\r\n", IMAP_FRAME_LITERAL, 9, {2, 7, false, true}},
    {"{4294967296}\r\n", IMAP_FRAME_LITERAL, 14, {0, 4294967296, true, false}},
    {"{9223372036854775807}\r\n", IMAP_FRAME_LITERAL, 23, {0, INT64_MAX, true, false}},
    {"{9223372036854775808}\r\n", IMAP_FRAME_LITERAL, 23, {0, UINT64_MAX, true, false}},
    {"{99999999999999999999999999+}\r\n", IMAP_FRAME_LITERAL, 31, {0, UINT64_MAX, false, false}},
};

static void test_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        struct imap_framer f;
        struct imap_literal literal = {0};
        size_t used = 0;

        imap_framer_init(&f);
        enum imap_frame frame = imap_framer_feed(&f, slice_str(lines[i].in), &used, &literal);

        if (frame != lines[i].frame || used != lines[i].used)
            print_error("%s: frame %d, used %zu\n", lines[i].in, (int)frame, used);
        assert_int_equal(frame, lines[i].frame);
        assert_int_equal(used, lines[i].used);
        if (frame == IMAP_FRAME_LITERAL) {
            assert_int_equal(literal.at, lines[i].literal.at);
            assert_int_equal(literal.size, lines[i].literal.size);
            assert_int_equal(literal.sync, lines[i].literal.sync);
            assert_int_equal(literal.binary, lines[i].literal.binary);
        }
        imap_framer_reset(&f);
    }
}

static enum imap_frame feed_line_of(size_t n, bool with_end)
{
    static char line[IMAP_LINE_MAX + 8];
    struct imap_framer f;
    struct imap_literal literal;
    size_t used;

    memset(line, 'x', n);
    if (with_end)
        line[n - 1] = '\n';
    imap_framer_init(&f);
    enum imap_frame frame = imap_framer_feed(&f, slice_of(line, n), &used, &literal);

    imap_framer_reset(&f);
    return frame;
}

static void test_line_limit(void **state)
{
    (void)state;
    assert_int_equal(feed_line_of(IMAP_LINE_MAX - 1, true), IMAP_FRAME_COMMAND);
    assert_int_equal(feed_line_of(IMAP_LINE_MAX, true), IMAP_FRAME_COMMAND);
    assert_int_equal(feed_line_of(IMAP_LINE_MAX + 1, true), IMAP_FRAME_TOO_LONG);
    assert_int_equal(feed_line_of(IMAP_LINE_MAX - 1, false), IMAP_FRAME_MORE);
    assert_int_equal(feed_line_of(IMAP_LINE_MAX, false), IMAP_FRAME_TOO_LONG);
}

static void test_literal_limits(void **state)
{
    struct imap_framer f;
    struct imap_literal literal = {.size = IMAP_LITERAL_MAX};

    (void)state;
    imap_framer_init(&f);
    literal.size = IMAP_LITERAL_MAX + 1;
    assert_false(imap_framer_accept(&f, &literal));
    literal.size = UINT64_MAX;
    assert_false(imap_framer_accept(&f, &literal));
    assert_int_equal(f.need, 0);
    literal.size = IMAP_LITERAL_MAX;
    for (unsigned i = 0; i < IMAP_LITERALS_BYTES_MAX / IMAP_LITERAL_MAX; i++)
        assert_true(imap_framer_accept(&f, &literal));
    literal.size = 1;
    assert_false(imap_framer_accept(&f, &literal));
    literal.size = 0;
    assert_true(imap_framer_accept(&f, &literal));
    imap_framer_reset(&f);
    for (unsigned i = 0; i < IMAP_LITERALS_MAX; i++)
        assert_true(imap_framer_accept(&f, &literal));
    assert_false(imap_framer_accept(&f, &literal));
    imap_framer_reset(&f);
}

/* A command with literals is kept as it came, however it is cut. */
static void test_command_with_literals(void **state)
{
    static const char in[] = "a LOGIN {3}\r\nab\n {4+}\r\nx\r\n{\r\nrest";
    static const char want[] = "a LOGIN {3}\r\nab\n {4+}\r\nx\r\n{\r\n";

    (void)state;
    for (size_t step = 1; step < sizeof(in); step++) {
        struct imap_framer f;
        struct imap_literal literal;
        enum imap_frame frame = IMAP_FRAME_MORE;
        size_t at = 0, end = 0;

        imap_framer_init(&f);
        while (frame != IMAP_FRAME_COMMAND) {
            size_t used;

            assert_true(end < sizeof(in) - 1 || at < end);
            end = MIN(end + step, sizeof(in) - 1);
            do {
                frame = imap_framer_feed(&f, slice_of(in + at, end - at), &used, &literal);
                at += used;
                if (frame == IMAP_FRAME_LITERAL)
                    assert_true(imap_framer_accept(&f, &literal));
            } while (frame == IMAP_FRAME_LITERAL);
        }
        assert_int_equal(at, sizeof(want) - 1);
        assert_true(slice_eq(imap_framer_held(&f), slice_of(want, sizeof(want) - 1)));
        imap_framer_reset(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_line_limit),
        cmocka_unit_test(test_literal_limits),
        cmocka_unit_test(test_command_with_literals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
