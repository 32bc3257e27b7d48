/* The data writer: rows C29 to C32 of outbound 26.5. */
#include "../unit.h"

#include "smtp/client/lines.h"

static const struct {
    const char *name, *in, *out; /* out NULL: refused */
} rows[] = {
    {"C29 no CRLF", "bad", NULL},
    {"C29 only a dot", ".", NULL},
    {"C29 last line", "a\r\nb", NULL},
    {"C30 bare cr", "a\rb\r\n", NULL},
    {"C30 bare lf", "a\nb\r\n", NULL},
    {"C30 lf . lf", "a\r\n\n.\n", NULL},
    {"C30 lf . crlf", "a\n.\r\n", NULL},
    {"C30 crlf . lf", "a\r\n.\n", NULL},
    {"C30 crlf . cr", "a\r\n.\r", NULL},
    {"C30 crlf . cr cr lf", "a\r\n.\r\r\n", NULL},
    {"C30 cr . cr", "a\r.\r", NULL},
    {"C30 cr at the end", "a\r\n\r", NULL},
    {"C30 lf first", "\n", NULL},
    {"C31 empty", "", ".\r\n"},
    {"C31 dot", ".\r\n", "..\r\n.\r\n"},
    {"C31 normal", "Subject: x\r\n\r\nhello\r\n", "Subject: x\r\n\r\nhello\r\n.\r\n"},
    {"dots", "..\r\n.a\r\na.\r\n", "...\r\n..a\r\na.\r\n.\r\n"},
};

/* C32: however it is cut. */
static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct slice in = slice_str(rows[i].in);

        for (size_t step = 1; step <= in.n + 1; step++) {
            struct smtpc_lines l = {.dots = true};
            struct builder out;
            struct err err;
            int rc = 0;

            build_init(&out, 1000);
            for (size_t at = 0; at < in.n && rc == 0; at += step)
                rc = smtpc_lines_feed(&l, slice_sub(in, at, step), &out, &err);
            if (rc == 0)
                rc = smtpc_lines_end(&l, &out, &err);
            if (rows[i].out ? rc != 0 || !slice_eq(build_slice(&out), slice_str(rows[i].out))
                            : rc != -ERR_INVALID)
                fail_msg("%s (%zu): %d %.*s", rows[i].name, step, rc, SLICE_FMT(build_slice(&out)));
            build_done(&out);
        }
    }
}

static void test_without_dots(void **state)
{
    struct smtpc_lines l = {.dots = false};
    struct builder out;
    struct err err;

    (void)state;
    build_init(&out, 100);
    assert_int_equal(smtpc_lines_feed(&l, SLICE(".a\r\n"), &out, &err), 0);
    assert_int_equal(smtpc_lines_end(&l, &out, &err), 0);
    assert_true(slice_eq(build_slice(&out), SLICE(".a\r\n")));
    build_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_without_dots),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
