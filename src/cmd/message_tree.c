/* A message as people look at it. Parts have the numbers by which IMAP knows them (RFC 9051
 * 6.4.5.1). */
#include "base/ascii.h"
#include "base/num.h"
#include "base/utf8.h"
#include "cmd/message_print.h"
#include "mail/compose.h"
#include "mail/header.h"

#define LINE_MAX_OCTETS 4096 /* of one foreign text */

struct printer {
    struct arena *a;
    FILE *to;
};

/* Controls of ASCII and ISO 6429, and what changes the direction of a line, become U+FFFD. */
static bool is_harmless(uint32_t code)
{
    return code >= 0x20 && (code < 0x7f || code > 0x9f) && code != 0x61c &&
           (code < 0x200e || code > 0x200f) && (code < 0x2028 || code > 0x202e) &&
           (code < 0x2066 || code > 0x2069);
}

static void put(const struct printer *p, struct slice s)
{
    struct builder b;
    struct slice rest = slice_sub(s, 0, LINE_MAX_OCTETS);

    build_init(&b, 3 * LINE_MAX_OCTETS + 1);
    while (rest.n > 0) {
        uint32_t code;
        size_t n;

        (void)utf8_decode(rest, &code, &n);
        utf8_append(&b, is_harmless(code) ? code : UTF8_REPLACEMENT);
        rest = slice_from(rest, n);
    }
    (void)fwrite(b.p ? b.p : (const uint8_t *)"", 1, b.n, p->to);
    build_done(&b);
}

static void put_line(const struct printer *p, const char *name, struct slice text)
{
    if (text.n == 0)
        return;
    (void)fprintf(p->to, "%-12s", name);
    put(p, text);
    (void)putc('\n', p->to);
}

/* As a message would have it, on one line. */
static struct slice list_text(const struct printer *p, const struct mail_address_list *list)
{
    struct mail_address *v = ARENA_ARRAY(p->a, list->n + 1, struct mail_address);

    if (!v || list->n == 0)
        return SLICE("");
    for (size_t i = 0; i < list->n; i++) {
        v[i] = list->v[i];
        v[i].name = v[i].name.p ? mail_words_decode(p->a, v[i].name) : v[i].name;
    }
    const struct mail_address_list shown = {.v = v, .n = list->n};
    struct slice field = mail_field_addresses(p->a, SLICE(":"), &shown, /* utf8= */ true);

    return mail_field_unfold(p->a, slice_trim(slice_from(field, 1)));
}

static void put_envelope(const struct printer *p, const struct mail_envelope *e)
{
    put_line(p, "From:", list_text(p, &e->from));
    put_line(p, "To:", list_text(p, &e->to));
    put_line(p, "Cc:", list_text(p, &e->cc));
    put_line(p, "Date:", e->date);
    if (e->subject.p)
        put_line(p, "Subject:", mail_words_decode(p->a, e->subject));
    put_line(p, "Message-ID:", e->message_id);
}

static void put_lower(const struct printer *p, struct slice s)
{
    uint8_t *lower = arena_alloc(p->a, s.n);

    for (size_t i = 0; lower && i < s.n; i++)
        lower[i] = ascii_lower(s.p[i]);
    put(p, slice_of(lower, lower ? s.n : 0));
}

static void put_part(const struct printer *p, const struct mail_part *part, struct slice number,
                     unsigned depth)
{
    struct slice name = mail_part_filename(p->a, part);

    (void)fprintf(p->to, "%*s%.*s%s", (int)(2 * depth), "", SLICE_FMT(number),
                  number.n > 0 ? " " : "");
    if (part->type.p) {
        put_lower(p, part->type);
        (void)putc('/', p->to);
        put_lower(p, part->subtype);
    } else {
        (void)fprintf(p->to, "text/plain (by default)");
    }
    if (part->encoding.n > 0) {
        (void)fprintf(p->to, ", ");
        put_lower(p, part->encoding);
    }
    if (part->disposition.n > 0) {
        (void)fprintf(p->to, ", ");
        put(p, part->disposition);
    }
    if (name.n > 0) {
        (void)fprintf(p->to, ", \"");
        put(p, name);
        (void)putc('"', p->to);
    }
    (void)fprintf(p->to, ": %llu octets at %llu\n",
                  (unsigned long long)(part->end_at - part->body_at),
                  (unsigned long long)part->body_at);
}

/* Recursive; the parser bounds the depth. number: of the part, "" for the message itself; that of a
 * message within a message is the one around it, and its body is part 1 when it is no multipart. */
static void put_tree(const struct printer *p, const struct mail_part *part, struct slice number,
                     unsigned depth)
{
    unsigned n = 1;

    put_part(p, part, number, depth);
    for (const struct mail_part *child = part->child; child; child = child->next, n++) {
        bool same = part->is_message && child->is_multipart;
        struct slice below =
            same ? number
                 : arena_printf(p->a, "%.*s%s%u", SLICE_FMT(number), number.n > 0 ? "." : "", n);

        put_tree(p, child, below, depth + 1);
    }
}

static void put_faults(const struct printer *p, const struct mail_message *m)
{
    (void)fprintf(p->to, "\n%s\n", m->faults_n > 0 ? "Forgiven:" : "No faults.");
    for (size_t i = 0; i < m->faults_n; i++) {
        const struct mail_fault *f = &m->faults[i];

        (void)fprintf(p->to, "  %s%s", mail_fault_text(f->kind), f->strict ? " (strict)" : "");
        for (size_t j = 0; j < MIN(f->n, (uint64_t)MAIL_FAULT_OFFSETS); j++)
            (void)fprintf(p->to, "%s%llu", j ? ", " : ", at ", (unsigned long long)f->at[j]);
        if (f->n > MAIL_FAULT_OFFSETS)
            (void)fprintf(p->to, ", … (%llu)", (unsigned long long)f->n);
        (void)putc('\n', p->to);
    }
}

int message_print_tree(struct arena *a, const struct mail_message *m, FILE *to)
{
    const struct printer p = {a, to};

    put_envelope(&p, m->root->envelope);
    (void)fprintf(to, "Size:       %llu octets\n\n", (unsigned long long)m->size);
    put_tree(&p, m->root, m->root->is_multipart ? SLICE("") : SLICE("1"), 0);
    put_faults(&p, m);
    return ferror(to) ? -1 : 0;
}
