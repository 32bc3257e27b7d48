#include "smtp/forged.h"
#include "unit.h"

#define AR "Authentication-Results: "
#define REST "\r\n\r\nbody\r\n"

/* Host d1.example. */
static const struct row {
    const char *name, *in, *out; /* out NULL: as `in` */
} rows[] = {
    {"nothing", "", NULL},
    {"no header", "\r\nbody", NULL},
    {"none of them", "Subject: a\r\nX-Other: b\r\nAuthor: c" REST, NULL},
    /* Acceptance 264. */
    {"ours", "A: b\r\n" AR "d1.example; dkim=pass\r\nC: d" REST, "A: b\r\nC: d" REST},
    {"ours, the only field", AR "d1.example; dkim=pass" REST, "\r\nbody\r\n"},
    {"ours, twice", AR "d1.example; a=b\r\n" AR "d1.example; c=d\r\nE: f" REST, "E: f" REST},
    {"ours, folded", AR "d1.example;\r\n\tdkim=pass;\r\n spf=pass\r\nC: d" REST, "C: d" REST},
    {"ours, folded before the id", AR "\r\n d1.example; dkim=pass\r\nC: d" REST, "C: d" REST},
    {"ours, other case", "aUTHENTICATION-rESULTS:D1.Example;a=b\r\nC: d" REST, "C: d" REST},
    {"ours, space before the colon", "Authentication-Results \t: d1.example; a=b" REST,
     "\r\nbody\r\n"},
    {"ours, comment first", AR "(a (nested) \\) comment) d1.example (x) 1; a=b" REST,
     "\r\nbody\r\n"},
    {"ours, quoted", AR "\"d1.example\"; a=b" REST, "\r\nbody\r\n"},
    {"ours, quoted with a backslash", AR "\"d1\\.example\"; a=b" REST, "\r\nbody\r\n"},
    {"ours, a dot at the end", AR "d1.example.; a=b" REST, "\r\nbody\r\n"},
    {"ours, with a version", AR "d1.example 1; a=b" REST, "\r\nbody\r\n"},
    {"ours, nothing else", AR "d1.example" REST, "\r\nbody\r\n"},
    {"no id", AR "; a=b\r\nC: d" REST, "C: d" REST},
    {"empty", "Authentication-Results:\r\nC: d" REST, "C: d" REST},
    {"comment without end", AR "(d1.example; a=b\r\nC: d" REST, "C: d" REST},
    {"of others", AR "mx.example.org; dkim=pass" REST, NULL},
    {"of others, folded", AR "mx.example.org;\r\n dkim=pass\r\nC: d" REST, NULL},
    {"of others, folded before the id", AR "\r\n\tmx.example.org; a=b" REST, NULL},
    {"of others, similar names", AR "d1.example.org; a=b\r\n" AR "xd1.example; a=b" REST, NULL},
    {"of others, then ours", AR "o.example; a=b\r\n" AR "d1.example; c=d\r\nE: f" REST,
     AR "o.example; a=b\r\nE: f" REST},
    {"ours in the body", "A: b\r\n\r\n" AR "d1.example; a=b\r\n", NULL},
    {"ours behind lf lf", "A: b\n\n" AR "d1.example; a=b\n", NULL},
    {"similar fields", "Authentication-Resultsx: d1.example; a=b\r\nX-Godwit-Reasons: c" REST,
     NULL},
    {"a line that is no field", "Authentication-Results\r\nX-Godwit-Reason\r\nA: b" REST, NULL},
    {"the reason", "X-Godwit-Reason: you\r\n asked\r\nA: b" REST, "A: b" REST},
    {"the reason, other case, empty", "A: b\r\nx-godwit-reason :" REST, "A: b\r\n\r\nbody\r\n"},
    {"no end of the header", "A: b\r\n" AR "d1.example; a=b", "A: b\r\n"},
    {"no end, of others", "A: b\r\n" AR "o.example; a=b", NULL},
    {"no end of a name", "A: b\r\nX-Godwit-", NULL},
    {"no end of an id", "A: b\r\n" AR "o.exam", "A: b\r\n"},
};

static size_t filter(struct slice host, struct slice in, size_t step, uint8_t *out)
{
    struct smtp_forged f = {.host = host};
    struct slice run;
    size_t n = 0;

    for (size_t at = 0; at < in.n; at += step) {
        struct slice chunk = slice_sub(in, at, step);

        while (smtp_forged_next(&f, &chunk, &run)) {
            assert_true(run.n > 0);
            memcpy(out + n, run.p, run.n);
            n += run.n;
        }
        assert_int_equal(chunk.n, 0);
    }
    if (smtp_forged_end(&f, &run)) {
        memcpy(out + n, run.p, run.n);
        n += run.n;
    }
    return n;
}

static void leaves_out_what_is_forged(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct slice in = slice_str(rows[i].in);

        for (size_t step = 1; step <= in.n + 1; step++) {
            uint8_t out[512];
            size_t n = filter(SLICE("d1.example"), in, step, out);

            assert_slice(slice_of(out, n), slice_str(rows[i].out ? rows[i].out : rows[i].in),
                         rows[i].name);
        }
    }
}

/* What is longer than can be held, at the limit and around it. */
static void bounds_what_it_holds(void **state)
{
    static uint8_t in[3 * SMTP_FORGED_HOLD_MAX], out[sizeof(in)];
    static const struct {
        const char *begin, *end;
        bool kept;
    } fields[] = {
        {"Authentication-Results: d1.example; ", "\r\n d1\r\nC: d\r\n\r\n", false},
        {"Authentication-Results: o.example; ", "\r\n d1\r\nC: d\r\n\r\n", true},
        {"Authentication-Results:", " o.example; a=b\r\nC: d\r\n\r\n", false},
        {"Authentication-Results", ": d1.example; a=b\r\nC: d\r\n\r\n", false},
        {"X-Godwit-Reason", ": a\r\n b\r\nC: d\r\n\r\n", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        struct slice begin = slice_str(fields[i].begin), end = slice_str(fields[i].end);

        for (size_t pad = SMTP_FORGED_HOLD_MAX - 80; pad < SMTP_FORGED_HOLD_MAX + 20; pad++) {
            size_t n = begin.n + pad + end.n;

            memcpy(in, begin.p, begin.n);
            memset(in + begin.n, ' ', pad);
            memcpy(in + begin.n + pad, end.p, end.n);
            size_t got = filter(SLICE("d1.example"), slice_of(in, n), 1 + pad % 7, out);
            bool fits = begin.n + pad + 15 < SMTP_FORGED_HOLD_MAX;

            /* Of others, and told late: kept as long as there is room to see it. */
            if (fields[i].kept || (i == 2 && fits))
                assert_slice(slice_of(out, got), slice_of(in, n), fields[i].begin);
            else if (i != 2 || begin.n + pad + 2 > SMTP_FORGED_HOLD_MAX)
                assert_slice(slice_of(out, got), SLICE("C: d\r\n\r\n"), fields[i].begin);
        }
    }
}

static void knows_its_name_in_other_writing(void **state)
{
    struct slice in = SLICE("Authentication-Results: m\xc3\xb6x.example; a=b\r\nC: d\r\n\r\n");
    uint8_t out[200];
    size_t n = filter(SLICE("xn--mx-fka.example"), in, in.n, out);

    (void)state;
    assert_slice(slice_of(out, n), SLICE("C: d\r\n\r\n"), "idn");
    n = filter(SLICE("d1.example"), in, in.n, out);
    assert_slice(slice_of(out, n), in, "no idn");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_out_what_is_forged),
        cmocka_unit_test(bounds_what_it_holds),
        cmocka_unit_test(knows_its_name_in_other_writing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
