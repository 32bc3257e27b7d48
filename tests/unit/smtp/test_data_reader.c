#include "smtp/data_reader.h"
#include "unit.h"

#define END "\r\n.\r\n"

static const struct row {
    const char *name, *in, *content, *rest; /* content NULL: bad */
    bool endless;
} rows[] = {
    {"plain", "test" END, "test\r\n", "", false},
    {"empty", ".\r\n", "", "", false},
    {"stuffed", ".test" END, "test\r\n", "", false},
    {"stuffed twice", "..test" END, ".test\r\n", "", false},
    {"dot alone within", "a\r\n..\r\nb" END, "a\r\n.\r\nb\r\n", "", false},
    {"dots within a line stay", "a.b..\r\nc." END, "a.b..\r\nc.\r\n", "", false},
    {"commands after the end", "a" END "QUIT\r\n", "a\r\n", "QUIT\r\n", false},
    {"no end", "no end", "no end", "", true},
    {"no end behind dot", "a\r\n.\r", "a\r\n", "", true},
    {"empty lines", "\r\n\r\n" END, "\r\n\r\n\r\n", "", false},
    {"cr in a line", "bare \r here" END, NULL, "", false},
    {"lf in a line", "bare \n here" END, NULL, "", false},
    {"cr . cr", "a\r.\r" END, NULL, "", false},
    {"cr . lf", "a\r.\n" END, NULL, "", false},
    {"lf . lf", "a\n.\n" END, NULL, "", false},
    {"lf . crlf", "a\n.\r\nb" END, NULL, "", false},
    {"crlf . lf", "a\r\n.\nb" END, NULL, "", false},
    {"crlf . cr", "a\r\n.\rb" END, NULL, "", false},
    {"crlf . cr crlf", "a\r\n.\r\r\nb" END, NULL, "", false},
    {"start .cr", ".\rx" END, NULL, "", false},
    {"start .lf", ".\nx" END, NULL, "", false},
    {"start lf.cr", "\n.\rx" END, NULL, "", false},
    {"start cr.cr", "\r.\rx" END, NULL, "", false},
    {"start lf.lf", "\n.\nx" END, NULL, "", false},
    {"start cr.lf", "\r.\nx" END, NULL, "", false},
    {"start cr.crlf", "\r.\r\nx" END, NULL, "", false},
    {"start lf.crlf", "\n.\r\nx" END, NULL, "", false},
    {"smuggled, found at the real end", "a\n.\nMAIL FROM:<>\r\n.\r\nREST", NULL, "REST", false},
    {"cr cr lf", "a\r\r\n.\r\n", NULL, "", false},
};

/* Reads in pieces of `step` octets. */
static size_t read_all(struct slice in, size_t step, struct smtp_data_reader *r, uint8_t *content,
                       size_t *used_out)
{
    size_t n = 0, at = 0;

    while (at < in.n && !r->ended) {
        struct slice chunk = slice_sub(in, at, step), run;
        size_t size = chunk.n;

        while (smtp_data_next(r, &chunk, &run)) {
            assert_true(run.n > 0);
            memcpy(content + n, run.p, run.n);
            n += run.n;
        }
        at += size - chunk.n;
        if (!r->ended)
            assert_int_equal(chunk.n, 0);
    }
    *used_out = at;
    return n;
}

static void reads_in_any_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct slice in = slice_str(rows[i].in);

        for (size_t step = 1; step <= in.n; step++) {
            struct smtp_data_reader r = {0};
            uint8_t content[256];
            size_t used, n = read_all(in, step, &r, content, &used);

            if (r.ended == rows[i].endless || r.bad != (rows[i].content == NULL))
                fail_msg("%s, step %zu: ended %d, bad %d", rows[i].name, step, r.ended, r.bad);
            if (rows[i].content != NULL)
                assert_slice(slice_of(content, n), slice_str(rows[i].content), rows[i].name);
            assert_slice(slice_from(in, used), slice_str(rows[i].rest), rows[i].name);
        }
    }
}

static void refuses_nul(void **state)
{
    struct slice in = SLICE("a\r\n\0.\r\nb\r\n.\r\n");
    struct smtp_data_reader r = {0};
    uint8_t content[64];
    size_t used;

    (void)state;
    (void)read_all(in, in.n, &r, content, &used);
    assert_true(r.bad && r.ended);
    assert_int_equal(used, in.n);
}

static void accepts_long_lines(void **state)
{
    static uint8_t line[4097 + 5], content[sizeof(line)];

    (void)state;
    for (size_t n = 4095; n <= 4097; n++) {
        struct smtp_data_reader r = {0};
        size_t used;

        memset(line, 'x', n);
        memcpy(line + n, END, 5);
        size_t got = read_all(slice_of(line, n + 5), 4096, &r, content, &used);

        assert_true(r.ended && !r.bad);
        assert_int_equal(got, n + 2);
    }
}

/* Counted octets: the same rule without dots. */
static void checks_lines_in_any_pieces(void **state)
{
    static const struct {
        const char *name;
        struct slice in;
        bool bad, cr;
    } checks[] = {
        {"empty", SLICE_INIT(""), false, false},
        {"lines", SLICE_INIT("a\r\n\r\n.\r\nb"), false, false},
        {"ends in cr", SLICE_INIT("a\r\nb\r"), false, true},
        {"bare cr", SLICE_INIT("a\rb\r\n"), true, false},
        {"cr cr lf", SLICE_INIT("a\r\r\n"), true, false},
        {"bare lf", SLICE_INIT("a\r\nb\nc"), true, false},
        {"lf first", SLICE_INIT("\na"), true, false},
        {"lf behind crlf", SLICE_INIT("a\r\n\n"), true, false},
        {"nul", SLICE_INIT("a\0b\r\n"), true, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        for (size_t step = 1; step <= checks[i].in.n + 1; step++) {
            struct smtp_line_check l = {0};

            for (size_t at = 0; at < checks[i].in.n; at += step)
                smtp_line_check(&l, slice_sub(checks[i].in, at, step));
            if (l.bad != checks[i].bad || (!l.bad && l.cr != checks[i].cr))
                fail_msg("%s, step %zu: bad %d, cr %d", checks[i].name, step, l.bad, l.cr);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_in_any_pieces),
        cmocka_unit_test(refuses_nul),
        cmocka_unit_test(accepts_long_lines),
        cmocka_unit_test(checks_lines_in_any_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
