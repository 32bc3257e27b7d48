/* A write may be cut short: by a signal, a full disk, or more vectors than one call takes. */
#include "store/segment_io.h"

#include <errno.h>
#include <unistd.h>

#include "base/num.h"

#define IOV_CHUNK 1024u

/* Drops the octets that were written from the front of the vectors. */
static size_t iov_advance(struct iovec *iov, size_t n, size_t written)
{
    size_t i = 0;

    while (i < n && written >= iov[i].iov_len)
        written -= iov[i++].iov_len;
    if (i < n) {
        iov[i].iov_base = (uint8_t *)iov[i].iov_base + written;
        iov[i].iov_len -= written;
    }
    return i;
}

int segment_io_write(int fd, struct iovec *iov, size_t n, uint64_t offset, struct err *err)
{
    while (n > 0) {
        ssize_t written = pwritev(fd, iov, (int)MIN(n, IOV_CHUNK), (off_t)offset);
        size_t whole;

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return err_errno(err, written < 0 ? errno : EIO, "the disk failed");
        offset += (uint64_t)written;
        whole = iov_advance(iov, n, (size_t)written);
        iov += whole;
        n -= whole;
    }
    return 0;
}

int segment_io_read(int fd, uint8_t *p, size_t n, uint64_t offset, struct err *err)
{
    while (n > 0) {
        ssize_t got = pread(fd, p, n, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_errno(err, errno, "the disk failed");
        if (got == 0)
            return err_set(err, ERR_DAMAGED, "stored data is damaged");
        p += got;
        n -= (size_t)got;
        offset += (uint64_t)got;
    }
    return 0;
}
