#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/num.h"
#include "cmd/command.h"

#define WORDS_MAX 14

struct row {
    const char *argv[WORDS_MAX];
    enum args_kind kind;
    const char *command; /* of ARGS_RUN */
    const char *words;   /* the prefix that was understood */
    const char *problem; /* part of it */
    const char *args[3];
    const char *config;
};

static void check(const struct row *row)
{
    char *argv[WORDS_MAX + 1] = {(char *)(uintptr_t) "godwit"};
    int argc = 1;
    struct args args;

    for (; row->argv[argc - 1]; argc++)
        argv[argc] = (char *)(uintptr_t)row->argv[argc - 1];
    args_parse(argc, argv, "fallback", &args);
    assert_int_equal(args.kind, row->kind);
    assert_string_equal(args.words, row->words);
    if (row->problem && !strstr(args.problem, row->problem))
        fail_msg("problem is: %s", args.problem);
    if (row->kind != ARGS_RUN)
        return;
    assert_string_equal(args.command->words, row->command);
    assert_string_equal(args.in.config_path, row->config ? row->config : "fallback");
    for (size_t i = 0; i < ARRAY_SIZE(row->args); i++) {
        assert_int_equal(i < args.in.args_n, row->args[i] != NULL);
        if (row->args[i])
            assert_string_equal(args.in.args[i], row->args[i]);
    }
}

static void test_args(void **state)
{
    static const struct row rows[] = {
        {.argv = {"serve"}, .kind = ARGS_RUN, .command = "serve", .words = "serve"},
        {.argv = {"--config", "f", "serve"},
         .kind = ARGS_RUN,
         .command = "serve",
         .words = "serve",
         .config = "f"},
        {.argv = {"serve", "--config=f"},
         .kind = ARGS_RUN,
         .command = "serve",
         .words = "serve",
         .config = "f"},
        {.argv = {"config", "--config", "f", "account", "add", "ann", "ann@x"},
         .kind = ARGS_RUN,
         .command = "config account add",
         .words = "config account add",
         .config = "f",
         .args = {"ann", "ann@x"}},
        {.argv = {"config", "account", "add", "--", "-ann", "--config"},
         .kind = ARGS_RUN,
         .command = "config account add",
         .words = "config account add",
         .args = {"-ann", "--config"}},
        {.argv = {"loglevels", "info,smtp=debug"},
         .kind = ARGS_RUN,
         .command = "loglevels",
         .words = "loglevels",
         .args = {"info,smtp=debug"}},
        {.argv = {"loglevels"}, .kind = ARGS_RUN, .command = "loglevels", .words = "loglevels"},
        {.argv = {NULL}, .kind = ARGS_USAGE, .command = NULL, .words = "", .problem = ""},
        {.argv = {"config"},
         .kind = ARGS_USAGE,
         .command = NULL,
         .words = "config",
         .problem = "not complete: config"},
        {.argv = {"config", "account"},
         .kind = ARGS_USAGE,
         .command = NULL,
         .words = "config account",
         .problem = "not complete"},
        {.argv = {"config", "account", "rename"},
         .kind = ARGS_USAGE,
         .command = NULL,
         .words = "config account",
         .problem = "unknown command: rename"},
        {.argv = {"fly"},
         .kind = ARGS_USAGE,
         .command = NULL,
         .words = "",
         .problem = "unknown command: fly"},
        {.argv = {"config", "account", "add", "ann"},
         .kind = ARGS_USAGE,
         .command = NULL,
         .words = "config account add",
         .problem = "too few arguments"},
        {.argv = {"stop", "now"},
         .kind = ARGS_USAGE,
         .command = NULL,
         .words = "stop",
         .problem = "too many arguments"},
        {.argv = {"stop", "--now"},
         .kind = ARGS_USAGE,
         .command = NULL,
         .words = "stop",
         .problem = "unknown flag --now"},
        {.argv = {"stop", "--config"},
         .kind = ARGS_USAGE,
         .command = NULL,
         .words = "stop",
         .problem = "--config needs a value"},
        {.argv = {"message", "parse", "--strict", "-"},
         .kind = ARGS_RUN,
         .command = "message parse",
         .words = "message parse",
         .args = {"-"}},
        {.argv = {"message", "parse", "--json", "m.eml"},
         .kind = ARGS_RUN,
         .command = "message parse",
         .words = "message parse",
         .args = {"m.eml"}},
        {.argv = {"stop", "--json"},
         .kind = ARGS_USAGE,
         .command = NULL,
         .words = "stop",
         .problem = "stop has no such flag"},
        {.argv = {"stop", "--ip", "::1"},
         .kind = ARGS_USAGE,
         .command = NULL,
         .words = "stop",
         .problem = "stop has no such flag"},
        {.argv = {"config", "alias", "add", "a@x", "b@x", "--postpublic=false"},
         .kind = ARGS_RUN,
         .command = "config alias add",
         .words = "config alias add",
         .args = {"a@x", "b@x"}},
        {.argv = {"config", "alias", "rm", "a@x", "--postpublic", "true"},
         .kind = ARGS_USAGE,
         .command = NULL,
         .words = "config alias rm",
         .problem = "config alias rm has no such flag"},
        {.argv = {"config", "address", "set", "a@x", "--refuse", "550 no", "--mailbox=Work"},
         .kind = ARGS_RUN,
         .command = "config address set",
         .words = "config address set",
         .args = {"a@x"}},
        {.argv = {"config", "installation", "set", "ann"},
         .kind = ARGS_USAGE,
         .words = "config installation set",
         .problem = "too many arguments"},
        {.argv = {"config", "account", "set", "ann", "--mailbox", "Work"},
         .kind = ARGS_USAGE,
         .words = "config account set",
         .problem = "config account set has no such flag"},
        {.argv = {"config", "account", "set", "ann", "--quota"},
         .kind = ARGS_USAGE,
         .words = "config account set",
         .problem = "--quota needs a value"},
        {.argv = {"message", "parse", "--strict=yes", "-"},
         .kind = ARGS_USAGE,
         .words = "message parse",
         .problem = "unknown flag --strict=yes"},
        {.argv = {"help", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"},
         .kind = ARGS_USAGE,
         .command = NULL,
         .words = "help",
         .problem = "too many arguments"},
        {.argv = {"config", "account", "--help"},
         .kind = ARGS_HELP,
         .command = NULL,
         .words = "config account"},
        {.argv = {"--help"}, .kind = ARGS_HELP, .command = NULL, .words = ""},
        {.argv = {"stop", "-h"}, .kind = ARGS_HELP, .command = NULL, .words = "stop"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        check(&rows[i]);
}

static void test_localserve_flags(void **state)
{
    char *argv[] = {(char *)(uintptr_t) "godwit",   (char *)(uintptr_t) "localserve",
                    (char *)(uintptr_t) "--dir=/d", (char *)(uintptr_t) "--ip",
                    (char *)(uintptr_t) "::1",      (char *)(uintptr_t) "--base-port",
                    (char *)(uintptr_t) "2000",     NULL};
    struct args args;

    (void)state;
    args_parse(7, argv, "fallback", &args);
    assert_int_equal(args.kind, ARGS_RUN);
    assert_string_equal(args.in.flags[FLAG_DIR], "/d");
    assert_string_equal(args.in.flags[FLAG_IP], "::1");
    assert_string_equal(args.in.flags[FLAG_BASE_PORT], "2000");
}

static void test_alias_flags(void **state)
{
    char *argv[] = {(char *)(uintptr_t) "godwit",
                    (char *)(uintptr_t) "config",
                    (char *)(uintptr_t) "alias",
                    (char *)(uintptr_t) "update",
                    (char *)(uintptr_t) "--postpublic",
                    (char *)(uintptr_t) "false",
                    (char *)(uintptr_t) "all@x",
                    (char *)(uintptr_t) "--allowmsgfrom=true",
                    NULL};
    struct args args;

    (void)state;
    args_parse(8, argv, "fallback", &args);
    assert_int_equal(args.kind, ARGS_RUN);
    assert_string_equal(args.command->words, "config alias update");
    assert_string_equal(args.in.flags[FLAG_POST_PUBLIC], "false");
    assert_null(args.in.flags[FLAG_LIST_MEMBERS]);
    assert_string_equal(args.in.flags[FLAG_ALLOW_MSG_FROM], "true");
}

static void test_settings_flags(void **state)
{
    char *argv[] = {(char *)(uintptr_t) "godwit",
                    (char *)(uintptr_t) "config",
                    (char *)(uintptr_t) "account",
                    (char *)(uintptr_t) "set",
                    (char *)(uintptr_t) "--quota",
                    (char *)(uintptr_t) "-1",
                    (char *)(uintptr_t) "ann",
                    (char *)(uintptr_t) "--messages-per-day=none",
                    NULL};
    struct args args;

    (void)state;
    args_parse(8, argv, "fallback", &args);
    assert_int_equal(args.kind, ARGS_RUN);
    assert_string_equal(args.in.flags[FLAG_QUOTA], "-1");
    assert_string_equal(args.in.flags[FLAG_MESSAGES_PER_DAY], "none");
    assert_null(args.in.flags[FLAG_RECIPIENTS_PER_DAY]);
}

/* More words than any command takes. */
static void test_too_many_words(void **state)
{
    char *argv[COMMAND_ARGS_MAX + 7];
    struct args args;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(argv); i++)
        argv[i] = (char *)(uintptr_t) "x";
    args_parse((int)ARRAY_SIZE(argv), argv, "fallback", &args);
    assert_int_equal(args.kind, ARGS_USAGE);
    assert_string_equal(args.problem, "too many words");
}

/* Every command of the table is found by its own words, and says what it is. */
static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < commands_n; i++) {
        assert_non_null(commands[i].run);
        assert_true(strlen(commands[i].summary) > 10);
        assert_true(commands[i].args_min <= commands[i].args_max);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(commands[i].words, commands[k].words);
    }
}

static void test_help(void **state)
{
    FILE *nowhere = fopen("/dev/null", "we");

    (void)state;
    assert_non_null(nowhere);
    assert_int_equal(usage_print("", nowhere), commands_n);
    assert_int_equal(usage_print("config account", nowhere), 8);
    assert_int_equal(usage_print("config acc", nowhere), 0);
    assert_int_equal(help_print("stop", nowhere), 1);
    assert_int_equal(help_print("nothing", nowhere), 0);
    assert_int_equal(fclose(nowhere), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_args),           cmocka_unit_test(test_localserve_flags),
        cmocka_unit_test(test_settings_flags), cmocka_unit_test(test_alias_flags),
        cmocka_unit_test(test_too_many_words), cmocka_unit_test(test_table),
        cmocka_unit_test(test_help),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
