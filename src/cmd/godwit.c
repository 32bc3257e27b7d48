/* The one command that people type. Its subcommands are in commands.c. */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/command.h"
#include "keys/private_key.h"
#include "sendmail/sendmail.h"

#define CONFIG_FALLBACK "/etc/godwit/godwit.conf"

/* The role programs are in ../libexec/godwit when installed, else beside this one. */
static void find_programs(char *buf, size_t size)
{
    char self[2048];
    char probe[4200];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    self[n > 0 ? n : 0] = '\0';
    const char *directory = n > 0 ? dirname(self) : ".";

    (void)snprintf(buf, size, "%s", directory);
    (void)snprintf(probe, sizeof(probe), "%s/godwit-store", buf);
    if (access(probe, X_OK) != 0)
        (void)snprintf(buf, size, "%s/../libexec/godwit", directory);
}

static int usage(const struct args *args)
{
    if (args->problem[0])
        (void)fprintf(stderr, "godwit: %s\n", args->problem);
    (void)usage_print(args->words, stderr);
    return COMMAND_EXIT_USAGE;
}

/* One line; the detail often repeats the text before it goes on. */
static void print_error(const struct err *err)
{
    if (err->detail[0] == '\0')
        (void)fprintf(stderr, "godwit: %s\n", err->text);
    else if (strncmp(err->detail, err->text, strlen(err->text)) == 0)
        (void)fprintf(stderr, "godwit: %s\n", err->detail);
    else
        (void)fprintf(stderr, "godwit: %s: %s\n", err->text, err->detail);
}

/* Called by the name sendmail, or with it as first word; those flags are not ours to read. */
static bool is_sendmail(const char *name)
{
    const char *slash = strrchr(name, '/');

    return strcmp(slash ? slash + 1 : name, "sendmail") == 0;
}

/* Installed setgid, so that sendmail can read its configuration, it is nothing but sendmail. */
static bool is_privileged(void)
{
    return getegid() != getgid() || geteuid() != getuid();
}

int main(int argc, char *argv[])
{
    const char *config = getenv("GODWIT_CONFIG");
    char programs[4096];
    struct args args;
    struct err err = {0};

    if (argc > 0 && is_sendmail(argv[0]))
        return sendmail_main(argc, argv);
    if (argc > 1 && strcmp(argv[1], "sendmail") == 0)
        return sendmail_main(argc - 1, argv + 1);
    if (is_privileged()) {
        (void)fprintf(stderr, "godwit: with more rights than yours, it is only sendmail\n");
        return 1;
    }
    private_key_memory();
    args_parse(argc, argv, config && *config ? config : CONFIG_FALLBACK, &args);
    if (args.kind == ARGS_USAGE)
        return usage(&args);
    if (args.kind == ARGS_HELP)
        return help_print(args.words, stdout) > 0 ? 0 : COMMAND_EXIT_USAGE;
    find_programs(programs, sizeof(programs));
    args.in.program_directory = programs;
    int rc = args.command->run(&args.in, &err);

    if (rc < 0) {
        print_error(&err);
        return 1;
    }
    if (fflush(stdout) != 0) {
        (void)fprintf(stderr, "godwit: cannot write to standard output\n");
        return 1;
    }
    return rc;
}
