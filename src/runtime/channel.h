/* Channels between processes: records and descriptors over SOCK_SEQPACKET.
 *
 * Both ends treat the other as hostile: a record is at most CHANNEL_RECORD_MAX octets, descriptors
 * are counted, close-on-exec, and closed on every error path; truncated data or control data is an
 * error that ends the channel. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

#define CHANNEL_RECORD_MAX (64u * 1024)
#define CHANNEL_FDS_MAX 8

/* A connected pair, both close-on-exec, send buffers raised where the rights suffice. Blocking. */
int channel_pair(int fds_out[2], struct err *err) WARN_UNUSED;

/* Sends one record with descriptors, which stay the caller's. A record is never empty.
 * fails: ERR_UNAVAILABLE the other end is gone, or (with wait false) does not read; ERR_LIMIT. */
int channel_send(int fd, struct slice record, const int *fds, size_t fds_n, bool wait,
                 struct err *err) WARN_UNUSED;

struct channel_record {
    size_t n;                 /* octets received */
    int fds[CHANNEL_FDS_MAX]; /* the caller's from now on */
    size_t fds_n;
};

/* For receiving with timeout_ms -1, once per channel: costs nothing per record. 0: for ever. */
int channel_set_timeout(int fd, unsigned timeout_s, struct err *err) WARN_UNUSED;

/* Receives one record into buf (at least CHANNEL_RECORD_MAX octets). timeout_ms -1 waits as long as
 * channel_set_timeout said; 0 does not wait. fails: ERR_UNAVAILABLE the other end closed;
 * ERR_TIMEOUT nothing came; ERR_INVALID truncated or too many descriptors: close the channel. */
int channel_receive(int fd, uint8_t *buf, struct channel_record *out, int timeout_ms,
                    struct err *err) WARN_UNUSED;
void channel_record_done(
    struct channel_record *r); /* closes descriptors that were not taken (set to -1) */
