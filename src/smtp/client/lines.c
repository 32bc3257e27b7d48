#include "smtp/client/lines.h"

static int bad(struct err *err)
{
    return err_set(err, ERR_INVALID, "the message has a CR or LF that is not part of a line end");
}

/* A pass that only looks, so that nothing of a bad block is sent. */
static bool valid(const struct smtpc_lines *l, struct slice octets)
{
    bool cr = l->cr;

    for (size_t i = 0; i < octets.n; i++) {
        if ((octets.p[i] == '\n') != cr)
            return false;
        cr = octets.p[i] == '\r';
    }
    return true;
}

int smtpc_lines_feed(struct smtpc_lines *l, struct slice octets, struct builder *out,
                     struct err *err)
{
    if (!valid(l, octets))
        return bad(err);
    for (size_t i = 0; i < octets.n;) {
        struct slice rest = slice_from(octets, i);
        size_t lf = slice_find_byte(rest, '\n');
        struct slice part = slice_sub(rest, 0, lf == SIZE_MAX ? rest.n : lf + 1);

        if (l->dots && !l->text && slice_at(part, 0) == '.')
            build_byte(out, '.');
        build_bytes(out, part);
        l->text = lf == SIZE_MAX;
        i += part.n;
    }
    if (octets.n > 0)
        l->cr = octets.p[octets.n - 1] == '\r';
    return build_ok(out) ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

int smtpc_lines_end(const struct smtpc_lines *l, struct builder *out, struct err *err)
{
    if (l->cr)
        return bad(err);
    if (l->text)
        return err_set(err, ERR_INVALID, "the last line of the message has no CRLF");
    if (l->dots)
        build_text(out, ".\r\n");
    return build_ok(out) ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}
