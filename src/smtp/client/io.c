#include "base/clock.h"
#include "base/num.h"
#include "smtp/client/client_private.h"

static int64_t deadline_of(const struct smtpc *c, int64_t timeout_ns)
{
    int64_t own = clock_mono_ns() + timeout_ns;

    return c->settings.deadline_ns ? MIN(own, c->settings.deadline_ns) : own;
}

static int lost(struct smtpc *c, const char *command, struct err *err)
{
    c->broken = true;
    return smtpc_give_up(c, SMTPC_TEMPORARY, SMTPC_BY_CONNECTION, command, err);
}

/* What has been read already moves to the front, then there is room again. */
static void make_room(struct smtpc *c)
{
    if (c->in_at == 0)
        return;
    memmove(c->in, c->in + c->in_at, c->in_n - c->in_at);
    c->in_n -= c->in_at;
    c->in_at = 0;
}

static int step(struct smtpc *c, struct stream_io *io, int64_t deadline_ns, struct err *err)
{
    make_room(c);
    io->in = c->in + c->in_n;
    io->room = c->end ? 0 : sizeof(c->in) - c->in_n;
    int rc = stream_step(c->stream, io, deadline_ns, err);

    if (rc < 0)
        return rc;
    c->in_n += io->got;
    c->end |= io->end;
    return 0;
}

int smtpc_flush(struct smtpc *c, int64_t timeout_ns, struct err *err)
{
    int64_t deadline_ns = deadline_of(c, timeout_ns);
    struct stream_io io = {.out = build_slice(&c->out)};
    int rc = build_ok(&c->out) ? 0 : err_set(err, ERR_NOMEM, "out of memory");

    while (rc == 0 && io.out.n > 0) {
        if (c->end)
            rc = err_set(err, ERR_IO, "the server closed the connection");
        else
            rc = step(c, &io, deadline_ns, err);
    }
    build_reset(&c->out);
    return rc;
}

/* Lets the reader see what is in. */
static int feed(struct smtpc *c, bool *whole, struct err *err)
{
    size_t used = 0;
    int rc = smtpc_reply_feed(&c->reader, slice_of(c->in + c->in_at, c->in_n - c->in_at),
                              c->offer.enhanced, &used, whole, err);

    c->in_at += used;
    return rc;
}

const struct smtpc_reply *smtpc_peek(struct smtpc *c)
{
    struct err unused;
    bool whole = false;

    return feed(c, &whole, &unused) == 0 && whole ? &c->reader.reply : NULL;
}

int smtpc_read(struct smtpc *c, const char *command, int64_t timeout_ns,
               const struct smtpc_reply **out, struct err *err)
{
    int64_t deadline_ns = deadline_of(c, timeout_ns);
    struct stream_io io = {.room = 0};
    bool whole = false;
    /* When it cannot be sent, there may still be an answer that says why. */
    int unsent = smtpc_flush(c, timeout_ns, err);

    for (;;) {
        struct err parse_err;
        int rc = feed(c, &whole, &parse_err);

        if (rc < 0)
            *err = parse_err;
        if (rc < 0 || (unsent < 0 && !whole))
            return lost(c, command, err);
        if (whole)
            break;
        if (c->end) {
            (void)err_set(err, ERR_IO, "the server closed the connection");
            return lost(c, command, err);
        }
        if (step(c, &io, deadline_ns, err) < 0)
            return lost(c, command, err);
    }
    /* RFC 5321 3.8: after 421 the server closes. */
    if (c->reader.reply.code == 421)
        c->broken = true;
    *out = &c->reader.reply;
    return 0;
}

int smtpc_command(struct smtpc *c, const char *command, const char *line, int64_t timeout_ns,
                  const struct smtpc_reply **out, struct err *err)
{
    if (c->broken)
        return err_set(err, ERR_INVALID, "the connection cannot be used any more");
    build_text(&c->out, line);
    build_text(&c->out, "\r\n");
    return smtpc_read(c, command, timeout_ns, out, err);
}
