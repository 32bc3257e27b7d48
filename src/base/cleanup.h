/* Locals that own something are released when they leave their scope; ownership leaves visibly.
 *
 *   _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
 *   ...
 *   *fd_out = TAKE_FD(fd);
 */
#pragma once

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Closes and returns -1; keeps errno; accepts -1. */
static inline int fd_close(int fd)
{
    if (fd >= 0) {
        int saved = errno;

        (void)close(fd);
        errno = saved;
    }
    return -1;
}

static inline void fd_closep(int *fd)
{
    (void)fd_close(*fd);
}

static inline void freep(void *p)
{
    free(*(void **)p);
}

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_fd_ _cleanup_(fd_closep)

#define TAKE_PTR(p)                                                                                \
    ({                                                                                             \
        __typeof__(p) t_ = (p);                                                                    \
        (p) = NULL;                                                                                \
        t_;                                                                                        \
    })
#define TAKE_FD(fd)                                                                                \
    ({                                                                                             \
        int t_ = (fd);                                                                             \
        (fd) = -1;                                                                                 \
        t_;                                                                                        \
    })
