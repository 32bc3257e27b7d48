#include <sys/utsname.h>

#include "cmd/command.h"

int cmd_version(const struct invocation *in, struct err *err)
{
    struct utsname u;

    (void)in;
    (void)err;
    (void)printf("godwit %s", GODWIT_VERSION);
    if (uname(&u) == 0)
        (void)printf(" %s %s", u.sysname, u.machine);
    (void)printf("\n");
    return 0;
}

int cmd_help(const struct invocation *in, struct err *err)
{
    char words[128] = "";
    size_t used = 0;

    (void)err;
    for (size_t i = 0; i < in->args_n && used < sizeof(words); i++)
        used +=
            (size_t)snprintf(words + used, sizeof(words) - used, "%s%s", i ? " " : "", in->args[i]);
    if (in->args_n > 0 && help_print(words, stdout) > 0)
        return 0;
    if (in->args_n > 0)
        (void)fprintf(stderr, "godwit: there is no command %s\n", words);
    (void)help_print("", stderr);
    return COMMAND_EXIT_USAGE;
}
