/* Two passes: flags are taken out wherever they stand (up to "--"), then the first words are
 * matched against the table, the longest command first. */
#include <string.h>

#include "base/num.h"
#include "base/slice.h"
#include "cmd/command.h"

#define POSITIONALS_MAX (COMMAND_ARGS_MAX + 4)

struct flags {
    const char *config;
    bool help;
    const char *value[COMMAND_FLAGS_N];
    const char *positional[POSITIONALS_MAX];
    size_t positional_n;
};

static void wrong(struct args *out, const char *format, const char *what)
{
    out->kind = ARGS_USAGE;
    if (out->problem[0] == '\0') {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(out->problem, sizeof(out->problem), format, what);
#pragma GCC diagnostic pop
    }
}

static const struct {
    const char *name;
    bool bare; /* has no value */
} names[COMMAND_FLAGS_N] = {
    [FLAG_DIR] = {"--dir", false},
    [FLAG_IP] = {"--ip", false},
    [FLAG_BASE_PORT] = {"--base-port", false},
    [FLAG_STRICT] = {"--strict", true},
    [FLAG_JSON] = {"--json", true},
    [FLAG_POST_PUBLIC] = {"--postpublic", false},
    [FLAG_LIST_MEMBERS] = {"--listmembers", false},
    [FLAG_ALLOW_MSG_FROM] = {"--allowmsgfrom", false},
    [FLAG_MAILBOX] = {"--mailbox", false},
    [FLAG_REFUSE] = {"--refuse", false},
    [FLAG_AUTH_REQUIRED] = {"--auth-required", false},
    [FLAG_SEPARATORS] = {"--separators", false},
    [FLAG_CASE_SENSITIVE] = {"--case-sensitive", false},
    [FLAG_DMARC_REPORTS] = {"--dmarc-reports", false},
    [FLAG_TLS_REPORTS] = {"--tls-reports", false},
    [FLAG_POSTMASTER] = {"--postmaster", false},
    [FLAG_QUOTA] = {"--quota", false},
    [FLAG_MESSAGES_PER_DAY] = {"--messages-per-day", false},
    [FLAG_RECIPIENTS_PER_DAY] = {"--recipients-per-day", false},
    [FLAG_NO_IMAP_PREAUTH] = {"--no-imap-preauth", true},
};

/* Takes the value of "--name value" or "--name=value"; returns how many of argv were used. */
static int take_value(const char **value, char *const argv[], int left, struct args *out)
{
    const char *equals = strchr(argv[0], '=');

    if (equals) {
        *value = equals + 1;
        return 1;
    }
    if (left < 2) {
        wrong(out, "%s needs a value", argv[0]);
        return 1;
    }
    *value = argv[1];
    return 2;
}

/* The same for any flag. */
static int take_flag(struct flags *flags, char *const argv[], int left, struct args *out)
{
    struct slice name = slice_of(argv[0], strcspn(argv[0], "="));

    if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) {
        flags->help = true;
        return 1;
    }
    if (slice_eq(name, SLICE("--config")))
        return take_value(&flags->config, argv, left, out);
    for (size_t i = 0; i < COMMAND_FLAGS_N; i++) {
        if (!slice_eq(name, slice_str(names[i].name)))
            continue;
        if (!names[i].bare)
            return take_value(&flags->value[i], argv, left, out);
        if (argv[0][name.n] == '\0') {
            flags->value[i] = "";
            return 1;
        }
    }
    wrong(out, "unknown flag %s", argv[0]);
    return 1;
}

static void take_flags(int argc, char *const argv[], struct flags *flags, struct args *out)
{
    bool only_words = false;

    for (int i = 1; i < argc;) {
        const char *arg = argv[i];

        if (!only_words && strcmp(arg, "--") == 0) {
            only_words = true;
            i++;
        } else if (!only_words && arg[0] == '-' && arg[1] != '\0') {
            i += take_flag(flags, argv + i, argc - i, out);
        } else {
            if (flags->positional_n < POSITIONALS_MAX)
                flags->positional[flags->positional_n++] = arg;
            else
                wrong(out, "%s", "too many words");
            i++;
        }
    }
}

/* How many of the positionals are the first words of this command; *complete: all its words. */
static size_t match(const struct command *c, const struct flags *flags, bool *complete)
{
    const char *word = c->words;
    size_t n = 0;

    while (n < flags->positional_n && *word) {
        size_t len = strcspn(word, " ");

        if (!slice_eq(slice_of(word, len), slice_str(flags->positional[n])))
            break;
        n++;
        word += len + (word[len] == ' ');
    }
    *complete = *word == '\0';
    return n;
}

static void join_words(const struct flags *flags, size_t n, struct args *out)
{
    size_t used = 0;

    for (size_t i = 0; i < n && used < sizeof(out->words); i++)
        used += (size_t)snprintf(out->words + used, sizeof(out->words) - used, "%s%s", i ? " " : "",
                                 flags->positional[i]);
}

static void find_command(const struct flags *flags, struct args *out, size_t *words_out)
{
    size_t longest = 0, prefix = 0;

    for (size_t i = 0; i < commands_n; i++) {
        bool complete;
        size_t n = match(&commands[i], flags, &complete);

        if (complete && n > longest) {
            out->command = &commands[i];
            longest = n;
        }
        prefix = MAX(prefix, n);
    }
    *words_out = out->command ? longest : prefix;
    join_words(flags, *words_out, out);
}

static void check(const struct flags *flags, size_t args_n, struct args *out)
{
    const struct command *c = out->command;

    if (!c) {
        if (flags->positional_n == 0)
            wrong(out, "%s", "");
        else
            wrong(out, args_n > 0 ? "unknown command: %s" : "the command is not complete: %s",
                  args_n > 0 ? flags->positional[flags->positional_n - args_n] : out->words);
        return;
    }
    if (args_n < c->args_min)
        wrong(out, "too few arguments for %s", c->words);
    if (args_n > c->args_max)
        wrong(out, "too many arguments for %s", c->words);
    for (size_t i = 0; i < COMMAND_FLAGS_N; i++)
        if (flags->value[i] && !(c->flags & FLAG_BIT(i)))
            wrong(out, "%s has no such flag", c->words);
}

void args_parse(int argc, char *const argv[], const char *config_fallback, struct args *out)
{
    struct flags flags = {0};
    size_t words;

    *out = (struct args){.kind = ARGS_RUN};
    take_flags(argc, argv, &flags, out);
    find_command(&flags, out, &words);
    if (flags.help && out->kind == ARGS_RUN) {
        out->kind = ARGS_HELP;
        return;
    }
    check(&flags, flags.positional_n - words, out);
    if (out->kind != ARGS_RUN)
        return;
    out->in.config_path = flags.config ? flags.config : config_fallback;
    memcpy(out->in.flags, flags.value, sizeof(out->in.flags));
    for (size_t i = words; i < flags.positional_n; i++)
        out->in.args[out->in.args_n++] = flags.positional[i];
}
