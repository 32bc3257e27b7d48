#include "store/content.h"

#include <errno.h>
#include <fcntl.h>

#include "base/log.h"
#include "rpc/call.h"
#include "store/store_private.h"

int content_pack(struct call *c, const Gw__Content *content, size_t *fds_used,
                 struct body_packed *out, struct err *err)
{
    if (!content || !content->facts)
        return err_set(err, ERR_INVALID, "a message without its facts");
    if (!content->from_spool)
        return body_pack(rpc_slice(content->inline_), out, err);
    if (*fds_used >= c->fds_n)
        return err_set(err, ERR_INVALID, "a message without its descriptor");
    return body_pack_fd(c->fds[(*fds_used)++], content->spool_size, out, err);
}

/* SpoolOpen: the only file that an edge writes. It has no name, so that nothing remains of it. */
int call_spool_open(struct call *c, struct err *err)
{
    c->fd_out = openat(c->store->directory_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (c->fd_out < 0)
        return err_errno(err, errno, "cannot make a spool file");
    return call_answer_done(c, err);
}
