/* Writing is recursive over the part tree, whose depth the parser bounds (MAIL_DEPTH_MAX). */
#include "mail/render.h"

#include "base/ascii.h"
#include "base/cursor.h"
#include "base/num.h"
#include "base/utf8.h"
#include "mail/message_private.h"

#define SCRATCH_ARENA_MAX (4u * 1024 * 1024)

static const struct render_limits unlimited = {SIZE_MAX, SIZE_MAX, false};

/* What a rendering carries along. */
struct render {
    struct builder *out;
    const struct render_limits *limits;
    struct arena scratch; /* of decoded words, one at a time */
    bool utf8;
};

/* ---- strings ---- */

static bool fits_quotes(struct slice s, bool utf8)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == 0 || (s.p[i] >= 0x80 && !utf8))
            return false;
    return true;
}

static void quoted(struct builder *out, struct slice s)
{
    build_byte(out, '"');
    while (s.n > 0) {
        size_t n = 0;

        while (n < s.n && s.p[n] != '"' && s.p[n] != '\\')
            n++;
        build_bytes(out, slice_sub(s, 0, n));
        if (n < s.n) {
            build_byte(out, '\\');
            build_byte(out, s.p[n++]);
        }
        s = slice_from(s, n);
    }
    build_byte(out, '"');
}

static void literal(struct builder *out, struct slice s)
{
    build_byte(out, '{');
    build_number(out, s.n);
    build_text(out, "}\r\n");
    for (size_t i = 0; i < s.n; i++)
        build_byte(out, s.p[i] ? s.p[i] : '?');
}

void render_string(struct builder *out, struct slice s, bool utf8)
{
    struct builder clean;

    if (!s.p) {
        build_text(out, "NIL");
        return;
    }
    build_init(&clean, SIZE_MAX / 2);
    if (utf8 && !mail_text_is_utf8(s)) {
        utf8_append_clean(&clean, s);
        s = build_slice(&clean);
        if (!build_ok(&clean))
            out->failed = true;
    }
    if (fits_quotes(s, utf8))
        quoted(out, s);
    else
        literal(out, s);
    build_done(&clean);
}

static void string(struct render *r, struct slice s)
{
    if (s.n > r->limits->octets)
        s = utf8_cut(s, r->limits->octets);
    render_string(r->out, s, r->utf8);
}

/* Header text: with its words decoded, or as written. */
static void words(struct render *r, struct slice s)
{
    if (r->utf8 && s.p) {
        s = mail_words_decode(&r->scratch, s);
        if (!s.p)
            s = SLICE("");
    }
    string(r, s);
    arena_reset(&r->scratch);
}

static void space(struct render *r)
{
    build_byte(r->out, ' ');
}

/* ---- ENVELOPE ---- */

static struct slice or_absent(struct slice s)
{
    return s.n > 0 ? s : slice_of(NULL, 0);
}

static struct slice present(struct slice s)
{
    return s.p ? s : SLICE("");
}

/* RFC 9051 7.5.2: a group starts with its name in place of the mailbox and no host, and ends with
 * neither. */
static void address(struct render *r, const struct mail_address *m)
{
    build_byte(r->out, '(');
    if (m->kind == MAIL_ADDRESS_GROUP_END) {
        build_text(r->out, "NIL NIL NIL NIL");
    } else if (m->kind == MAIL_ADDRESS_GROUP_START) {
        build_text(r->out, "NIL NIL ");
        words(r, present(m->name));
        build_text(r->out, " NIL");
    } else {
        words(r, or_absent(m->name));
        build_text(r->out, " NIL ");
        string(r, present(m->localpart));
        space(r);
        string(r, present(m->domain));
    }
    build_byte(r->out, ')');
}

static void addresses(struct render *r, const struct mail_address_list *list)
{
    size_t n = MIN(list->n, r->limits->addresses);

    space(r);
    if (n == 0) {
        build_text(r->out, "NIL");
        return;
    }
    build_byte(r->out, '(');
    for (size_t i = 0; i < n; i++)
        address(r, &list->v[i]);
    /* A group that the limit cut is closed. */
    bool open = false;

    for (size_t i = 0; i < n; i++)
        if (list->v[i].kind != MAIL_ADDRESS_MAILBOX)
            open = list->v[i].kind == MAIL_ADDRESS_GROUP_START;
    if (open)
        build_text(r->out, "(NIL NIL NIL NIL)");
    build_byte(r->out, ')');
}

static void envelope(struct render *r, const struct mail_envelope *e)
{
    build_byte(r->out, '(');
    string(r, e->date);
    space(r);
    words(r, e->subject);
    addresses(r, &e->from);
    /* RFC 9051 7.5.2: missing Sender and Reply-To are those of From. */
    addresses(r, e->sender.n > 0 ? &e->sender : &e->from);
    addresses(r, e->reply_to.n > 0 ? &e->reply_to : &e->from);
    addresses(r, &e->to);
    addresses(r, &e->cc);
    addresses(r, &e->bcc);
    space(r);
    string(r, e->in_reply_to);
    space(r);
    string(r, e->message_id);
    build_byte(r->out, ')');
}

void render_envelope_limited(struct builder *out, const struct mail_envelope *e, bool utf8,
                             const struct render_limits *limits)
{
    struct render r = {.out = out, .limits = limits, .utf8 = utf8};

    arena_init(&r.scratch, SCRATCH_ARENA_MAX);
    envelope(&r, e);
    arena_done(&r.scratch);
}

void render_envelope(struct builder *out, const struct mail_envelope *e, bool utf8)
{
    render_envelope_limited(out, e, utf8, &unlimited);
}

/* ---- BODYSTRUCTURE ---- */

static void number(struct render *r, uint64_t n)
{
    space(r);
    build_number(r->out, MIN(n, (uint64_t)UINT32_MAX));
}

/* Names of parameters of the type are written in upper case, as other servers do. */
static void param_name(struct render *r, struct slice name, bool upper)
{
    uint8_t *p = upper ? arena_alloc(&r->scratch, name.n) : NULL;

    for (size_t i = 0; p && i < name.n; i++)
        p[i] = ascii_upper(name.p[i]);
    string(r, p ? slice_of(p, name.n) : name);
    arena_reset(&r->scratch);
}

static void params(struct render *r, const struct mail_param *v, size_t n, bool upper)
{
    space(r);
    if (n == 0) {
        build_text(r->out, "NIL");
        return;
    }
    build_byte(r->out, '(');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            space(r);
        param_name(r, v[i].name, upper);
        space(r);
        string(r, present(v[i].value));
    }
    build_byte(r->out, ')');
}

/* RFC 3282: "en, de" is a list of tags. */
static void language(struct render *r, struct slice s)
{
    bool first = true;

    space(r);
    while (s.n > 0) {
        size_t comma = slice_find_byte(s, ',');
        struct slice tag = slice_trim(slice_sub(s, 0, comma));

        s = slice_from(s, comma == SIZE_MAX ? s.n : comma + 1);
        if (tag.n == 0)
            continue;
        build_byte(r->out, first ? '(' : ' ');
        string(r, tag);
        first = false;
    }
    build_text(r->out, first ? "NIL" : ")");
}

/* Disposition, language and location, which end every entity. */
static void extension(struct render *r, const struct mail_part *p)
{
    space(r);
    if (p->disposition.p) {
        build_byte(r->out, '(');
        string(r, p->disposition);
        params(r, p->disposition_params, p->disposition_params_n, /* upper= */ false);
        build_byte(r->out, ')');
    } else {
        build_text(r->out, "NIL");
    }
    language(r, p->language);
    space(r);
    string(r, p->location);
}

/* Type, subtype and parameters of a leaf. */
static void leaf_type(struct render *r, const struct mail_part *p, bool flat)
{
    bool opaque =
        slice_eq(p->type, SLICE("MULTIPART")) ||
        (slice_eq(p->type, SLICE("MESSAGE")) && !p->is_message &&
         (slice_eq(p->subtype, SLICE("RFC822")) || slice_eq(p->subtype, SLICE("GLOBAL"))));

    if (opaque || (flat && p->is_message)) {
        build_text(r->out, "\"APPLICATION\" \"OCTET-STREAM\" NIL");
    } else if (!p->type.p) {
        /* RFC 2045 5.2: the default. */
        build_text(r->out, "\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\")");
    } else {
        string(r, p->type);
        space(r);
        string(r, p->subtype);
        params(r, p->params, p->params_n, /* upper= */ true);
    }
}

static void structure(struct render *r, const struct mail_part *p);

static void leaf(struct render *r, const struct mail_part *p)
{
    bool flat = r->limits->flat;

    leaf_type(r, p, flat);
    space(r);
    string(r, p->id);
    space(r);
    words(r, p->description);
    space(r);
    string(r, p->encoding.n > 0 ? p->encoding : SLICE("7BIT"));
    number(r, p->end_at - p->body_at);
    if (p->is_message && !flat) {
        space(r);
        envelope(r, p->child->envelope);
        space(r);
        structure(r, p->child);
        number(r, p->lines);
    } else if (entity_is_text(p)) {
        number(r, p->lines);
    }
    space(r);
    string(r, p->md5);
    extension(r, p);
}

static void structure(struct render *r, const struct mail_part *p)
{
    build_byte(r->out, '(');
    if (p->is_multipart && !r->limits->flat) {
        for (const struct mail_part *child = p->child; child; child = child->next)
            structure(r, child);
        space(r);
        string(r, p->subtype);
        params(r, p->params, p->params_n, /* upper= */ true);
        extension(r, p);
    } else {
        leaf(r, p);
    }
    build_byte(r->out, ')');
}

void render_bodystructure_limited(struct builder *out, const struct mail_part *p,
                                  const struct render_limits *limits)
{
    struct render r = {.out = out, .limits = limits};

    arena_init(&r.scratch, SCRATCH_ARENA_MAX);
    structure(&r, p);
    arena_done(&r.scratch);
}

void render_bodystructure(struct builder *out, const struct mail_part *p)
{
    render_bodystructure_limited(out, p, &unlimited);
}
