#include "smtp/received.h"

#include "base/clock.h"

#define COLUMNS 78

struct folder {
    uint8_t *p;
    size_t n;
    size_t max;
    size_t column;
};

static void put(struct folder *f, struct slice s)
{
    if (s.n > f->max - f->n)
        s.n = f->max - f->n;
    if (s.n == 0)
        return;
    memcpy(f->p + f->n, s.p, s.n);
    f->n += s.n;
    f->column += s.n;
}

/* A word behind a space, or on a new line when it does not fit any more. */
static void word(struct folder *f, struct slice s)
{
    if (f->column + 1 + s.n > COLUMNS) {
        put(f, SLICE("\r\n\t"));
        f->column = 8;
    } else {
        put(f, SLICE(" "));
    }
    put(f, s);
}

/* RFC 3848: the suffixes belong to ESMTP only. */
static struct slice with_clause(const struct smtp_trace *t)
{
    if (!t->extended)
        return SLICE("SMTP");
    if (t->authenticated)
        return t->tls_version ? SLICE("ESMTPSA") : SLICE("ESMTPA");
    return t->tls_version ? SLICE("ESMTPS") : SLICE("ESMTP");
}

/* RFC 5321 4.4, TCP-info: an address literal. */
static struct slice tcp_info(struct arena *a, struct slice ip)
{
    const char *tag = slice_find_byte(ip, ':') != SIZE_MAX ? "IPv6:" : "";

    return arena_printf(a, "([%s%.*s])", tag, SLICE_FMT(ip));
}

static struct slice date_text(struct arena *a, int64_t unix_s)
{
    struct clock_utc t = clock_utc_of(unix_s);

    return arena_printf(a, "%d %s %d %02d:%02d:%02d +0000", t.day, clock_month_name(t.month),
                        t.year, t.hour, t.minute, t.second);
}

struct slice smtp_received(struct arena *a, const struct smtp_trace *t)
{
    size_t max =
        1024 + t->from.n + t->from_ip.n + 2 * t->by.n + t->by_ip.n + t->id.n + t->recipient.n;
    struct folder f = {.p = arena_alloc(a, max), .max = max};

    if (f.p == NULL)
        return (struct slice){NULL, 0};
    put(&f, SLICE("Received: from "));
    put(&f, t->from);
    if (t->from_ip.n > 0)
        word(&f, tcp_info(a, t->from_ip));
    word(&f, SLICE("by"));
    word(&f, t->by);
    word(&f, tcp_info(a, t->by_ip));
    word(&f, SLICE("via tcp with"));
    word(&f, with_clause(t));
    word(&f, SLICE("id"));
    bool semicolon_later = t->recipient.n > 0 || t->tls_version;

    word(&f, semicolon_later ? t->id : arena_printf(a, "%.*s;", SLICE_FMT(t->id)));
    if (t->tls_version)
        word(&f, arena_printf(a, "(%s %s)%s", t->tls_version, t->tls_cipher,
                              t->recipient.n > 0 ? "" : ";"));
    if (t->recipient.n > 0) {
        word(&f, SLICE("for"));
        word(&f, arena_printf(a, "<%.*s>;", SLICE_FMT(t->recipient)));
    }
    word(&f, date_text(a, t->unix_s));
    put(&f, SLICE("\r\n"));
    return slice_of(f.p, f.n);
}
