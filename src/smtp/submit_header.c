#include "smtp/submit_header.h"

#include "base/ascii.h"
#include "base/num.h"
#include "rpc/call.h"

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

static bool has_key(const Gw__Extras *v, struct slice key)
{
    for (size_t i = 0; i < v->n_fields; i++)
        if (slice_eq(rpc_slice(v->fields[i]->key), key))
            return true;
    return false;
}

static Gw__Extras *new_extras(struct arena *a)
{
    Gw__Extras *v = ARENA_NEW(a, Gw__Extras);

    if (v == NULL)
        return NULL;
    gw__extras__init(v);
    v->fields = ARENA_ARRAY(a, SMTP_EXTRA_MAX, Gw__Extra *);
    return v->fields != NULL ? v : NULL;
}

struct smtp_reply smtp_extras_read(struct arena *a, const struct mail_header *h, Gw__Extras **out)
{
    const struct slice prefix = SLICE(SMTP_EXTRA_PREFIX);
    Gw__Extras *v = NULL;
    size_t octets = 0;

    for (size_t i = 0; i < h->n; i++) {
        if (!slice_starts_nocase(h->fields[i].name, prefix))
            continue;
        struct slice key = canonical_key(a, slice_from(h->fields[i].name, prefix.n));
        struct slice value = mail_field_unfold(a, h->fields[i].body);
        Gw__Extra *one = ARENA_NEW(a, Gw__Extra);

        v = v != NULL ? v : new_extras(a);
        octets += key.n + value.n;
        if (v == NULL || arena_failed(a))
            return SMTP_REPLY(451, "4.3.0", "out of memory, try again later");
        if (v->n_fields == SMTP_EXTRA_MAX || octets > SMTP_EXTRA_OCTETS_MAX)
            return SMTP_REPLY(554, "5.6.0", "too many " SMTP_EXTRA_PREFIX " fields");
        if (key.n == 0 || has_key(v, key))
            return SMTP_REPLY(554, "5.6.0", "a " SMTP_EXTRA_PREFIX " field comes twice");
        gw__extra__init(one);
        one->key = rpc_bytes(key);
        one->value = rpc_bytes(value);
        v->fields[v->n_fields++] = one;
    }
    *out = v;
    return OK;
}

bool smtp_tls_optional(const struct mail_header *h)
{
    const struct slice name = SLICE("TLS-Required");
    const struct mail_field *field;
    size_t n = 0;

    while ((field = mail_header_find(h, name, n)) != NULL) {
        if (!slice_eq_nocase(slice_trim(field->body), SLICE("no")))
            return false;
        n++;
    }
    return n > 0;
}
