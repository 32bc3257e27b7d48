#include "net/stream.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/num.h"

static int wait_connected(int fd, int64_t deadline_ns, const char *host, struct err *err)
{
    int failure = 0;
    socklen_t n = sizeof(failure);

    for (;;) {
        int64_t left_ms = (deadline_ns - clock_mono_ns()) / NS_PER_MS;
        struct pollfd p = {.fd = fd, .events = POLLOUT};

        if (left_ms <= 0)
            return err_set(err, ERR_TIMEOUT, "%s did not answer in time", host);
        int ready = poll(&p, 1, (int)MIN(left_ms, 60 * 1000));

        if (ready < 0 && errno != EINTR)
            return err_errno(err, errno, "cannot wait for %s", host);
        if (ready > 0)
            break;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &n) < 0)
        failure = errno;
    return failure ? err_errno(err, failure, "cannot connect to %s", host) : 0;
}

static int connect_one(const struct addrinfo *a, int64_t deadline_ns, const char *host,
                       struct stream **out, struct err *err)
{
    _cleanup_fd_ int fd =
        socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);

    if (fd < 0)
        return err_errno(err, errno, "cannot make a socket");
    if (connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
        if (errno != EINPROGRESS)
            return err_errno(err, errno, "cannot connect to %s", host);
        int rc = wait_connected(fd, deadline_ns, host, err);

        if (rc < 0)
            return rc;
    }
    return stream_of_fd(TAKE_FD(fd), out, err);
}

/* What is left is shared out among the addresses that are left, so that a dead first one does not
 * cost them all. */
static int64_t share(int64_t deadline_ns, const struct addrinfo *from)
{
    int64_t now_ns = clock_mono_ns();
    int64_t n = 0;

    for (; from; from = from->ai_next)
        n++;
    return now_ns + MAX(deadline_ns - now_ns, 0) / n;
}

int stream_connect(const char *host, const char *port, int64_t deadline_ns, struct stream **out,
                   struct err *err)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
    int gai = getaddrinfo(host, port, &hints, &found);
    int rc = -ERR_NOT_FOUND;

    if (gai != 0)
        return err_set(err, gai == EAI_AGAIN ? ERR_UNAVAILABLE : ERR_NOT_FOUND,
                       "cannot find the host %s: %s", host, gai_strerror(gai));
    for (const struct addrinfo *a = found; a && rc < 0; a = a->ai_next)
        rc = connect_one(a, share(deadline_ns, a), host, out, err);
    freeaddrinfo(found);
    return rc;
}
