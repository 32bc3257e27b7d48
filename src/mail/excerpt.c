/* The text of a message for search: some words of its header, then its text parts. Of each part
 * only a beginning is collected undecoded, and converted when the part ends. */
#include "base/num.h"
#include "base/utf8.h"
#include "mail/parser_private.h"

size_t excerpt_room(const struct mail_parser *p, const struct mail_part *part)
{
    if (p->text.n >= p->text.max)
        return 0;
    size_t room = p->text.max - p->text.n;
    bool html = slice_eq(part->subtype, SLICE("HTML"));
    size_t want = html ? EXCERPT_MAX : p->count.encoding == PART_IDENTITY ? room : room * 3;

    return MIN(MIN(want, (size_t)EXCERPT_MAX), p->excerpts_left);
}

void excerpt_take(struct mail_parser *p, const struct mail_part *part, bool hidden)
{
    struct slice charset = params_find(part->params, part->params_n, SLICE("charset"));
    bool html = slice_eq(part->subtype, SLICE("HTML"));
    size_t from = p->text.n;
    struct slice octets = build_slice(&p->excerpt);

    build_reset(&p->raw);
    build_reset(&p->utf8);
    if (p->count.encoding == PART_BASE64 || p->count.encoding == PART_QUOTED_PRINTABLE) {
        (void)mail_decode_transfer(&p->raw, p->count.encoding, octets);
        octets = build_slice(&p->raw);
    }
    if (html) {
        (void)mail_decode_charset(&p->utf8, charset, octets);
        mail_html_text(&p->text, build_slice(&p->utf8));
    } else {
        (void)mail_decode_charset(&p->text, charset, octets);
        if (p->text.n > from && p->text.p[p->text.n - 1] != '\n' && p->text.n < p->text.max)
            build_byte(&p->text, '\n');
    }
    bool shown = !hidden && !slice_eq(part->disposition, SLICE("attachment")) &&
                 (html || !part->type.p || slice_eq(part->subtype, SLICE("PLAIN")));

    if (shown && p->m->preview.n == 0)
        p->m->preview = preview_of_text(
            p->a, utf8_cut(slice_from(build_slice(&p->text), from), PREVIEW_TEXT_MAX));
}

static void text_append(struct builder *text, struct slice s)
{
    build_bytes(text, utf8_cut(s, text->max - text->n));
    if (text->n < text->max)
        build_byte(text, '\n');
}

void excerpt_header(struct mail_parser *p, const struct mail_header *h)
{
    static const struct slice names[] = {SLICE_INIT("From"), SLICE_INIT("To"), SLICE_INIT("Cc"),
                                         SLICE_INIT("Subject")};

    for (size_t i = 0; i < h->n; i++) {
        const struct mail_field *f = &h->fields[i];

        for (size_t j = 0; j < ARRAY_SIZE(names); j++)
            if (p->text.n < p->text.max && f->name.n == names[j].n &&
                slice_eq_nocase(f->name, names[j]))
                text_append(&p->text, mail_words_decode(p->a, f->body));
    }
    p->m->received_n = (unsigned)mail_header_count(h, SLICE("Received"));
}
