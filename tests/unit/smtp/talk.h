/* Conversations of tests with a session over fake_edge.h. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "fake_edge.h"
#include "unit.h"

#define HELLO "EHLO client.example\r\n"
#define MAIL "MAIL FROM:<remote@example.org>\r\n"
#define RCPT "RCPT TO:<ann@d1.example>\r\n"
#define M1 "From: <remote@example.org>\r\nTo: <ann@d1.example>\r\nSubject: test\r\n\r\nbody\r\n"
#define END "\r\n.\r\n"
#define LOGIN "AUTH PLAIN AGFubkBkMS5leGFtcGxlAHNlY3JldA==\r\n"

static inline int setup(void **state)
{
    struct fake *f = malloc(sizeof(*f));

    if (f == NULL)
        return -1;
    fake_init(f);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fake *f = *state;

    fake_done(f);
    if (f->sessions != 0 || f->watches != 0)
        fail_msg("%u sessions and %u watches are left", f->sessions, f->watches);
    free(f);
    return 0;
}

/* The codes of the replies since `from`, one word each: "220 250-250 …" shortened to the last line
 * of each reply. */
static inline struct slice codes(struct fake *f, size_t from, char *buf, size_t size)
{
    struct slice out = slice_from(build_slice(&f->output), from);
    size_t n = 0;

    while (out.n > 0) {
        size_t line = slice_find(out, SLICE("\r\n"));

        if (line == SIZE_MAX)
            fail_msg("a line without end: %.*s", SLICE_FMT(out));
        assert_true(line <= 510);
        struct slice text = slice_sub(out, 0, line);
        bool has_ecode = text.n > 8 && text.p[4] >= '2' && text.p[4] <= '5' && text.p[5] == '.';

        if (has_ecode)
            assert_int_equal(text.p[0], text.p[4]);
        if (slice_at(text, 3) == ' ') {
            struct slice word =
                slice_sub(text, 0, has_ecode ? 4 + slice_find_byte(slice_from(text, 4), ' ') : 3);

            if (n + 16 > size)
                break;
            if (n > 0)
                buf[n++] = '|';
            memcpy(buf + n, word.p, word.n);
            n += word.n;
        }
        out = slice_from(out, line + 2);
    }
    return slice_of(buf, n);
}

/* Sends and compares the replies: "250 2.1.0|250 2.1.5". */
static inline void say(struct fake *f, const char *octets, const char *want)
{
    char buf[4096];
    size_t from = f->output.n;

    fake_send(f, slice_str(octets), SIZE_MAX);
    assert_slice(codes(f, from, buf, sizeof(buf)), slice_str(want), octets);
}

static inline struct slice output(const struct fake *f)
{
    return build_slice(&f->output);
}

static inline void assert_holds(struct slice text, const char *part)
{
    if (slice_find(text, slice_str(part)) == SIZE_MAX)
        fail_msg("\"%s\" is not in: %.*s", part, SLICE_FMT(text));
}
