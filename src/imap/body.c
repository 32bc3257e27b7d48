#include "imap/body.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"

void imap_body_init(struct imap_body *b)
{
    *b = (struct imap_body){.fd = -1};
}

static void drop(struct imap_body *b)
{
    free(TAKE_PTR(b->memory));
    b->fd = fd_close(b->fd);
    b->loaded = false;
    b->have = 0;
}

void imap_body_done(struct imap_body *b)
{
    drop(b);
    imap_body_init(b);
}

int imap_body_of_row(struct imap_body *b, struct arena *a, const Gw__Message *row, struct err *err)
{
    struct slice parts = arena_copy(a, rpc_slice(row->parts));

    b->prefix_size = row->prefix.len;
    b->size = row->size;
    return parts_read(a, parts, &b->parts, &b->parts_n, err);
}

int imap_body_of_spool(struct imap_body *b, struct spool *spool, struct err *err)
{
    Gw__Content content = GW__CONTENT__INIT;
    int fd, rc = spool_finish(spool, &content, &fd, err);

    if (rc < 0)
        return rc;
    b->size = b->have = spool->size;
    if (fd >= 0) {
        b->fd = TAKE_FD(spool->fd);
    } else {
        b->memory = malloc(content.inline_.len + 1);
        if (!b->memory)
            return err_set(err, ERR_NOMEM, "out of memory");
        if (content.inline_.len)
            memcpy(b->memory, content.inline_.data, content.inline_.len);
    }
    b->loaded = true;
    return 0;
}

/* The answer's octets become ours. */
static int take_octets(struct imap_body *b, const Gw__Body *body, struct channel_record *fds,
                       uint64_t need, struct err *err)
{
    drop(b);
    if (body->in_descriptor && fds->fds_n == 1) {
        b->fd = TAKE_FD(fds->fds[0]);
        b->have = body->size;
    } else if (!body->in_descriptor && body->data.len == MIN(need, body->size)) {
        b->memory = malloc(body->data.len + 1);
        if (!b->memory)
            return err_set(err, ERR_NOMEM, "out of memory");
        if (body->data.len)
            memcpy(b->memory, body->data.data, body->data.len);
        b->have = body->data.len;
    } else {
        return err_set(err, ERR_INTERNAL, "the mail store gave half a message");
    }
    b->size = body->size;
    b->loaded = true;
    return 0;
}

int imap_body_load(struct imap_body *b, struct imap_session *s, uint32_t uid, uint64_t need,
                   struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__BodyRead read = GW__BODY_READ__INIT;
    const Gw__Response *response;
    struct channel_record fds = {0};

    if (b->loaded && (b->have >= need || b->have == b->size))
        return 0;
    read.mailbox = s->view.mailbox;
    read.uid = uid;
    read.length = need;
    request.call_case = GW__REQUEST__CALL_BODY_READ;
    request.body_read = &read;
    int rc = imap_call_fds(s, &request, NULL, 0, GW__RESPONSE__RESULT_BODY, &response, &fds, err);

    if (rc < 0)
        return rc;
    rc = take_octets(b, response->body, &fds, need, err);
    channel_record_done(&fds);
    return rc;
}

int imap_body_read(const struct imap_body *b, uint64_t at, uint8_t *buf, size_t n, struct err *err)
{
    if (at > b->have || n > b->have - at)
        return err_set(err, ERR_DAMAGED, "the message is shorter than its parts");
    if (b->memory) {
        memcpy(buf, b->memory + at, n);
        return 0;
    }
    while (n > 0) {
        ssize_t got = pread(b->fd, buf, n, (off_t)at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return err_errno(err, got < 0 ? errno : EIO, "the message cannot be read");
        buf += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return 0;
}

int imap_body_copy(const struct imap_body *b, uint64_t at, uint64_t n, uint8_t **out,
                   struct err *err)
{
    _cleanup_free_ uint8_t *p = n < SIZE_MAX ? malloc((size_t)n + 1) : NULL;

    if (!p)
        return err_set(err, ERR_NOMEM, "out of memory");
    int rc = imap_body_read(b, at, p, (size_t)n, err);

    if (rc == 0)
        *out = TAKE_PTR(p);
    return rc;
}

/* Offsets of parts count without the prefix, which belongs to the message's own header. Whatever
 * the tree says, the range lies within the message. */
static void clamp(const struct imap_body *b, uint64_t from, uint64_t to, uint64_t *at_out,
                  uint64_t *n_out)
{
    from = MIN(from, b->size);
    to = MIN(to, b->size);
    *at_out = from;
    *n_out = to > from ? to - from : 0;
}

void imap_body_header(const struct imap_body *b, size_t entry, uint64_t *at_out, uint64_t *n_out)
{
    const struct part_entry *e = &b->parts[entry];

    clamp(b, entry == 0 ? 0 : e->header_at + b->prefix_size, e->body_at + b->prefix_size, at_out,
          n_out);
}

void imap_body_content(const struct imap_body *b, size_t entry, uint64_t *at_out, uint64_t *n_out)
{
    const struct part_entry *e = &b->parts[entry];

    clamp(b, e->body_at + b->prefix_size, e->end_at + b->prefix_size, at_out, n_out);
}

int imap_body_section(const struct imap_body *b, const struct imap_fetch_item *item,
                      uint64_t *at_out, uint64_t *n_out, struct err *err)
{
    int found = parts_find(b->parts, b->parts_n, item->numbers, item->numbers_n);

    if (found < 0 || (size_t)found >= b->parts_n)
        return err_set(err, ERR_NOT_FOUND, "the message has no such part");
    size_t entry = (size_t)found;

    if (item->text == IMAP_SECTION_ALL && item->numbers_n == 0) {
        *at_out = 0;
        *n_out = b->size;
        return 0;
    }
    if (item->text == IMAP_SECTION_ALL) {
        imap_body_content(b, entry, at_out, n_out);
        return 0;
    }
    if (item->text == IMAP_SECTION_MIME) {
        imap_body_header(b, entry, at_out, n_out);
        return 0;
    }
    /* RFC 9051 6.4.5.1: HEADER and TEXT of a part are those of the message in it. */
    if (item->numbers_n) {
        if (!b->parts[entry].is_message || entry + 1 >= b->parts_n ||
            b->parts[entry + 1].depth != b->parts[entry].depth + 1)
            return err_set(err, ERR_NOT_FOUND, "the part is no message");
        entry++;
    }
    if (item->text == IMAP_SECTION_TEXT)
        imap_body_content(b, entry, at_out, n_out);
    else
        imap_body_header(b, entry, at_out, n_out);
    return 0;
}

static bool is_named(struct slice field, const struct imap_fetch_item *item)
{
    struct slice name = slice_sub(field, 0, slice_find_byte(field, ':'));

    name = slice_trim(name);
    /* RFC 9051 6.4.5.1: of a part's header, MIME is what MIME defines. */
    if (item->text == IMAP_SECTION_MIME)
        return slice_starts_nocase(name, SLICE("Content-"));
    for (size_t i = 0; i < item->fields_n; i++)
        if (slice_eq_nocase(name, item->fields[i]))
            return true;
    return false;
}

void imap_body_fields(struct builder *out, struct slice header, const struct imap_fetch_item *item)
{
    bool want_named = item->text != IMAP_SECTION_FIELDS_NOT;
    bool take = false;

    while (header.n) {
        size_t lf = slice_find_byte(header, '\n');
        struct slice line = slice_sub(header, 0, lf == SIZE_MAX ? header.n : lf + 1);

        header = slice_from(header, line.n);
        if (slice_trim(line).n == 0 && !header.n)
            break;
        if (line.p[0] != ' ' && line.p[0] != '\t')
            take = is_named(line, item) == want_named;
        if (take)
            build_bytes(out, line);
    }
    build_text(out, "\r\n");
}
