#include "supervisor/notify.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/num.h"

#define LISTEN_FDS_START 3
#define LISTEN_FDS_MAX 64

void notify_service_manager(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = path ? strlen(path) : 0;

    if (n < 2 || n >= sizeof(address.sun_path))
        return;
    memcpy(address.sun_path, path, n);
    /* "@" stands for a name in the abstract name space. */
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    _cleanup_fd_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd >= 0)
        (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
                     (struct sockaddr *)&address,
                     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
}

void notify_reloading(void)
{
    char text[80];

    (void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
                   clock_mono_ns() / 1000);
    notify_service_manager(text);
}

int notify_listen_fds(void)
{
    uint64_t pid, n;

    if (!num_parse(slice_str(getenv("LISTEN_PID")), INT32_MAX, &pid) || (pid_t)pid != getpid() ||
        !num_parse(slice_str(getenv("LISTEN_FDS")), LISTEN_FDS_MAX, &n))
        return 0;
    for (int i = 0; i < (int)n; i++)
        (void)fcntl(LISTEN_FDS_START + i, F_SETFD, FD_CLOEXEC);
    return (int)n;
}

void notify_listen_name(int i, char *buf, size_t size)
{
    struct slice names = slice_str(getenv("LISTEN_FDNAMES"));

    for (; i > 0; i--) {
        size_t colon = slice_find_byte(names, ':');

        names = colon == SIZE_MAX ? (struct slice){NULL, 0} : slice_from(names, colon + 1);
    }
    names = slice_sub(names, 0, slice_find_byte(names, ':'));
    (void)snprintf(buf, size, "%.*s", (int)MIN(names.n, size),
                   names.p ? (const char *)names.p : "");
}
