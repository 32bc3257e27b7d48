/* Stands in for every role in the tests of the supervisor: takes its channels, reports that it is
 * ready, and notes in the data directory's parent what happened. What it does is read from the file
 * "behave" beside its executable: "crash" (ends after it was ready), "broken" (ends before). */
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "rpc/role.h"

struct fake {
    struct role *role;
    char directory[512];
    char name[32];
};

static void note(const struct fake *f, const char *what, unsigned number)
{
    char path[600], line[128];
    int n;

    (void)snprintf(path, sizeof(path), "%s/notes", f->directory);
    _cleanup_fd_ int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    n = snprintf(line, sizeof(line), "%s %s %u\n", f->name, what, number);
    if (fd < 0 || n < 0 || write(fd, line, (size_t)n) != n)
        abort();
}

static bool behaves(const struct fake *f, const char *how)
{
    char path[600];

    (void)snprintf(path, sizeof(path), "%s/%s-%s", f->directory, f->name, how);
    /* Once: so that the next start is an ordinary one. */
    return unlink(path) == 0;
}

static void take_channels(void *owner, const Gw__Channels *what, const int *fds, size_t n)
{
    const struct fake *f = owner;

    for (size_t i = 0; i < n; i++)
        (void)fd_close(fds[i]);
    if (what->first + n == what->total)
        note(f, "channels", what->total);
    if (what->role == GW__CHANNELS__ROLE__ROLE_ADMIN)
        note(f, "admin", 1);
}

int main(int argc, char *argv[])
{
    struct fake f = {0};
    struct err err;
    char self[512] = "";

    if (argc != 1)
        return 2;
    /* argv[0] is the link "godwit-mx" in the test's directory. */
    (void)snprintf(self, sizeof(self), "%s", argv[0]);
    (void)snprintf(f.name, sizeof(f.name), "%s", strstr(basename(argv[0]), "-") + 1);
    (void)snprintf(f.directory, sizeof(f.directory), "%s", dirname(self));
    if (behaves(&f, "broken"))
        return 7;
    if (role_begin(f.name, &f.role, &err) < 0)
        return 1;
    note(&f, "listeners", (unsigned)role_config(f.role)->n_listeners);
    if (role_config(f.role)->n_listeners > 0 && role_take_fd(f.role, 0) < 0)
        return 1;
    role_ready(f.role);
    note(&f, "ready", role_config(f.role)->threads);
    if (behaves(&f, "crash"))
        abort();
    role_run(f.role, &(struct role_handler){.owner = &f, .channels = take_channels});
    note(&f, "stopped", role_stop_timeout_ms(f.role));
    role_free(f.role);
    return 0;
}
