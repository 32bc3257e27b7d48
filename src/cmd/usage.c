#include <string.h>

#include "cmd/command.h"

static bool has_prefix(const struct command *c, const char *words)
{
    size_t n = strlen(words);

    return n == 0 || (strncmp(c->words, words, n) == 0 && (c->words[n] == ' ' || !c->words[n]));
}

static void print_line(const struct command *c, FILE *to)
{
    (void)fprintf(to, "godwit %s%s%s\n", c->words, c->params[0] ? " " : "", c->params);
}

size_t usage_print(const char *words, FILE *to)
{
    size_t n = 0;

    for (size_t i = 0; i < commands_n; i++) {
        if (!has_prefix(&commands[i], words))
            continue;
        (void)fprintf(to, n ? "       " : "usage: ");
        print_line(&commands[i], to);
        n++;
    }
    if (n > 0)
        (void)fprintf(to, "Everywhere: --config FILE (or GODWIT_CONFIG; default "
                          "/etc/godwit/godwit.conf), --help\n");
    return n;
}

size_t help_print(const char *words, FILE *to)
{
    size_t n = 0;

    for (size_t i = 0; i < commands_n; i++) {
        const struct command *c = &commands[i];

        if (!has_prefix(c, words))
            continue;
        print_line(c, to);
        (void)fprintf(to, "    %s\n", c->summary);
        if (strcmp(c->words, words) == 0 && c->text)
            (void)fprintf(to, "\n%s\n", c->text);
        n++;
    }
    return n;
}
