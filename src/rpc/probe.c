/* What somebody would try who runs code of his own in the process. What works is undone at once. */
#include "rpc/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

static uint32_t close_or_errno(int fd)
{
    int reason = errno;

    if (fd < 0)
        return (uint32_t)reason;
    (void)close(fd);
    return 0;
}

static uint32_t start_program(const char *path)
{
    char *const argv[] = {(char *)path, NULL};
    char *const environment[] = {NULL};

    (void)execve(path, argv, environment);
    return (uint32_t)errno;
}

static uint32_t make_process(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    if (pid < 0)
        return (uint32_t)errno;
    (void)waitpid(pid, NULL, 0);
    return 0;
}

uint32_t probe_try(const Gw__Probe *probe)
{
    char path[512];
    int n = snprintf(path, sizeof(path), "%.*s", (int)probe->path.len, (char *)probe->path.data);

    if (n < 0 || (size_t)n >= sizeof(path))
        return ENAMETOOLONG;
    switch (probe->what) {
    case GW__PROBE__WHAT__WHAT_READ_FILE:
        return close_or_errno(open(path, O_RDONLY | O_CLOEXEC));
    case GW__PROBE__WHAT__WHAT_MAKE_FILE:
        return close_or_errno(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    case GW__PROBE__WHAT__WHAT_START_PROGRAM:
        return start_program(path);
    case GW__PROBE__WHAT__WHAT_MAKE_PROCESS:
        return make_process();
    case GW__PROBE__WHAT__WHAT_INTERNET_SOCKET:
        return close_or_errno(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    case GW__PROBE__WHAT__WHAT_LOCAL_SOCKET:
        return close_or_errno(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    default:
        return EINVAL;
    }
}
