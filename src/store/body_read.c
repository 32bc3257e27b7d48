/* BodyRead: prefix and body as one string, inline when it is short, else in a descriptor. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "rpc/call.h"
#include "store/body.h"
#include "store/request.h"

#define INLINE_MAX (48u * 1024)

struct place {
    int64_t body_id;
    struct slice prefix;
};

static int find_body(struct call *c, struct place *out, struct err *err)
{
    const Gw__BodyRead *request = c->request->body_read;
    struct db_row r;
    int rc = db_query(call_reader(c),
                      "SELECT c.body_id, c.prefix FROM message m JOIN content c ON "
                      "c.account_id = m.account_id AND c.content_id = m.content_id WHERE "
                      "m.account_id = ?1 AND m.mailbox_id = ?2 AND m.uid = ?3",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, c->session.account_id);
    db_bind_int(&r, 2, (int64_t)request->mailbox);
    db_bind_int(&r, 3, request->uid);
    rc = db_step(&r, err);
    if (rc == 1)
        *out = (struct place){db_int(&r, 0), arena_copy(&c->out, db_blob(&r, 1))};
    db_done(&r);
    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no such message");
    if (rc == 1 && arena_failed(&c->out))
        return call_no_memory(err);
    return rc < 0 ? rc : 0;
}

static int write_all(int fd, struct slice octets, struct err *err)
{
    while (octets.n > 0) {
        ssize_t n = write(fd, octets.p, octets.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, errno, "cannot hand over a message");
        octets = slice_from(octets, (size_t)n);
    }
    return 0;
}

/* Sealed: nobody can write to it, neither the receiver nor we. */
static int to_descriptor(struct call *c, struct slice prefix, struct slice body, struct err *err)
{
    _cleanup_fd_ int fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        return err_errno(err, errno, "cannot hand over a message");
    int rc = write_all(fd, prefix, err);

    if (rc == 0)
        rc = write_all(fd, body, err);
    if (rc < 0)
        return rc;
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0 ||
        lseek(fd, 0, SEEK_SET) < 0)
        return err_errno(err, errno, "cannot hand over a message");
    c->fd_out = TAKE_FD(fd);
    return 0;
}

/* Copies a stretch of prefix and body into the answer. */
static int to_inline(struct call *c, Gw__Body *out, struct slice prefix, struct slice body,
                     uint64_t offset, size_t n, struct err *err)
{
    uint8_t *data = arena_alloc(&c->out, n);

    if (!data)
        return call_no_memory(err);
    struct slice head = slice_sub(prefix, (size_t)offset, n);
    struct slice tail =
        slice_sub(body, (size_t)(offset > prefix.n ? offset - prefix.n : 0), n - head.n);

    if (head.n > 0)
        memcpy(data, head.p, head.n);
    if (tail.n > 0)
        memcpy(data + head.n, tail.p, tail.n);
    out->data = rpc_bytes(slice_of(data, n));
    return 0;
}

int call_body_read(struct call *c, struct err *err)
{
    const Gw__BodyRead *request = c->request->body_read;
    Gw__Body *out = call_message(c, &gw__body__descriptor);
    _cleanup_free_ uint8_t *octets = NULL;
    struct place place = {0};
    uint64_t body_n;

    if (!out)
        return call_no_memory(err);
    int rc = find_body(c, &place, err);

    if (rc == 0)
        rc = body_read(call_shard(c), call_reader(c), place.body_id, &octets, &body_n, err);
    if (rc < 0)
        return rc;
    struct slice body = slice_of(octets, (size_t)body_n);
    uint64_t size = place.prefix.n + body_n;
    uint64_t offset = MIN(request->offset, size), n = MIN(request->length, size - offset);

    out->size = size;
    out->in_descriptor = n > INLINE_MAX;
    if (out->in_descriptor)
        rc = to_descriptor(c, place.prefix, body, err);
    else
        rc = to_inline(c, out, place.prefix, body, offset, (size_t)n, err);
    c->response.result_case = GW__RESPONSE__RESULT_BODY;
    c->response.body = out;
    return rc;
}
