#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "edge/edge.h"

void spool_init(struct spool *s, uint64_t size_max)
{
    *s = (struct spool){.fd = -1, .size_max = size_max};
    build_init(&s->memory, EDGE_SPOOL_INLINE);
}

void spool_done(struct spool *s)
{
    build_done(&s->memory);
    s->fd = fd_close(s->fd);
}

static int open_file(struct spool *s, struct edge *e, struct conn *c, struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__SpoolOpen open = GW__SPOOL_OPEN__INIT;
    const Gw__Response *response;
    struct channel_record fds;

    request.call_case = GW__REQUEST__CALL_SPOOL_OPEN;
    request.spool_open = &open;
    int rc = edge_call(e, c, &request, NULL, 0, &response, &fds, err);

    if (rc < 0)
        return rc;
    if (fds.fds_n != 1) {
        channel_record_done(&fds);
        return err_set(err, ERR_INTERNAL, "the mail store gave no spool file");
    }
    s->fd = fds.fds[0];
    return 0;
}

int spool_expect(struct spool *s, struct edge *e, struct conn *c, uint64_t size, struct err *err)
{
    return size > EDGE_SPOOL_INLINE ? open_file(s, e, c, err) : 0;
}

static int write_all(struct spool *s, struct slice octets, struct err *err)
{
    while (octets.n > 0) {
        ssize_t n = write(s->fd, octets.p, octets.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_errno(err, n < 0 ? errno : EIO, "cannot store the message for now");
        octets = slice_from(octets, (size_t)n);
        s->file_size += (uint64_t)n;
    }
    return 0;
}

static int flush_memory(struct spool *s, struct err *err)
{
    int rc = write_all(s, build_slice(&s->memory), err);

    build_reset(&s->memory);
    return rc;
}

int spool_write(struct spool *s, struct edge *e, struct conn *c, struct slice octets,
                struct err *err)
{
    int rc = 0;

    if (octets.n > s->size_max - s->size)
        return err_set(err, ERR_LIMIT, "message too large");
    s->size += octets.n;
    if (s->memory.n + octets.n <= EDGE_SPOOL_INLINE) {
        build_bytes(&s->memory, octets);
        return build_ok(&s->memory) ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    }
    if (s->fd < 0)
        rc = open_file(s, e, c, err);
    if (rc == 0)
        rc = flush_memory(s, err);
    if (rc == 0 && octets.n <= EDGE_SPOOL_INLINE / 2) {
        build_bytes(&s->memory, octets);
        return build_ok(&s->memory) ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    }
    return rc == 0 ? write_all(s, octets, err) : rc;
}

int spool_finish(struct spool *s, Gw__Content *content, int *fd_out, struct err *err)
{
    if (s->fd < 0) {
        content->inline_ = rpc_bytes(build_slice(&s->memory));
        content->from_spool = false;
        *fd_out = -1;
        return 0;
    }
    int rc = flush_memory(s, err);

    if (rc < 0)
        return rc;
    content->from_spool = true;
    content->spool_size = s->file_size;
    *fd_out = s->fd;
    return 0;
}
