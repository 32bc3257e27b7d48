/* SOCK_SEQPACKET keeps records apart and says when the other end is gone. What the kernel does not
 * check is checked here: that the record was whole (MSG_TRUNC), that no descriptor was lost
 * (MSG_CTRUNC), and how many came (from cmsg_len: the padding of a control buffer for one
 * descriptor holds two). */
#include "runtime/channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* Room for 31 of the largest records; the default has room for 4. */
#define CHANNEL_SEND_BUFFER (2 * 1024 * 1024)

union control {
    struct cmsghdr align;
    uint8_t bytes[CMSG_SPACE(CHANNEL_FDS_MAX * sizeof(int))];
};

static void raise_send_buffer(int fd)
{
    int size = CHANNEL_SEND_BUFFER;

    /* Needs CAP_NET_ADMIN; without it the kernel's maximum has to do. */
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

int channel_pair(int fds_out[2], struct err *err)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        return err_errno(err, errno, "cannot make a channel");
    raise_send_buffer(fds[0]);
    raise_send_buffer(fds[1]);
    fds_out[0] = fds[0];
    fds_out[1] = fds[1];
    return 0;
}

static int send_failed(int number, struct err *err)
{
    switch (number) {
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
    case EAGAIN:
        (void)err_set(err, ERR_UNAVAILABLE, "the other process does not take it");
        return err_detail(err, "send: %s", strerror(number));
    case EMSGSIZE:
        return err_set(err, ERR_LIMIT, "the record is too large for the channel");
    default:
        return err_errno(err, number, "cannot send on a channel");
    }
}

/* Waits until fd is ready. fails: ERR_TIMEOUT, ERR_IO. */
static int wait_ready(int fd, short events, int64_t until_ns, struct err *err)
{
    struct pollfd p = {.fd = fd, .events = events};

    for (;;) {
        int timeout_ms = -1;

        if (until_ns >= 0) {
            int64_t left = until_ns - clock_mono_ns();

            timeout_ms = left > 0 ? (int)((left + NS_PER_MS - 1) / NS_PER_MS) : 0;
        }
        int n = poll(&p, 1, timeout_ms);

        if (n > 0)
            return 0;
        if (n == 0)
            return err_set(err, ERR_TIMEOUT, "nothing came in time");
        if (errno != EINTR)
            return err_errno(err, errno, "cannot wait on a channel");
    }
}

int channel_send(int fd, struct slice record, const int *fds, size_t fds_n, bool wait,
                 struct err *err)
{
    union control control = {0};
    struct iovec iov = {.iov_base = (void *)(uintptr_t)record.p, .iov_len = record.n};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    if (record.n == 0 || record.n > CHANNEL_RECORD_MAX || fds_n > CHANNEL_FDS_MAX)
        return err_set(err, ERR_LIMIT, "a record of %zu octets and %zu descriptors", record.n,
                       fds_n);
    if (fds_n > 0) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(fds_n * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fds_n * sizeof(int));
        memcpy(CMSG_DATA(c), fds, fds_n * sizeof(int));
    }
    for (;;) {
        ssize_t n = sendmsg(fd, &msg, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));

        if (n >= 0)
            return 0;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN || !wait)
            return send_failed(errno, err);
        int rc = wait_ready(fd, POLLOUT, -1, err);

        if (rc < 0)
            return rc;
    }
}

/* Takes the descriptors of one control message; false when there are more than may be. */
static bool take_descriptors(const struct cmsghdr *c, struct channel_record *out)
{
    size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    bool fits = true;

    for (size_t i = 0; i < n; i++) {
        int fd;

        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
        if (out->fds_n < CHANNEL_FDS_MAX) {
            out->fds[out->fds_n++] = fd;
        } else {
            (void)fd_close(fd);
            fits = false;
        }
    }
    return fits;
}

static bool take_control(struct msghdr *msg, struct channel_record *out)
{
    bool good = !(msg->msg_flags & (MSG_TRUNC | MSG_CTRUNC));

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
            good = take_descriptors(c, out) && good;
        else
            good = false;
    }
    return good;
}

static int receive_failed(int number, struct err *err)
{
    if (number == EAGAIN)
        return err_set(err, ERR_TIMEOUT, "nothing came in time");
    if (number == ECONNRESET)
        return err_set(err, ERR_UNAVAILABLE, "the other process is gone");
    return err_errno(err, number, "cannot receive from a channel");
}

int channel_set_timeout(int fd, unsigned timeout_s, struct err *err)
{
    const struct timeval tv = {.tv_sec = timeout_s};

    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) < 0)
        return err_errno(err, errno, "cannot set the timeout of a channel");
    return 0;
}

int channel_receive(int fd, uint8_t *buf, struct channel_record *out, int timeout_ms,
                    struct err *err)
{
    int64_t until = clock_mono_ns() + (int64_t)timeout_ms * NS_PER_MS;
    int rc = timeout_ms <= 0 ? 0 : wait_ready(fd, POLLIN, until, err);

    if (rc < 0)
        return rc;
    struct channel_record r = {0};
    union control control;
    struct iovec iov = {.iov_base = buf, .iov_len = CHANNEL_RECORD_MAX};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    ssize_t n;

    do {
        n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | (timeout_ms < 0 ? 0 : MSG_DONTWAIT));
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return receive_failed(errno, err);
    bool good = take_control(&msg, &r);

    if (n == 0 || !good) {
        channel_record_done(&r);
        /* Nobody sends empty records, so this is the end, or a peer that breaks the rule. */
        if (n == 0 && good && r.fds_n == 0)
            return err_set(err, ERR_UNAVAILABLE, "the other process is gone");
        return err_set(err, ERR_INVALID, "a record was cut or has too many descriptors");
    }
    r.n = (size_t)n;
    *out = r;
    return 0;
}

void channel_record_done(struct channel_record *r)
{
    for (size_t i = 0; i < r->fds_n; i++)
        r->fds[i] = fd_close(r->fds[i]);
}
