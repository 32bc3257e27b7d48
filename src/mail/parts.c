/* Version octet 1, then the entities depth first, each:
 *
 *   flags     1 multipart, 2 message, 4 text, 8 and 16 the encoding, 32 a charset follows
 *   depth, header_at (since that of the entity before), header octets, body octets, decoded octets
 *             as numbers of 7 bits each, lowest first, bit 8 on all but the last
 *   charset   its length, its octets (lower case, at most 20: longer names are left out)
 *
 * There is one way to write a value, and the reader takes no other. */
#include "base/ascii.h"
#include "base/cursor.h"
#include "base/num.h"
#include "mail/message_private.h"

#define VERSION 1
#define CHARSET_MAX 20

enum { FLAG_MULTIPART = 1, FLAG_MESSAGE = 2, FLAG_TEXT = 4, FLAG_CHARSET = 32 };

static void put_number(struct builder *out, uint64_t n)
{
    while (n >= 0x80) {
        build_byte(out, (uint8_t)(n | 0x80));
        n >>= 7;
    }
    build_byte(out, (uint8_t)n);
}

static uint64_t take_number(struct cursor *c, uint64_t max)
{
    uint64_t n = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        struct slice octet = cur_take(c, 1, "number");

        if (!cur_ok(c))
            return 0;
        uint64_t bits = octet.p[0] & 0x7f;

        if (shift == 63 && bits > 1)
            break;
        n |= bits << shift;
        if (octet.p[0] < 0x80) {
            if ((bits == 0 && shift > 0) || n > max)
                break;
            return n;
        }
    }
    cur_reject(c, "number");
    return 0;
}

static void put_entry(struct builder *out, const struct mail_part *p, uint32_t depth,
                      uint64_t *header_at, bool flat)
{
    struct slice charset = params_find(p->params, p->params_n, SLICE("charset"));
    bool multipart = p->is_multipart && !flat, message = p->is_message && !flat;
    bool text = entity_is_text(p), has_charset = text && charset.n > 0 && charset.n <= CHARSET_MAX;
    unsigned flags = (multipart ? FLAG_MULTIPART : 0u) | (message ? FLAG_MESSAGE : 0u) |
                     (text ? FLAG_TEXT : 0u) | (unsigned)entity_encoding(p) << 3 |
                     (has_charset ? FLAG_CHARSET : 0u);

    build_byte(out, (uint8_t)flags);
    put_number(out, depth);
    put_number(out, p->header_at - *header_at);
    put_number(out, p->body_at - p->header_at);
    put_number(out, p->end_at - p->body_at);
    put_number(out, p->decoded_size);
    if (has_charset) {
        build_byte(out, (uint8_t)charset.n);
        for (size_t i = 0; i < charset.n; i++)
            build_byte(out, ascii_lower(charset.p[i]));
    }
    *header_at = p->header_at;
}

/* Recursive; the parser bounds the depth. */
static void put_tree(struct builder *out, const struct mail_part *p, uint32_t depth,
                     uint64_t *header_at)
{
    put_entry(out, p, depth, header_at, /* flat= */ false);
    for (const struct mail_part *child = p->child; child; child = child->next)
        put_tree(out, child, depth + 1, header_at);
}

void render_parts(struct builder *out, const struct mail_part *root)
{
    uint64_t header_at = 0;

    build_byte(out, VERSION);
    put_tree(out, root, 0, &header_at);
}

void render_parts_flat(struct builder *out, const struct mail_part *root)
{
    uint64_t header_at = 0;

    build_byte(out, VERSION);
    put_entry(out, root, 0, &header_at, /* flat= */ true);
}

static uint64_t take_after(struct cursor *c, uint64_t before)
{
    return before + take_number(c, UINT64_MAX - before);
}

static void take_entry(struct cursor *c, const struct part_entry *before, struct part_entry *out)
{
    struct slice first = cur_take(c, 1, "flags");
    unsigned flags = first.n ? first.p[0] : 0;

    if (flags >= 2 * FLAG_CHARSET || (flags & 3) == 3)
        cur_reject(c, "flags");
    out->is_multipart = flags & FLAG_MULTIPART;
    out->is_message = flags & FLAG_MESSAGE;
    out->is_text = flags & FLAG_TEXT;
    out->encoding = (uint8_t)(flags >> 3 & 3);
    out->depth = (uint32_t)take_number(c, before ? before->depth + 1 : 0);
    if (before && out->depth == 0)
        cur_reject(c, "depth");
    out->header_at = take_after(c, before ? before->header_at : 0);
    out->body_at = take_after(c, out->header_at);
    out->end_at = take_after(c, out->body_at);
    out->decoded_size = take_number(c, UINT64_MAX);
    out->charset = slice_of("", 0);
    if (flags & FLAG_CHARSET) {
        uint64_t n = take_number(c, CHARSET_MAX);

        if (n == 0 || !out->is_text)
            cur_reject(c, "charset");
        out->charset = cur_take(c, (size_t)n, "charset");
    }
}

int parts_read(struct arena *a, struct slice rendered, struct part_entry **out, size_t *n_out,
               struct err *err)
{
    struct cursor c = cur_init(rendered);
    size_t n = 0, cap = 8;
    struct part_entry *v = ARENA_ARRAY(a, cap, struct part_entry);

    cur_byte(&c, VERSION, "version");
    do {
        if (v && n == cap) {
            struct part_entry *more = ARENA_ARRAY(a, cap * 2, struct part_entry);

            if (more)
                memcpy(more, v, n * sizeof(*v));
            v = more;
            cap *= 2;
        }
        if (!v)
            return err_set(err, ERR_NOMEM, "out of memory");
        take_entry(&c, n ? &v[n - 1] : NULL, &v[n]);
        if (++n > MAIL_PARTS_MAX + 1)
            cur_reject(&c, "count");
    } while (cur_ok(&c) && !cur_at_end(&c));
    if (!cur_ok(&c)) {
        (void)err_set(err, ERR_DAMAGED, "the stored structure of a message is damaged");
        return err_detail(err, "parts: %s at offset %zu", c.rule, c.at);
    }
    for (size_t i = 0; i < n; i++)
        v[i].charset = arena_copy(a, v[i].charset);
    if (arena_failed(a))
        return err_set(err, ERR_NOMEM, "out of memory");
    *out = v;
    *n_out = n;
    return 0;
}

/* The kth child (from 1) of an entity, or -1. */
static int child_of(const struct part_entry *v, size_t n, size_t parent, uint32_t k)
{
    for (size_t i = parent + 1; i < n && v[i].depth > v[parent].depth; i++)
        if (v[i].depth == v[parent].depth + 1 && --k == 0)
            return (int)i;
    return -1;
}

int parts_find(const struct part_entry *entries, size_t n, const uint32_t *numbers,
               size_t numbers_n)
{
    int at = n > 0 ? 0 : -1;

    for (size_t i = 0; i < numbers_n && at >= 0; i++) {
        const struct part_entry *e = &entries[at];

        if (numbers[i] == 0)
            return -1;
        /* RFC 9051 6.4.5.1: numbers within a nested message are those of its root part. */
        if (i > 0 && e->is_message) {
            at = child_of(entries, n, (size_t)at, 1);
            if (at < 0)
                return -1;
            e = &entries[at];
        } else if (i > 0 && !e->is_multipart) {
            return -1;
        }
        if (e->is_multipart)
            at = child_of(entries, n, (size_t)at, numbers[i]);
        else if (numbers[i] != 1)
            at = -1;
    }
    return at;
}
