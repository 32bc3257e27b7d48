#include "smtp/command.h"
#include "unit.h"

static void finds_lines(void **state)
{
    static const struct {
        const char *name, *in, *line;
        size_t max, taken;
        bool too_long;
    } rows[] = {
        {"crlf", "NOOP\r\nX", "NOOP", 100, 6, false},
        {"bare lf", "NOOP\n", "NOOP", 100, 5, false},
        {"incomplete", "NOOP\r", NULL, 100, 0, false},
        {"nothing", "", NULL, 100, 0, false},
        {"empty line", "\r\n", "", 100, 2, false},
        {"fits exactly", "abcd\n", "abcd", 5, 5, false},
        {"one too long", "abcde\n", NULL, 5, 0, true},
        {"max without end", "abcde", NULL, 5, 0, true},
        {"below max", "abcd", NULL, 5, 0, false},
        {"cr inside stays", "a\rb\n", "a\rb", 100, 4, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct slice line = {NULL, 0};
        bool too_long;
        size_t taken = smtp_line_find(slice_str(rows[i].in), rows[i].max, &line, &too_long);

        if (taken != rows[i].taken || too_long != rows[i].too_long)
            fail_msg("%s: taken %zu, too_long %d", rows[i].name, taken, too_long);
        if (taken > 0)
            assert_slice(line, slice_str(rows[i].line), rows[i].name);
    }
}

static void splits_verb(void **state)
{
    static const struct {
        const char *line, *verb, *args;
    } rows[] = {
        {"NOOP", "NOOP", ""},   {"MAIL FROM:<>", "MAIL", " FROM:<>"},
        {"NOOP ", "NOOP", " "}, {"NOOP\tx", "NOOP\tx", ""},
        {"", "", ""},           {" MAIL", "", " MAIL"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct smtp_command_line got = smtp_command_split(slice_str(rows[i].line));

        assert_slice(got.verb, slice_str(rows[i].verb), rows[i].line);
        assert_slice(got.args, slice_str(rows[i].args), rows[i].line);
    }
}

static void reads_strings_and_ends(void **state)
{
    static const struct {
        const char *in;
        bool trailing, ok;
    } rows[] = {
        {"abc", false, true},   {"\"a b\"", false, true},    {"\"a\\\"b\"", false, true},
        {"", false, false},     {"a b", false, false},       {"a b", true, false},
        {"a ", false, false},   {"a \t", true, true},        {"\"open", false, false},
        {"\"\\", false, false}, {"\"a\x01\"", false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cursor c = cur_init(slice_str(rows[i].in));

        smtp_args_string(&c);
        smtp_args_end(&c, rows[i].trailing);
        if (cur_ok(&c) != rows[i].ok)
            fail_msg("\"%s\": ok is %d", rows[i].in, cur_ok(&c));
    }
}

static void knows_strangers(void **state)
{
    (void)state;
    assert_true(smtp_verb_is_foreign(SLICE("GET")));
    assert_true(smtp_verb_is_foreign(SLICE("post")));
    assert_false(smtp_verb_is_foreign(SLICE("MAIL")));
    assert_true(smtp_input_is_tls(SLICE("\x16\x03\x01\x02")));
    assert_true(smtp_input_is_tls(SLICE("\x16")));
    assert_false(smtp_input_is_tls(SLICE("\x16x")));
    assert_false(smtp_input_is_tls(SLICE("EHLO")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_lines),
        cmocka_unit_test(splits_verb),
        cmocka_unit_test(reads_strings_and_ends),
        cmocka_unit_test(knows_strangers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
