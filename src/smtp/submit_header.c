#include "smtp/submit_header.h"

#include "base/ascii.h"
#include "base/cursor.h"
#include "base/num.h"

#define HEADER_LINE_MAX 1000 /* RFC 5322 2.1.1, with CRLF */

#define OK ((struct smtp_reply){0})

static bool lines_too_long(struct slice field)
{
    while (field.n > 0) {
        size_t lf = slice_find_byte(field, '\n');
        size_t n = lf == SIZE_MAX ? field.n : lf + 1;

        if (n > HEADER_LINE_MAX)
            return true;
        field = slice_from(field, n);
    }
    return false;
}

static bool is_token(int byte)
{
    return ascii_is_graph(byte) && strchr("()<>@,;:\\\"/[]?=", byte) == NULL;
}

/* RFC 2045 5.1: begins with type "/" subtype. */
static bool content_type_valid(struct slice body)
{
    struct cursor c = cur_init(slice_trim(body));

    (void)cur_span(&c, is_token, 1, "type");
    cur_byte(&c, '/', "slash");
    (void)cur_span(&c, is_token, 1, "subtype");
    return cur_ok(&c);
}

/* RFC 2046 5.1.1: the parser takes a multipart for one only when it has a boundary. */
static struct smtp_reply check_content_type(const struct mail_part *root)
{
    const struct mail_field *type = mail_header_find(root->header, SLICE("Content-Type"), 0);

    if (type == NULL)
        return OK;
    if (!content_type_valid(type->body) ||
        mail_header_count(root->header, SLICE("Content-Type")) > 1)
        return SMTP_REPLY(550, "5.6.0", "the Content-Type field is malformed");
    if (slice_eq(root->type, SLICE("MULTIPART")) && !root->is_multipart)
        return SMTP_REPLY(550, "5.6.0", "a multipart without a boundary");
    return OK;
}

static struct smtp_reply check_from(const struct mail_part *root)
{
    const struct mail_address_list *from = root->envelope != NULL ? &root->envelope->from : NULL;

    if (from == NULL || mail_header_count(root->header, SLICE("From")) != 1)
        return SMTP_REPLY(550, "5.6.0", "there must be exactly one From field");
    if (from->n != 1 || from->v[0].kind != MAIL_ADDRESS_MAILBOX || from->v[0].domain.n == 0)
        return SMTP_REPLY(550, "5.6.0", "there must be exactly one address in From");
    return OK;
}

struct smtp_reply smtp_header_check(const struct mail_message *m)
{
    const struct mail_header *h = m->root->header;
    const uint64_t separator = 2; /* CRLF */
    uint64_t in_fields = 0;
    struct smtp_reply reply;

    for (size_t i = 0; i < h->n; i++) {
        in_fields += h->fields[i].raw.n;
        if (lines_too_long(h->fields[i].raw))
            return SMTP_REPLY(550, "5.6.0", "a header line is longer than 998 octets");
    }
    if (m->header_cut)
        return SMTP_REPLY(550, "5.6.0", "the header is too large");
    /* Lines that are no field are not among the fields. */
    if (in_fields + separator != m->root->body_at)
        return SMTP_REPLY(550, "5.6.0", "a line of the header is no field");
    reply = check_content_type(m->root);
    return reply.code == 0 ? check_from(m->root) : reply;
}

/* As in "Content-Type"; a name with octets that no field should have stays as it is. */
static struct slice canonical_key(struct arena *a, struct slice name)
{
    uint8_t *p = arena_alloc(a, name.n);
    bool first = true;

    for (size_t i = 0; i < name.n; i++)
        if (!is_token(name.p[i]))
            return name;
    for (size_t i = 0; p != NULL && i < name.n; i++) {
        p[i] = (uint8_t)(first ? ascii_upper(name.p[i]) : ascii_lower(name.p[i]));
        first = name.p[i] == '-';
    }
    return slice_of(p, p != NULL ? name.n : 0);
}

static bool has_key(const struct smtp_extra *v, size_t n, struct slice key)
{
    for (size_t i = 0; i < n; i++)
        if (slice_eq(v[i].key, key))
            return true;
    return false;
}

struct smtp_reply smtp_extra_read(struct arena *a, const struct mail_header *h,
                                  struct smtp_extra **v_out, size_t *n_out)
{
    const struct slice prefix = SLICE(SMTP_EXTRA_PREFIX);
    struct smtp_extra *v = NULL;
    size_t n = 0, octets = 0;

    for (size_t i = 0; i < h->n; i++) {
        const struct mail_field *field = &h->fields[i];
        struct smtp_extra one;

        if (!slice_starts_nocase(field->name, prefix))
            continue;
        v = v != NULL ? v : ARENA_ARRAY(a, SMTP_EXTRA_MAX, struct smtp_extra);
        one.key = canonical_key(a, slice_from(field->name, prefix.n));
        one.value = mail_field_unfold(a, field->body);
        octets += one.key.n + one.value.n;
        if (v == NULL || arena_failed(a))
            return SMTP_REPLY(451, "4.3.0", "out of memory, try again later");
        if (n == SMTP_EXTRA_MAX || octets > SMTP_EXTRA_OCTETS_MAX)
            return SMTP_REPLY(554, "5.6.0", "too many " SMTP_EXTRA_PREFIX " fields");
        if (one.key.n == 0 || has_key(v, n, one.key))
            return SMTP_REPLY(554, "5.6.0", "a " SMTP_EXTRA_PREFIX " field comes twice");
        v[n++] = one;
    }
    *v_out = v;
    *n_out = n;
    return OK;
}
