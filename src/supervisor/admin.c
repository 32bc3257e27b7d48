/* Socket names have at most 107 octets, paths more: a long one is reached through the directory's
 * descriptor in /proc. */
#include "supervisor/admin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "rpc/call.h"

#define ADMIN_BACKLOG 16
#define ADMIN_TIMEOUT_MS 30000

/* *directory_fd_out stays open while the address is in use. */
static int address_of(const char *directory, struct sockaddr_un *out, int *directory_fd_out,
                      struct err *err)
{
    int n;

    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    *directory_fd_out = -1;
    n = snprintf(out->sun_path, sizeof(out->sun_path), "%s/ctl", directory);
    if (n >= 0 && (size_t)n < sizeof(out->sun_path))
        return 0;
    int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return err_errno(err, errno, "data directory %s", directory);
    (void)snprintf(out->sun_path, sizeof(out->sun_path), "/proc/self/fd/%d/ctl", fd);
    *directory_fd_out = fd;
    return 0;
}

int admin_listen(const char *directory, int *fd_out, struct err *err)
{
    struct sockaddr_un address;
    _cleanup_fd_ int directory_fd = -1;
    int rc = address_of(directory, &address, &directory_fd, err);

    if (rc < 0)
        return rc;
    _cleanup_fd_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return err_errno(err, errno, "cannot make the control socket");
    (void)unlink(address.sun_path);
    mode_t mask = umask(0177);

    rc = bind(fd, (struct sockaddr *)&address, sizeof(address));
    (void)umask(mask);
    if (rc < 0 || listen(fd, ADMIN_BACKLOG) < 0)
        return err_errno(err, errno, "cannot make the control socket %s/ctl", directory);
    *fd_out = TAKE_FD(fd);
    return 0;
}

void admin_unlink(const char *directory)
{
    struct sockaddr_un address;
    _cleanup_fd_ int directory_fd = -1;
    struct err err;

    if (address_of(directory, &address, &directory_fd, &err) == 0)
        (void)unlink(address.sun_path);
}

int admin_connect(const char *directory, int *fd_out, struct err *err)
{
    struct sockaddr_un address;
    _cleanup_fd_ int directory_fd = -1;
    int rc = address_of(directory, &address, &directory_fd, err);

    if (rc == -ERR_NOT_FOUND)
        return err_set(err, ERR_UNAVAILABLE, "the server is not running");
    if (rc < 0)
        return rc;
    _cleanup_fd_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return err_errno(err, errno, "cannot make a socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        if (errno == ENOENT || errno == ECONNREFUSED)
            return err_set(err, ERR_UNAVAILABLE, "the server is not running");
        if (errno == EACCES || errno == EPERM)
            return err_set(err, ERR_DENIED,
                           "no permission: only root and the server's user may use %s/ctl",
                           directory);
        return err_errno(err, errno, "cannot reach the server");
    }
    *fd_out = TAKE_FD(fd);
    return 0;
}

int admin_call(int fd, Gw__AdminRequest *request, struct arena *a, const Gw__AdminResponse **out,
               int *fd_out, struct err *err)
{
    _cleanup_free_ uint8_t *buf = malloc(CHANNEL_RECORD_MAX);
    struct channel_record record;
    ProtobufCMessage *message;
    size_t n;

    if (!buf)
        return err_set(err, ERR_NOMEM, "out of memory");
    request->version = ADMIN_VERSION;
    int rc = rpc_encode(&request->base, buf, &n, err);

    if (rc == 0)
        rc = channel_send(fd, slice_of(buf, n), NULL, 0, /* wait= */ true, err);
    if (rc == 0)
        rc = channel_receive(fd, buf, &record, ADMIN_TIMEOUT_MS, err);
    if (rc < 0)
        return rc;
    if (fd_out)
        *fd_out = record.fds_n > 0 ? TAKE_FD(record.fds[0]) : -1;
    channel_record_done(&record);
    rc = rpc_decode(&gw__admin_response__descriptor, slice_of(buf, record.n), a, &message, err);
    if (rc < 0)
        return rc;
    *out = (const Gw__AdminResponse *)(const void *)message;
    if ((*out)->kind == 0)
        return 0;
    return err_set(err, (*out)->kind < ERR_KIND_COUNT ? (enum err_kind)(*out)->kind : ERR_INTERNAL,
                   "%.*s", SLICE_FMT(rpc_slice((*out)->text)));
}
