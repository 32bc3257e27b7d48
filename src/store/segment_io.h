/* Reading and writing of everything that was asked for, however often the kernel has to be asked.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"

/* All vectors, one after the other from `offset`; they are used up. */
int segment_io_write(int fd, struct iovec *iov, size_t n, uint64_t offset,
                     struct err *err) WARN_UNUSED;

/* Exactly n octets. fails: ERR_DAMAGED when the file ends before. */
int segment_io_read(int fd, uint8_t *p, size_t n, uint64_t offset, struct err *err) WARN_UNUSED;
