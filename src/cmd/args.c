/* Two passes: flags are taken out wherever they stand (up to "--"), then the first words are
 * matched against the table, the longest command first. */
#include <string.h>

#include "base/num.h"
#include "base/slice.h"
#include "cmd/command.h"

#define POSITIONALS_MAX (COMMAND_ARGS_MAX + 4)

struct flags {
    const char *config, *dir, *ip, *base_port;
    const char *post_public, *list_members, *allow_msg_from;
    bool help, strict;
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

/* Takes "--name value" or "--name=value"; returns how many of argv it used. */
static int take_flag(struct flags *flags, char *const argv[], int left, struct args *out)
{
    const struct {
        const char *name;
        const char **value;
    } known[] = {{"--config", &flags->config},
                 {"--dir", &flags->dir},
                 {"--ip", &flags->ip},
                 {"--base-port", &flags->base_port},
                 {"--postpublic", &flags->post_public},
                 {"--listmembers", &flags->list_members},
                 {"--allowmsgfrom", &flags->allow_msg_from}};
    size_t n = strcspn(argv[0], "=");

    if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) {
        flags->help = true;
        return 1;
    }
    if (strcmp(argv[0], "--strict") == 0) {
        flags->strict = true;
        return 1;
    }
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (!slice_eq(slice_of(argv[0], n), slice_str(known[i].name)))
            continue;
        if (argv[0][n] == '=') {
            *known[i].value = argv[0] + n + 1;
            return 1;
        }
        if (left < 2) {
            wrong(out, "%s needs a value", argv[0]);
            return 1;
        }
        *known[i].value = argv[1];
        return 2;
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
    if (!c->localserve_flags && (flags->dir || flags->ip || flags->base_port))
        wrong(out, "%s has no such flag", c->words);
    if (!c->message_flags && flags->strict)
        wrong(out, "%s has no such flag", c->words);
    if (!c->alias_flags && (flags->post_public || flags->list_members || flags->allow_msg_from))
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
    out->in = (struct invocation){.config_path = flags.config ? flags.config : config_fallback,
                                  .dir = flags.dir,
                                  .strict = flags.strict,
                                  .ip = flags.ip,
                                  .base_port = flags.base_port,
                                  .post_public = flags.post_public,
                                  .list_members = flags.list_members,
                                  .allow_msg_from = flags.allow_msg_from};
    for (size_t i = words; i < flags.positional_n; i++)
        out->in.args[out->in.args_n++] = flags.positional[i];
}
