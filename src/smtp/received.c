#include "smtp/received.h"

#include "base/clock.h"
#include "mail/fold.h"

/* RFC 3848, RFC 6531 4.3: the suffixes belong to ESMTP and UTF8SMTP; SMTP has none. */
static struct slice with_clause(struct arena *a, const struct smtp_trace *t)
{
    if (!t->extended)
        return SLICE("SMTP");
    return arena_printf(a, "%s%s%s", t->smtputf8 ? "UTF8SMTP" : "ESMTP", t->tls_version ? "S" : "",
                        t->authenticated ? "A" : "");
}

/* "[192.0.2.1])", RFC 5321 4.1.3. */
static struct slice literal(struct arena *a, const char *before, struct slice ip)
{
    const char *tag = slice_find_byte(ip, ':') != SIZE_MAX ? "IPv6:" : "";

    return arena_printf(a, "%s[%s%.*s])", before, tag, SLICE_FMT(ip));
}

static void put_name(struct fold *f, const struct auth_name *name)
{
    fold_word(f, name->unicode.n > 0 ? name->unicode : name->ascii);
}

/* RFC 5321 4.4, TCP-info; behind it the name that DNS knows. */
static void put_tcp_info(struct fold *f, struct arena *a, const struct auth_name *name,
                         struct slice reverse, struct slice ip)
{
    if (reverse.n > 0 && !slice_eq_nocase(reverse, name->ascii)) {
        fold_word(f, arena_printf(a, "(%.*s", SLICE_FMT(reverse)));
        fold_word(f, literal(a, "", ip));
    } else {
        fold_word(f, literal(a, "(", ip));
    }
}

static void put_ascii(struct fold *f, struct arena *a, const struct auth_name *name)
{
    if (name->unicode.n > 0)
        fold_word(f, arena_printf(a, "(%.*s)", SLICE_FMT(name->ascii)));
}

static struct slice date_text(struct arena *a, int64_t unix_s)
{
    struct clock_utc t = clock_utc_of(unix_s);

    return arena_printf(a, "%d %s %d %02d:%02d:%02d +0000", t.day, clock_month_name(t.month),
                        t.year, t.hour, t.minute, t.second);
}

struct slice smtp_received(struct arena *a, const struct smtp_trace *t)
{
    const struct slice none = {NULL, 0};
    struct fold f;

    fold_init(&f, SLICE("Received:"));
    fold_word(&f, SLICE("from"));
    put_name(&f, &t->from);
    if (t->from_ip.n > 0)
        put_tcp_info(&f, a, &t->from, t->reverse, t->from_ip);
    put_ascii(&f, a, &t->from);
    fold_word(&f, SLICE("by"));
    put_name(&f, &t->by);
    put_tcp_info(&f, a, &t->by, none, t->by_ip);
    put_ascii(&f, a, &t->by);
    fold_word(&f, SLICE("via tcp with"));
    fold_word(&f, with_clause(a, t));
    if (t->require_tls)
        fold_word(&f, SLICE("(requiretls)"));
    fold_word(&f, SLICE("id"));
    fold_word(&f, t->id);
    if (t->tls_version)
        fold_word(&f, arena_printf(a, "(%s %s)", t->tls_version, t->tls_cipher));
    if (t->recipient.n > 0) {
        fold_word(&f, SLICE("for"));
        fold_word(&f, arena_printf(a, "<%.*s>", SLICE_FMT(t->recipient)));
    }
    fold_more(&f, SLICE(";"));
    fold_word(&f, date_text(a, t->unix_s));
    return fold_end(&f, a);
}
