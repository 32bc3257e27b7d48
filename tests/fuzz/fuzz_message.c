/* fuzz: dep_mail
 * A message parsed whole and in octets gives the same; every rendering can be read back. */
#include <stdlib.h>

#include "base/num.h"
#include "mail/message.h"
#include "mail/render.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void describe_faults(struct builder *out, const struct mail_message *m)
{
    for (size_t i = 0; i < m->faults_n; i++) {
        const struct mail_fault *f = &m->faults[i];

        build_printf(out, "%s %d %llu", mail_fault_name(f->kind), f->strict,
                     (unsigned long long)f->n);
        for (size_t j = 0; j < MIN(f->n, (uint64_t)MAIL_FAULT_OFFSETS); j++) {
            if (f->at[j] > m->size)
                abort();
            build_printf(out, ",%llu", (unsigned long long)f->at[j]);
        }
    }
    /* Somebody who submits it is told of a fault, or known. */
    if (!m->strict && !m->author)
        abort();
}

static void describe(struct builder *out, struct slice in, size_t chunk)
{
    struct arena a;
    struct err err;
    struct part_entry *v;
    size_t n;

    arena_init(&a, MAIL_ARENA_MAX);
    struct mail_parser *p = mail_parser_new(&a, &err);

    if (!p)
        abort();
    for (size_t at = 0; at < in.n; at += chunk)
        mail_parser_feed(p, slice_sub(in, at, chunk));
    const struct mail_message *m = mail_parser_finish(p);

    if (!m || m->size != in.n || m->text.n > MAIL_TEXT_MAX)
        abort();
    describe_faults(out, m);
    size_t parts_at = out->n;

    render_parts(out, m->root);
    if (parts_read(&a, slice_from(build_slice(out), parts_at), &v, &n, &err) < 0 || n == 0 ||
        v[0].end_at != in.n)
        abort();
    for (size_t i = 0; i < n; i++)
        if (v[i].end_at > in.n)
            abort();
    render_envelope(out, m->root->envelope, false);
    render_envelope(out, m->root->envelope, true);
    size_t structure_at = out->n;

    render_bodystructure(out, m->root);
    struct builder body;

    build_init(&body, 64u << 20);
    render_body_of_structure(&body, slice_from(build_slice(out), structure_at));
    if (body.n >= out->n - structure_at)
        abort();
    build_bytes(out, build_slice(&body));
    build_done(&body);
    build_bytes(out, m->text);
    build_bytes(out, m->preview);
    build_bytes(out, m->message_id);
    build_bytes(out, m->subject_base);
    build_printf(out, "%d %d %d %zu", m->has_8bit, m->header_8bit, m->has_body_separator,
                 m->references_n);
    arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t chunks[] = {1, 3, 64};
    struct slice in = slice_of(data, size);
    struct builder whole, cut;

    build_init(&whole, 128u << 20);
    build_init(&cut, 128u << 20);
    describe(&whole, in, size ? size : 1);
    for (size_t i = 0; i < ARRAY_SIZE(chunks); i++) {
        build_reset(&cut);
        describe(&cut, in, chunks[i]);
        if (!slice_eq(build_slice(&whole), build_slice(&cut)))
            abort();
    }
    build_done(&whole);
    build_done(&cut);
    return 0;
}
