#include "imap/fetch_binary.h"

#include "base/cleanup.h"
#include "base/num.h"
#include "mail/decode.h"

#define SCAN_CHUNK (16u * 1024)

/* The entry that the numbers name. */
static int find_part(const struct imap_body *b, const struct imap_fetch_item *item,
                     const struct part_entry **out, struct err *err)
{
    int found = parts_find(b->parts, b->parts_n, item->numbers, item->numbers_n);

    if (found < 0 || (size_t)found >= b->parts_n)
        return err_set(err, ERR_NOT_FOUND, "the message has no such part");
    *out = &b->parts[found];
    if (item->numbers_n && ((*out)->is_multipart || (*out)->is_message))
        return err_set(err, ERR_INVALID, "the part consists of parts");
    return 0;
}

/* Whether the octets stand in the message as they are to be given. */
static bool is_plain(const struct part_entry *e)
{
    return e->encoding == PART_IDENTITY || e->is_multipart || e->is_message;
}

static int look_for_nul(const struct imap_body *b, struct imap_binary *out, struct err *err)
{
    uint8_t buf[SCAN_CHUNK];
    uint64_t at = out->at, n = out->n;

    while (n > 0 && !out->has_nul) {
        size_t take = MIN(n, sizeof(buf));
        int rc = imap_body_read(b, at, buf, take, err);

        if (rc < 0)
            return rc;
        out->has_nul = slice_find_byte(slice_of(buf, take), '\0') != SIZE_MAX;
        at += take;
        n -= take;
    }
    return 0;
}

static void cut(const struct imap_fetch_item *item, uint64_t *at, uint64_t *n)
{
    if (!item->partial)
        return;
    uint64_t skip = MIN(item->offset, *n);

    *at += skip;
    *n = MIN(item->count, *n - skip);
}

/* A message's header without the field that is no longer true. */
static int decode_header(const struct imap_body *b, struct builder *out, struct err *err)
{
    struct slice name = SLICE("Content-Transfer-Encoding");
    const struct imap_fetch_item others = {
        .text = IMAP_SECTION_FIELDS_NOT, .fields = &name, .fields_n = 1};
    _cleanup_free_ uint8_t *header = NULL;
    uint64_t at, n;

    imap_body_header(b, 0, &at, &n);
    int rc = imap_body_copy(b, at, n, &header, err);

    if (rc == 0)
        imap_body_fields(out, slice_of(header, (size_t)n), &others);
    return rc;
}

/* In one piece, for the time of this call. */
static int decode(const struct imap_body *b, const struct part_entry *e, bool with_header,
                  struct builder *out, struct err *err)
{
    _cleanup_free_ uint8_t *octets = NULL;
    uint64_t at, n;

    /* Decoding never makes more of it. */
    build_init(out, (size_t)b->size + 16);
    int rc = with_header ? decode_header(b, out, err) : 0;

    imap_body_content(b, (size_t)(e - b->parts), &at, &n);
    if (rc == 0)
        rc = imap_body_copy(b, at, n, &octets, err);
    if (rc < 0)
        return rc;
    if (!mail_decode_transfer(out, (enum part_encoding)e->encoding, slice_of(octets, (size_t)n)) ||
        !build_ok(out))
        return err_set(err, ERR_NOMEM, "out of memory");
    return 0;
}

static int find_and_load(struct imap_body *b, struct imap_session *s, uint32_t uid,
                         const struct imap_fetch_item *item, const struct part_entry **e_out,
                         struct imap_binary *out, struct err *err)
{
    int rc = find_part(b, item, e_out, err);

    *out = (struct imap_binary){0};
    if (rc == 0)
        out->unknown_encoding = !is_plain(*e_out) && (*e_out)->encoding == PART_UNKNOWN_ENCODING;
    return rc == 0 && !out->unknown_encoding ? imap_body_load(b, s, uid, UINT64_MAX, err) : rc;
}

int imap_binary_octets(struct imap_body *b, struct imap_session *s, uint32_t uid,
                       const struct imap_fetch_item *item, struct spool *spool,
                       struct imap_binary *out, struct err *err)
{
    const struct part_entry *e;
    _cleanup_(build_done) struct builder decoded = {0};
    uint64_t from = 0;
    int rc = find_and_load(b, s, uid, item, &e, out, err);

    if (rc < 0 || out->unknown_encoding)
        return rc;
    if (is_plain(e)) {
        if (item->numbers_n)
            imap_body_content(b, (size_t)(e - b->parts), &out->at, &out->n);
        else
            out->n = b->size;
        cut(item, &out->at, &out->n);
        return look_for_nul(b, out, err);
    }
    rc = decode(b, e, item->numbers_n == 0, &decoded, err);
    if (rc < 0)
        return rc;
    out->decoded = true;
    out->at = spool->size;
    out->n = decoded.n;
    cut(item, &from, &out->n);
    struct slice wanted = slice_sub(build_slice(&decoded), (size_t)from, (size_t)out->n);

    out->has_nul = slice_find_byte(wanted, '\0') != SIZE_MAX;
    return spool_write(spool, s->listener->edge, s->c, wanted, err);
}

int imap_binary_size(struct imap_body *b, struct imap_session *s, uint32_t uid,
                     const struct imap_fetch_item *item, struct imap_binary *out, struct err *err)
{
    const struct part_entry *e;
    _cleanup_(build_done) struct builder decoded = {0};
    int rc = find_and_load(b, s, uid, item, &e, out, err);

    if (rc < 0 || out->unknown_encoding)
        return rc;
    if (item->numbers_n) {
        out->n = e->decoded_size;
    } else if (is_plain(e)) {
        out->n = b->size;
    } else {
        rc = decode(b, e, /* with_header= */ true, &decoded, err);
        out->n = decoded.n;
    }
    return rc;
}
