/* Everything has its share of FACTS_MAX: what a thread needs first, then the structure, then the
 * envelope, and the text takes what is left. Where a rendering exceeds its share, the next smaller
 * of a few is tried. */
#include "edge/facts.h"

#include "base/builder.h"
#include "base/num.h"
#include "base/utf8.h"
#include "mail/render.h"

#define FACTS_MAX (20u * 1024)
#define RENDERED_MAX (12u * 1024)
#define ID_MAX 1000
#define REFERENCES_MAX 100
#define REFERENCES_OCTETS 3000
#define RECIPIENTS_MAX 100
#define RECIPIENTS_OCTETS 1500
#define ADDRESS_MAX 320 /* RFC 5321 4.5.3.1: 64 and 255 octets with the @ */
#define SUBJECT_OCTETS 500
#define PREVIEW_OCTETS 1024
#define PARTS_OCTETS 2048
#define STRUCTURE_OCTETS (4u * 1024)
#define FRAMING_OCTETS 100 /* tags and lengths of the single fields */
#define FRAMING_EACH 4     /* of an element of a list */

struct facts {
    struct arena *a;
    const struct mail_message *m;
    Gw__Facts *out;
    size_t left; /* octets that may yet be used */
};

static ProtobufCBinaryData data_of(struct slice s)
{
    /* protobuf-c has no const; nothing writes through this pointer. */
    return (ProtobufCBinaryData){.len = s.n, .data = (uint8_t *)(uintptr_t)s.p};
}

static ProtobufCBinaryData use(struct facts *f, struct slice s)
{
    f->left -= MIN(s.n, f->left);
    return data_of(s);
}

/* The built octets when they fit `max`; else nothing. Always empties the builder. */
static bool take_built(struct facts *f, struct builder *b, ProtobufCBinaryData *out)
{
    bool fits = build_ok(b);

    if (fits)
        *out = use(f, arena_copy(f->a, build_slice(b)));
    build_done(b);
    return fits;
}

static void thread_facts(struct facts *f)
{
    const struct mail_message *m = f->m;

    if (m->message_id.n <= ID_MAX)
        f->out->message_id = use(f, m->message_id);
    f->out->subject_base = use(f, utf8_cut(m->subject_base, SUBJECT_OCTETS));
    f->out->subject_is_response = m->subject_is_response;
    f->out->dsn = m->dsn;
    f->out->has_8bit = m->has_8bit;
    f->out->preview = use(f, utf8_cut(m->preview, PREVIEW_OCTETS));
    if (m->root->envelope->has_date)
        f->out->date_ns = m->root->envelope->date_s * 1000000000;
}

/* The newest references that fit, still oldest first. */
static int reference_facts(struct facts *f)
{
    const struct mail_message *m = f->m;
    ProtobufCBinaryData *v = ARENA_ARRAY(f->a, REFERENCES_MAX, ProtobufCBinaryData);
    size_t used = 0, n = 0;

    if (!v)
        return -ERR_NOMEM;
    for (size_t i = m->references_n; i-- > 0 && n < REFERENCES_MAX;) {
        size_t size = m->references[i].n + FRAMING_EACH;

        if (m->references[i].n > ID_MAX)
            continue;
        if (used + size > REFERENCES_OCTETS)
            break;
        used += size;
        v[n++] = data_of(m->references[i]);
    }
    for (size_t i = 0; i < n / 2; i++) {
        ProtobufCBinaryData other = v[i];

        v[i] = v[n - 1 - i];
        v[n - 1 - i] = other;
    }
    f->out->references = v;
    f->out->n_references = n;
    f->left -= used;
    return 0;
}

static bool is_usable(const struct mail_address *m)
{
    return m->kind == MAIL_ADDRESS_MAILBOX && m->domain.n > 0 &&
           m->localpart.n + m->domain.n < ADDRESS_MAX;
}

/* Who wrote it is told only where nobody can read it in another way (RFC 7489 6.6.1): one field,
 * with one address, and no further field that the limits made us miss. */
static void from_facts(struct facts *f)
{
    const struct mail_address_list *from = &f->m->root->envelope->from;

    if (f->m->header_cut || mail_header_count(f->m->root->header, SLICE("From")) != 1)
        return;
    if (from->n != 1 || !is_usable(&from->v[0]))
        return;
    f->out->from_localpart = use(f, from->v[0].localpart);
    f->out->from_domain = use(f, from->v[0].domain);
}

static int recipient_facts(struct facts *f)
{
    const struct mail_envelope *e = f->m->root->envelope;
    const struct mail_address_list *lists[] = {&e->to, &e->cc, &e->bcc};
    ProtobufCBinaryData *v = ARENA_ARRAY(f->a, RECIPIENTS_MAX, ProtobufCBinaryData);
    size_t n = 0, used = 0;

    if (!v)
        return -ERR_NOMEM;
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        for (size_t j = 0; j < lists[i]->n && n < RECIPIENTS_MAX; j++) {
            const struct mail_address *m = &lists[i]->v[j];
            size_t size = m->localpart.n + m->domain.n + 1 + FRAMING_EACH;

            if (!is_usable(m) || used + size > RECIPIENTS_OCTETS)
                continue;
            used += size;
            v[n++] = data_of(
                arena_printf(f->a, "%.*s@%.*s", SLICE_FMT(m->localpart), SLICE_FMT(m->domain)));
        }
    }
    f->out->recipient_addresses = v;
    f->out->n_recipient_addresses = n;
    f->left -= used;
    return 0;
}

/* Structure and parts must tell the same: when one has to be flat, both are. */
static void structure_facts(struct facts *f)
{
    static const struct render_limits sizes[] = {
        {SIZE_MAX, SIZE_MAX, false}, {10, 100, false}, {0, 100, true}, {0, 30, true}};
    const struct mail_part *root = f->m->root;

    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        struct builder structure, parts;
        ProtobufCBinaryData parts_data;
        size_t left = f->left;

        build_init(&parts, PARTS_OCTETS);
        build_init(&structure, STRUCTURE_OCTETS);
        if (sizes[i].flat)
            render_parts_flat(&parts, root);
        else
            render_parts(&parts, root);
        render_bodystructure_limited(&structure, root, &sizes[i]);
        bool fits = take_built(f, &parts, &parts_data);

        if (take_built(f, &structure, &f->out->bodystructure) && fits) {
            f->out->parts = parts_data;
            return;
        }
        f->left = left;
    }
    /* Many parameters: the type alone. */
    struct mail_part bare = *root;
    struct builder b;

    bare.params_n = bare.disposition_params_n = 0;
    bare.language = (struct slice){NULL, 0};
    build_init(&b, STRUCTURE_OCTETS);
    render_bodystructure_limited(&b, &bare, &sizes[ARRAY_SIZE(sizes) - 1]);
    (void)take_built(f, &b, &f->out->bodystructure);
    build_init(&b, PARTS_OCTETS);
    render_parts_flat(&b, root);
    (void)take_built(f, &b, &f->out->parts);
}

/* At most half of what is left, so that both forms and some text have room. */
static void envelope_fact(struct facts *f, bool utf8, ProtobufCBinaryData *out)
{
    static const struct render_limits sizes[] = {{SIZE_MAX, SIZE_MAX, false},
                                                 {100, 1000, false},
                                                 {50, 200, false},
                                                 {10, 100, false},
                                                 {1, 50, false}};

    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        struct builder b;

        build_init(&b, MIN(f->left / 2, RENDERED_MAX));
        render_envelope_limited(&b, f->m->root->envelope, utf8, &sizes[i]);
        if (take_built(f, &b, out))
            return;
    }
}

static void envelope_facts(struct facts *f)
{
    size_t left;

    envelope_fact(f, /* utf8= */ false, &f->out->envelope);
    left = f->left;
    envelope_fact(f, /* utf8= */ true, &f->out->envelope_utf8);
    if (slice_eq(slice_of(f->out->envelope.data, f->out->envelope.len),
                 slice_of(f->out->envelope_utf8.data, f->out->envelope_utf8.len))) {
        f->out->envelope_utf8 = (ProtobufCBinaryData){0, NULL};
        f->left = left;
    }
}

int facts_of_message(struct arena *a, const struct mail_message *m, Gw__Facts *out, struct err *err)
{
    struct facts f = {.a = a, .m = m, .out = out, .left = FACTS_MAX - FRAMING_OCTETS};

    thread_facts(&f);
    from_facts(&f);
    if (reference_facts(&f) < 0 || recipient_facts(&f) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    structure_facts(&f);
    envelope_facts(&f);
    out->text = use(&f, utf8_cut(m->text, MIN((size_t)MAIL_TEXT_MAX, f.left)));
    if (arena_failed(a))
        return err_set(err, ERR_NOMEM, "out of memory");
    return 0;
}
