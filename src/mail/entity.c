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

/* What is being read, and where what is wrong with it is noted. */
struct reading {
    struct arena *a;
    struct mail_part *part;
    struct faults *faults;
    uint64_t at; /* of the field */
};

static void fault(const struct reading *r, enum mail_fault_kind kind)
{
    faults_add(r->faults, kind, r->at);
}

static struct mail_param_list read_params(const struct reading *r, struct slice rest)
{
    struct mail_param_list params = params_parse(r->a, rest);

    if (params.repeated)
        fault(r, MAIL_FAULT_PARAM_REPEATED);
    return params;
}

/* RFC 2045 5.1. An unreadable type is application/octet-stream; "text" alone means text/plain. */
static void read_type(const struct reading *r, struct slice body)
{
    struct mail_part *part = r->part;
    struct slice rest, first = params_first(r->a, body, &rest);
    size_t slash = slice_find_byte(first, '/');
    struct slice type = slice_trim(slice_sub(first, 0, slash));
    struct slice subtype = slice_trim(slice_from(first, slash == SIZE_MAX ? first.n : slash + 1));
    bool bad = !params_is_token(type) || !params_is_token(subtype);

    if (slash == SIZE_MAX && slice_eq_nocase(type, SLICE("text")))
        subtype = SLICE("plain");
    struct mail_param_list params = read_params(r, rest);

    if (bad)
        fault(r, MAIL_FAULT_TYPE_BAD);
    else if (params.bad)
        fault(r, MAIL_FAULT_TYPE_PARAMETERS);
    if (params_is_token(type) && params_is_token(subtype)) {
        part->type = change_case(r->a, type, ascii_upper);
        part->subtype = change_case(r->a, subtype, ascii_upper);
    } else {
        part->type = SLICE("APPLICATION");
        part->subtype = SLICE("OCTET-STREAM");
    }
    part->params = params.v;
    part->params_n = params.n;
}

/* RFC 2183 2. */
static void read_disposition(const struct reading *r, struct slice body)
{
    struct slice rest, first = params_first(r->a, body, &rest);

    if (first.n == 0)
        return;
    r->part->disposition = change_case(r->a, first, ascii_lower);
    struct mail_param_list params = read_params(r, rest);

    r->part->disposition_params = params.v;
    r->part->disposition_params_n = params.n;
}

static void read_encoding(const struct reading *r, struct slice body)
{
    struct slice rest;

    r->part->encoding = change_case(r->a, params_first(r->a, body, &rest), ascii_upper);
    if (entity_encoding(r->part) == PART_UNKNOWN_ENCODING)
        fault(r, MAIL_FAULT_ENCODING_UNKNOWN);
}

static void read_field(const struct reading *r, const struct mail_field *f)
{
    struct mail_part *part = r->part;
    struct slice name = slice_from(f->name, 8);
    const struct {
        struct slice name;
        struct slice *value;
        void (*read)(const struct reading *r, struct slice body);
    } known[] = {
        {SLICE("Type"), &part->type, read_type},
        {SLICE("Transfer-Encoding"), &part->encoding, read_encoding},
        {SLICE("Disposition"), &part->disposition, read_disposition},
        {SLICE("ID"), &part->id, NULL},
        {SLICE("Description"), &part->description, NULL},
        {SLICE("MD5"), &part->md5, NULL},
        {SLICE("Language"), &part->language, NULL},
        {SLICE("Location"), &part->location, NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (!slice_eq_nocase(name, known[i].name))
            continue;
        if (known[i].value->p)
            fault(r, MAIL_FAULT_MIME_REPEATED);
        else if (known[i].read)
            known[i].read(r, f->body);
        else
            *known[i].value = unfolded(r->a, f->body);
        return;
    }
}

void entity_read(struct arena *a, struct mail_part *part, bool digest, struct faults *faults)
{
    const struct mail_header *h = part->header;
    bool utf8 = h->n == 0 ||
                mail_text_is_utf8(
                    slice_of(h->fields[0].raw.p,
                             h->fields[h->n - 1].at + h->fields[h->n - 1].raw.n - h->fields[0].at));

    for (size_t i = 0; i < part->header->n; i++) {
        const struct mail_field *f = &part->header->fields[i];
        const struct reading r = {a, part, faults, part->header_at + f->at};

        if (slice_at(f->raw, f->name.n) != ':')
            fault(&r, MAIL_FAULT_HEADER_SPACE);
        if (!utf8 && !mail_text_is_utf8(f->raw))
            fault(&r, MAIL_FAULT_HEADER_CHARSET);
        if (slice_starts_nocase(f->name, SLICE("Content-")))
            read_field(&r, f);
    }
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

bool entity_is_message(const struct mail_part *part)
{
    return slice_eq(part->type, SLICE("MESSAGE")) &&
           (slice_eq(part->subtype, SLICE("RFC822")) || slice_eq(part->subtype, SLICE("GLOBAL")));
}

struct slice mail_part_filename(struct arena *a, const struct mail_part *p)
{
    struct slice name =
        params_find(p->disposition_params, p->disposition_params_n, SLICE("filename"));

    if (!name.p)
        name = params_find(p->params, p->params_n, SLICE("name"));
    return name.p ? mail_words_decode(a, name) : name;
}

/* ---- envelope ---- */

/* Instances of one address field that are read: the others only repeat it. */
#define INSTANCES_MAX 20

/* Adds the addresses of one field to those of its name. */
static void append_list(const struct reading *r, struct mail_address_list *list, struct slice body,
                        size_t *left)
{
    struct mail_address_list more;
    struct err err;

    if (*left == 0 || mail_address_list_parse(r->a, body, &more, &err) < 0) {
        list->bad = true;
        return;
    }
    if (more.bad)
        fault(r, MAIL_FAULT_ADDRESS_BAD);
    if (more.obsolete)
        fault(r, MAIL_FAULT_ADDRESS_OBSOLETE);
    list->bad = list->bad || more.bad || more.n > *left;
    list->obsolete = list->obsolete || more.obsolete;
    size_t take = MIN(more.n, *left);

    *left -= take;
    if (list->n == 0) {
        list->v = more.v;
        list->n = take;
        return;
    }
    struct mail_address *v = ARENA_ARRAY(r->a, list->n + take, struct mail_address);

    if (!v)
        return;
    memcpy(v, list->v, list->n * sizeof(*v));
    if (take)
        memcpy(v + list->n, more.v, take * sizeof(*v));
    list->v = v;
    list->n += take;
}

/* The length sorts out nearly all. */
static inline bool is_named(const struct mail_field *f, struct slice name)
{
    return f->name.n == name.n && slice_eq_nocase(f->name, name);
}

static void read_list(struct reading *r, struct mail_address_list *list, struct slice name,
                      size_t *left)
{
    const struct mail_header *h = r->part->header;
    size_t n = 0;

    for (size_t i = 0; i < h->n; i++) {
        if (!is_named(&h->fields[i], name))
            continue;
        r->at = r->part->header_at + h->fields[i].at;
        if (n++ < INSTANCES_MAX)
            append_list(r, list, h->fields[i].body, left);
        else
            list->bad = true;
    }
}

/* The author first: many recipients leave nothing to the others of the limit. */
static void read_lists(struct reading *r, struct mail_envelope *e, size_t *left)
{
    read_list(r, &e->from, SLICE("From"), left);
    read_list(r, &e->sender, SLICE("Sender"), left);
    read_list(r, &e->reply_to, SLICE("Reply-To"), left);
    read_list(r, &e->to, SLICE("To"), left);
    read_list(r, &e->cc, SLICE("Cc"), left);
    read_list(r, &e->bcc, SLICE("Bcc"), left);
}

/* RFC 5322 3.6: fields that stand at most once. From has faults of its own. */
static void check_repeated(struct reading *r)
{
    static const struct slice names[] = {SLICE_INIT("Date"),        SLICE_INIT("Sender"),
                                         SLICE_INIT("Reply-To"),    SLICE_INIT("To"),
                                         SLICE_INIT("Cc"),          SLICE_INIT("Bcc"),
                                         SLICE_INIT("Subject"),     SLICE_INIT("Message-ID"),
                                         SLICE_INIT("In-Reply-To"), SLICE_INIT("References")};
    const struct mail_header *h = r->part->header;
    unsigned seen = 0;

    for (size_t i = 0; i < h->n; i++)
        for (size_t j = 0; j < ARRAY_SIZE(names); j++) {
            if (!is_named(&h->fields[i], names[j]))
                continue;
            r->at = r->part->header_at + h->fields[i].at;
            if (seen & 1u << j)
                fault(r, MAIL_FAULT_FIELD_REPEATED);
            seen |= 1u << j;
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

struct mail_envelope *entity_envelope(struct arena *a, const struct mail_part *part,
                                      size_t *addresses_left, struct faults *f)
{
    struct mail_envelope *e = ARENA_NEW(a, struct mail_envelope);
    const struct mail_header *h = part->header;
    const struct mail_field *date = mail_header_find(h, SLICE("Date"), 0);
    struct mail_part copy = *part;
    struct reading r = {a, &copy, f, 0};

    if (!e)
        return NULL;
    set_date(e, first_field(a, h, SLICE("Date")));
    if (date && !e->has_date)
        faults_add(f, MAIL_FAULT_DATE_BAD, part->header_at + date->at);
    e->subject = first_field(a, h, SLICE("Subject"));
    e->in_reply_to = first_field(a, h, SLICE("In-Reply-To"));
    e->message_id = first_field(a, h, SLICE("Message-ID"));
    read_lists(&r, e, addresses_left);
    check_repeated(&r);
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

static void find_author(struct mail_message *m, struct faults *f)
{
    const struct mail_part *root = m->root;
    const struct mail_address_list *from = &root->envelope->from;
    const struct mail_field *first = mail_header_find(root->header, SLICE("From"), 0);
    const struct mail_field *second = mail_header_find(root->header, SLICE("From"), 1);
    bool plain = from->n == 1 && from->v[0].kind == MAIL_ADDRESS_MAILBOX &&
                 from->v[0].domain.n > 0 && !from->bad && !from->obsolete;

    if (!first)
        faults_add(f, MAIL_FAULT_FROM_MISSING, 0);
    else if (second)
        faults_add(f, MAIL_FAULT_FROM_REPEATED, root->header_at + second->at);
    else if (!plain)
        faults_add(f, MAIL_FAULT_FROM_ADDRESS, root->header_at + first->at);
    else if (!m->header_cut)
        m->author = from->v;
}

void entity_conclude(struct arena *a, struct mail_message *m, struct faults *f)
{
    const struct mail_header *h = m->root->header;
    const struct mail_field *id = mail_header_find(h, SLICE("Message-ID"), 0);
    const struct mail_field *subject = mail_header_find(h, SLICE("Subject"), 0);

    m->dsn = is_dsn(m->root);
    if (id)
        m->message_id = thread_message_id(a, id->body);
    if (id && m->message_id.n == 0)
        faults_add(f, MAIL_FAULT_ID_BAD, m->root->header_at + id->at);
    thread_references(a, h, m);
    struct slice words = subject ? mail_words_decode(a, subject->body) : SLICE("");

    m->subject_base = thread_subject_base(a, words, &m->subject_is_response);
    find_author(m, f);
    faults_conclude(a, f, m);
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
