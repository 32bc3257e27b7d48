#include "smtp/reply.h"

#include <stdio.h>

#include "base/builder.h"
#include "base/num.h"

#define BREAK_AT 400 /* long lines are broken at the last space behind this, else here */

struct writer {
    uint8_t *p;
    size_t n;
    char prefix[16];
    size_t prefix_n;
};

/* Prefix with '-' for all lines; the last one is turned into ' ' at the end. */
static void put_line(struct writer *w, struct slice line)
{
    memcpy(w->p + w->n, w->prefix, w->prefix_n);
    w->n += w->prefix_n;
    for (size_t i = 0; i < line.n; i++)
        w->p[w->n++] = line.p[i] >= 0x20 && line.p[i] <= 0x7e ? line.p[i] : '?';
    w->p[w->n++] = '\r';
    w->p[w->n++] = '\n';
}

static size_t break_point(struct slice line, size_t room)
{
    for (size_t i = room; i > BREAK_AT; i--)
        if (slice_at(line, i) == ' ')
            return i;
    return BREAK_AT;
}

/* Returns where the last line begins. */
static size_t put_folded(struct writer *w, struct slice line)
{
    size_t room = SMTP_REPLY_LINE_MAX - w->prefix_n;

    while (line.n > room) {
        size_t at = break_point(line, room);

        put_line(w, slice_sub(line, 0, at));
        line = slice_from(line, slice_at(line, at) == ' ' ? at + 1 : at);
    }
    size_t start = w->n;

    put_line(w, line);
    return start;
}

static size_t size_bound(struct slice text, size_t id_n)
{
    size_t lines = (text.n + id_n) / (BREAK_AT / 2) + 2;

    for (size_t i = 0; i < text.n; i++)
        lines += text.p[i] == '\n' ? 1 : 0;
    return text.n + id_n + 3 + lines * (sizeof(((struct writer *)0)->prefix) + 2);
}

struct slice smtp_reply_encode(struct arena *a, const struct smtp_reply *reply, struct slice id)
{
    struct writer w = {.p = arena_alloc(a, size_bound(reply->text, id.n))};
    struct slice text = reply->text;
    size_t last = 0;

    if (w.p == NULL)
        return (struct slice){NULL, 0};
    int n = snprintf(w.prefix, sizeof(w.prefix), "%03u-%s%s", reply->code % 1000,
                     reply->ecode ? reply->ecode : "", reply->ecode ? " " : "");

    w.prefix_n = MIN((size_t)MAX(n, 0), sizeof(w.prefix) - 1);
    for (size_t lf = slice_find_byte(text, '\n'); lf != SIZE_MAX;
         lf = slice_find_byte(text, '\n')) {
        (void)put_folded(&w, slice_sub(text, 0, lf));
        text = slice_from(text, lf + 1);
    }
    if (id.n > 0)
        text = arena_printf(a, "%.*s (%.*s)", SLICE_FMT(text), SLICE_FMT(id));
    last = put_folded(&w, text);
    w.p[last + 3] = ' ';
    return slice_of(w.p, w.n);
}

static bool is_failure(const struct smtp_reply *r)
{
    return r->code >= 400;
}

static bool same_codes(const struct smtp_reply *a, const struct smtp_reply *b)
{
    return a->code == b->code && strcmp(a->ecode, b->ecode) == 0;
}

/* The different texts of the failures, a line each. */
static struct slice failure_texts(struct arena *a, const struct smtp_reply *v,
                                  const struct slice *recipients, size_t n, bool with_codes)
{
    struct slice text = {NULL, 0}, before = {NULL, 0};

    for (size_t i = 0; i < n; i++) {
        struct slice line = v[i].text;

        if (!is_failure(&v[i]))
            continue;
        if (with_codes)
            line = arena_printf(a, "<%.*s>: %u %s %.*s", SLICE_FMT(recipients[i]), v[i].code,
                                v[i].ecode, SLICE_FMT(v[i].text));
        else if (before.p != NULL && slice_eq(line, before))
            continue;
        before = line;
        text = text.n == 0 ? line : arena_printf(a, "%.*s\n%.*s", SLICE_FMT(text), SLICE_FMT(line));
        if (text.n > 3000) /* a reply is no report: the rest is in the log */
            break;
    }
    return text;
}

struct smtp_reply smtp_reply_combine(struct arena *a, const struct smtp_reply *v,
                                     const struct slice *recipients, size_t n)
{
    const struct smtp_reply *failed = NULL;
    size_t failures = 0;
    bool same = true, temporary = false;

    for (size_t i = 0; i < n; i++) {
        if (!is_failure(&v[i]))
            continue;
        failures++;
        temporary = temporary || v[i].code < 500;
        same = same && (failed == NULL || same_codes(failed, &v[i]));
        failed = failed ? failed : &v[i];
    }
    if (failed == NULL)
        return v[0];
    if (failures == n && same)
        return (struct smtp_reply){failed->code, failed->ecode,
                                   failure_texts(a, v, recipients, n, false)};
    struct slice texts = failure_texts(a, v, recipients, n, true);
    const char *summary = failures == n ? "no recipient received the message"
                                        : "the other recipients have the message";

    return (struct smtp_reply){temporary ? 451 : 554, temporary ? "4.3.0" : "5.3.0",
                               arena_printf(a, "%.*s\n%s", SLICE_FMT(texts), summary)};
}
