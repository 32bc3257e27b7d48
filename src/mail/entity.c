/* What the fields of one header mean: the MIME fields of a part, the envelope of a message. */
#include "base/ascii.h"
#include "base/num.h"
#include "mail/date.h"
#include "mail/message_private.h"

static struct slice change_case(struct arena *a, struct slice s, uint8_t (*change)(uint8_t))
{
    uint8_t *p = arena_alloc(a, s.n);

    if (!p)
        return slice_of(NULL, 0);
    for (size_t i = 0; i < s.n; i++)
        p[i] = change(s.p[i]);
    return slice_of(p, s.n);
}

/* Present but empty keeps a pointer. */
static struct slice unfolded(struct arena *a, struct slice body)
{
    struct slice s = mail_field_unfold(a, body);

    return s.p ? s : SLICE("");
}

static bool is_token(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_graph(s.p[i]) || memchr("()<>@,;:\\\"/[]?=", s.p[i], 15))
            return false;
    return s.n > 0;
}

/* RFC 2045 5.1. An unreadable type is application/octet-stream; "text" alone means text/plain. */
static void read_type(struct arena *a, struct mail_part *part, struct slice body)
{
    struct slice rest, first = params_first(body, &rest);
    size_t slash = slice_find_byte(first, '/');
    struct slice type = slice_trim(slice_sub(first, 0, slash));
    struct slice subtype = slice_trim(slice_from(first, slash == SIZE_MAX ? first.n : slash + 1));

    if (slash == SIZE_MAX && slice_eq_nocase(type, SLICE("text")))
        subtype = SLICE("plain");
    struct mail_param_list params = params_parse(a, rest);

    if (is_token(type) && is_token(subtype)) {
        part->type = change_case(a, type, ascii_upper);
        part->subtype = change_case(a, subtype, ascii_upper);
    } else {
        part->type = SLICE("APPLICATION");
        part->subtype = SLICE("OCTET-STREAM");
    }
    part->params = params.v;
    part->params_n = params.n;
}

/* RFC 2183 2. */
static void read_disposition(struct arena *a, struct mail_part *part, struct slice body)
{
    struct slice rest, first = params_first(body, &rest);

    if (first.n == 0)
        return;
    part->disposition = change_case(a, first, ascii_lower);
    struct mail_param_list params = params_parse(a, rest);

    part->disposition_params = params.v;
    part->disposition_params_n = params.n;
}

static void read_field(struct arena *a, struct mail_part *part, const struct mail_field *f)
{
    struct slice name = slice_from(f->name, 8), rest;

    if (slice_eq_nocase(name, SLICE("Type")) && !part->type.p)
        read_type(a, part, f->body);
    else if (slice_eq_nocase(name, SLICE("Transfer-Encoding")) && !part->encoding.p)
        part->encoding = change_case(a, params_first(f->body, &rest), ascii_upper);
    else if (slice_eq_nocase(name, SLICE("Disposition")) && !part->disposition.p)
        read_disposition(a, part, f->body);
    else if (slice_eq_nocase(name, SLICE("ID")) && !part->id.p)
        part->id = unfolded(a, f->body);
    else if (slice_eq_nocase(name, SLICE("Description")) && !part->description.p)
        part->description = unfolded(a, f->body);
    else if (slice_eq_nocase(name, SLICE("MD5")) && !part->md5.p)
        part->md5 = unfolded(a, f->body);
    else if (slice_eq_nocase(name, SLICE("Language")) && !part->language.p)
        part->language = unfolded(a, f->body);
    else if (slice_eq_nocase(name, SLICE("Location")) && !part->location.p)
        part->location = unfolded(a, f->body);
}

void entity_read(struct arena *a, struct mail_part *part, bool digest)
{
    for (size_t i = 0; i < part->header->n; i++)
        if (slice_starts_nocase(part->header->fields[i].name, SLICE("Content-")))
            read_field(a, part, &part->header->fields[i]);
    /* RFC 2046 5.1.5: the default within multipart/digest. */
    if (digest && !part->type.p) {
        part->type = SLICE("MESSAGE");
        part->subtype = SLICE("RFC822");
    }
}

enum part_encoding entity_encoding(const struct mail_part *part)
{
    static const struct slice identities[] = {SLICE_INIT("7BIT"), SLICE_INIT("8BIT"),
                                              SLICE_INIT("BINARY")};

    if (part->encoding.n == 0)
        return PART_IDENTITY;
    if (slice_eq(part->encoding, SLICE("BASE64")))
        return PART_BASE64;
    if (slice_eq(part->encoding, SLICE("QUOTED-PRINTABLE")))
        return PART_QUOTED_PRINTABLE;
    for (size_t i = 0; i < ARRAY_SIZE(identities); i++)
        if (slice_eq(part->encoding, identities[i]))
            return PART_IDENTITY;
    return PART_UNKNOWN_ENCODING;
}

bool entity_is_text(const struct mail_part *part)
{
    return !part->type.p || slice_eq(part->type, SLICE("TEXT"));
}

/* ---- envelope ---- */

/* Lists of all instances of a field, one behind the other. */
static void append_list(struct arena *a, struct mail_address_list *list, struct slice body,
                        size_t *left)
{
    struct mail_address_list more;
    struct err err;

    if (*left == 0 || mail_address_list_parse(a, body, &more, &err) < 0)
        return;
    size_t take = more.n < *left ? more.n : *left;

    *left -= take;
    if (list->n == 0) {
        *list = (struct mail_address_list){more.v, take};
        return;
    }
    struct mail_address *v = ARENA_ARRAY(a, list->n + take, struct mail_address);

    if (!v)
        return;
    memcpy(v, list->v, list->n * sizeof(*v));
    if (take)
        memcpy(v + list->n, more.v, take * sizeof(*v));
    *list = (struct mail_address_list){v, list->n + take};
}

/* Instances of one address field that are read: the others only repeat it. */
#define INSTANCES_MAX 20

static void read_lists(struct arena *a, struct mail_envelope *e, const struct mail_header *h,
                       size_t *left)
{
    struct {
        struct slice name;
        struct mail_address_list *list;
        size_t n;
    } lists[] = {
        {SLICE("From"), &e->from, 0},
        {SLICE("Sender"), &e->sender, 0},
        {SLICE("Reply-To"), &e->reply_to, 0},
        {SLICE("To"), &e->to, 0},
        {SLICE("Cc"), &e->cc, 0},
        {SLICE("Bcc"), &e->bcc, 0},
    };

    for (size_t i = 0; i < h->n; i++) {
        const struct mail_field *f = &h->fields[i];

        for (size_t j = 0; j < ARRAY_SIZE(lists); j++)
            if (slice_eq_nocase(f->name, lists[j].name) && lists[j].n++ < INSTANCES_MAX)
                append_list(a, lists[j].list, f->body, left);
    }
}

static struct slice first_field(struct arena *a, const struct mail_header *h, struct slice name)
{
    const struct mail_field *f = mail_header_find(h, name, 0);

    return f ? unfolded(a, f->body) : slice_of(NULL, 0);
}

static void set_date(struct mail_envelope *e, struct slice text)
{
    struct mail_date date;

    e->date = text;
    e->has_date = text.p && mail_date_parse(text, &date);
    e->date_s = e->has_date ? date.unix_s : 0;
}

struct mail_envelope *entity_envelope(struct arena *a, const struct mail_header *h,
                                      size_t *addresses_left)
{
    struct mail_envelope *e = ARENA_NEW(a, struct mail_envelope);

    if (!e)
        return NULL;
    set_date(e, first_field(a, h, SLICE("Date")));
    e->subject = first_field(a, h, SLICE("Subject"));
    e->in_reply_to = first_field(a, h, SLICE("In-Reply-To"));
    e->message_id = first_field(a, h, SLICE("Message-ID"));
    read_lists(a, e, h, addresses_left);
    return e;
}

/* ---- multiparts ---- */

int entity_boundary_match(struct slice line, struct slice boundary)
{
    struct slice rest = slice_from(line, 2);

    if (!slice_starts(rest, boundary))
        return 0;
    rest = slice_from(rest, boundary.n);
    int kind = 1;

    if (slice_starts(rest, SLICE("--"))) {
        kind = 2;
        rest = slice_from(rest, 2);
    }
    int c = slice_at(rest, 0);

    return c < 0 || c == ' ' || c == '\t' || c == '\r' || c == '\n' ? kind : 0;
}

/* ---- the message as a whole ---- */

/* RFC 3464 2: multipart/report with the type of report in a parameter. */
static bool is_dsn(const struct mail_part *root)
{
    return root->is_multipart && slice_eq(root->subtype, SLICE("REPORT")) &&
           slice_eq_nocase(params_find(root->params, root->params_n, SLICE("report-type")),
                           SLICE("delivery-status"));
}

void entity_conclude(struct arena *a, struct mail_message *m)
{
    const struct mail_header *h = m->root->header;
    const struct mail_field *id = mail_header_find(h, SLICE("Message-ID"), 0);
    const struct mail_field *subject = mail_header_find(h, SLICE("Subject"), 0);

    m->dsn = is_dsn(m->root);
    if (id)
        m->message_id = thread_message_id(a, id->body);
    thread_references(a, h, m);
    struct slice words = subject ? mail_words_decode(a, subject->body) : SLICE("");

    m->subject_base = thread_subject_base(a, words, &m->subject_is_response);
}

const struct mail_message *mail_message_with(struct arena *a, const struct mail_message *m,
                                             struct slice message_id, struct slice date)
{
    struct mail_message *copy = ARENA_NEW(a, struct mail_message);
    struct mail_part *root = ARENA_NEW(a, struct mail_part);
    struct mail_envelope *e = ARENA_NEW(a, struct mail_envelope);

    if (!copy || !root || !e)
        return NULL;
    *copy = *m;
    *root = *m->root;
    *e = *m->root->envelope;
    copy->root = root;
    root->envelope = e;
    if (date.p)
        set_date(e, date);
    if (message_id.p) {
        e->message_id = message_id;
        copy->message_id = thread_message_id(a, message_id);
    }
    return arena_failed(a) ? NULL : copy;
}
