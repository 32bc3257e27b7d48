#include "smtp/submit_header.h"

#include "base/ascii.h"
#include "base/num.h"

#define OK ((struct smtp_reply){0})

static bool is_token(int byte)
{
    return ascii_is_graph(byte) && strchr("()<>@,;:\\\"/[]?=", byte) == NULL;
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
