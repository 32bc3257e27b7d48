#include "mail/auth_results.h"

#include <string.h>

#include "base/ascii.h"
#include "mail/message_private.h"

/* RFC 2045 5.1, with the octets above 0x7f of RFC 6532. */
static bool is_token_octet(uint8_t byte)
{
    return byte > 0x7f || (ascii_is_graph(byte) && strchr("()<>@,;:\\\"/[]?=", byte) == NULL);
}

static bool is_token(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_token_octet(s.p[i]))
            return false;
    return s.n > 0;
}

/* RFC 5322 3.2.2: ccontent. */
static struct slice comment(struct arena *a, struct slice s)
{
    return text_enclose(a, '(', s, ')', "()\\");
}

static struct slice value(struct arena *a, struct slice s)
{
    return is_token(s) ? s : text_enclose(a, '"', s, '"', "\"\\");
}

/* What is foreign in it was read by a grammar of addresses; this makes sure. */
static struct slice address(struct arena *a, struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < ' ' || s.p[i] == 0x7f)
            return value(a, s);
    return s.n > 0 ? s : value(a, s);
}

static void put_property(struct fold *f, struct arena *a, const struct auth_property *p)
{
    struct slice v = p->is_address ? address(a, p->value) : value(a, p->value);

    fold_word(f, arena_printf(a, "%s.%s=%.*s", p->type, p->property, SLICE_FMT(v)));
    if (p->comment.n > 0)
        fold_word(f, comment(a, p->comment));
}

static void put_method(struct fold *f, struct arena *a, const struct auth_method *m)
{
    fold_line(f);
    fold_word(f, arena_printf(a, "%s=%s", m->method, m->result));
    if (m->comment.n > 0 && (m->reason.n > 0 || m->properties_n > 0))
        fold_word(f, comment(a, m->comment));
    if (m->reason.n > 0) {
        struct slice reason = value(a, m->reason);

        fold_word(f, arena_printf(a, "reason=%.*s", SLICE_FMT(reason)));
    }
    for (size_t i = 0; i < m->properties_n; i++)
        put_property(f, a, &m->properties[i]);
}

struct slice mail_auth_results(struct arena *a, const struct auth_name *host,
                               const struct auth_method *v, size_t n)
{
    struct fold f;

    fold_init(&f, SLICE("Authentication-Results:"));
    if (host->unicode.n > 0)
        fold_word(&f, comment(a, host->ascii));
    fold_word(&f, value(a, host->unicode.n > 0 ? host->unicode : host->ascii));
    fold_more(&f, SLICE(";"));
    if (n == 0)
        fold_word(&f, SLICE("none"));
    for (size_t i = 0; i < n; i++) {
        put_method(&f, a, &v[i]);
        if (i + 1 < n)
            fold_more(&f, SLICE(";"));
    }
    return fold_end(&f, a);
}
