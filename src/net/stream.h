/* A connection that we opened, for code that waits: octets both ways, with deadlines, in plain text
 * or TLS. An interface, so that a sandboxed process or a test can bring a transport of its own.
 *
 *   struct stream *s;
 *   stream_connect("mail.example.org", "587", deadline_ns, &s, err);
 *   stream_start_tls(s, connector, "mail.example.org", deadline_ns, err);
 *   ...
 *   stream_free(s);
 *
 * Deadlines are times of clock_mono_ns. One thread at a time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "net/channel_binding.h"

struct tls_connector;

/* What a step is to do, and what it did. */
struct stream_io {
    struct slice out; /* to be written; what has been written is taken off its front */
    uint8_t *in;      /* where octets that come are put; may be NULL when room is 0 */
    size_t room;
    size_t got; /* octets that came */
    bool end;   /* the peer sends nothing more */
};

struct stream {
    const struct stream_ops *ops;
};

struct stream_ops {
    /* Writes and reads whatever is possible at once; returns when something moved, or the peer
     * ended. fails: ERR_TIMEOUT, ERR_IO. */
    int (*step)(struct stream *s, struct stream_io *io, int64_t deadline_ns, struct err *err);
    /* fails: ERR_DENIED the peer's certificate is not the one we want; ERR_TIMEOUT, ERR_IO. */
    int (*start_tls)(struct stream *s, const struct tls_connector *connector, const char *host,
                     int64_t deadline_ns, struct err *err);
    /* Whether TLS is on; binding_out may be NULL. */
    bool (*tls)(const struct stream *s, struct channel_binding *binding_out);
    void (*free)(struct stream *s);
};

static inline int stream_step(struct stream *s, struct stream_io *io, int64_t deadline_ns,
                              struct err *err)
{
    return s->ops->step(s, io, deadline_ns, err);
}

static inline int stream_start_tls(struct stream *s, const struct tls_connector *connector,
                                   const char *host, int64_t deadline_ns, struct err *err)
{
    return s->ops->start_tls(s, connector, host, deadline_ns, err);
}

static inline bool stream_tls(const struct stream *s, struct channel_binding *binding_out)
{
    return s->ops->tls(s, binding_out);
}

/* Closes it; NULL is accepted. */
static inline void stream_free(struct stream *s)
{
    if (s)
        s->ops->free(s);
}

/* All of `octets`, reading nothing meanwhile. */
int stream_write(struct stream *s, struct slice octets, int64_t deadline_ns,
                 struct err *err) WARN_UNUSED;

/* A stream over a connected socket, which is the stream's from then on, also on failure. */
int stream_of_fd(int fd, struct stream **out, struct err *err) WARN_UNUSED;

/* Connects to the addresses of a host in turn, until one answers. `port`: digits, or the name of a
 * service. The system's resolver is asked, whose own timeouts come before the deadline.
 * fails: ERR_NOT_FOUND no such host; ERR_UNAVAILABLE the name could not be looked up now; ERR_IO,
 * ERR_TIMEOUT: of the last address. */
int stream_connect(const char *host, const char *port, int64_t deadline_ns, struct stream **out,
                   struct err *err) WARN_UNUSED;
