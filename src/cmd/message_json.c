/* A message as JSON, in the stable form that godwit(1) describes. */
#include <jansson.h>

#include "base/num.h"
#include "base/utf8.h"
#include "cmd/message_print.h"
#include "mail/header.h"

/* A message may hold any octets, JSON only UTF-8: what is none becomes U+FFFD. */
static json_t *text(struct slice s)
{
    struct builder clean;

    if (!s.p)
        return json_null();
    build_init(&clean, s.n * 3 + 1);
    utf8_append_clean(&clean, s);
    json_t *value = json_stringn_nocheck((const char *)(clean.p ? clean.p : s.p), clean.n);

    build_done(&clean);
    return value;
}

static json_t *number(uint64_t n)
{
    return json_integer((json_int_t)MIN(n, (uint64_t)INT64_MAX));
}

static void set(json_t *object, const char *key, json_t *value)
{
    /* Fails only without memory; then the object lacks the key, and the dump at the end fails. */
    (void)json_object_set_new_nocheck(object, key, value);
}

static json_t *addresses(struct arena *a, const struct mail_address_list *list)
{
    static const char *const kinds[] = {"mailbox", "group", "end"};
    json_t *array = json_array();

    for (size_t i = 0; i < list->n; i++) {
        const struct mail_address *m = &list->v[i];
        json_t *item = json_object();

        set(item, "kind", json_string(kinds[m->kind]));
        if (m->kind != MAIL_ADDRESS_GROUP_END)
            set(item, "name", m->name.p ? text(mail_words_decode(a, m->name)) : json_null());
        if (m->kind == MAIL_ADDRESS_MAILBOX) {
            set(item, "localpart", m->domain.p ? text(m->localpart) : json_null());
            set(item, "domain", text(m->domain));
        }
        (void)json_array_append_new(array, item);
    }
    return array;
}

static json_t *envelope(struct arena *a, const struct mail_envelope *e)
{
    json_t *object = json_object();

    set(object, "date", text(e->date));
    set(object, "date_unix", e->has_date ? json_integer(e->date_s) : json_null());
    set(object, "subject", e->subject.p ? text(mail_words_decode(a, e->subject)) : json_null());
    set(object, "from", addresses(a, &e->from));
    set(object, "sender", addresses(a, &e->sender));
    set(object, "reply_to", addresses(a, &e->reply_to));
    set(object, "to", addresses(a, &e->to));
    set(object, "cc", addresses(a, &e->cc));
    set(object, "bcc", addresses(a, &e->bcc));
    set(object, "message_id", text(e->message_id));
    set(object, "in_reply_to", text(e->in_reply_to));
    return object;
}

static json_t *params(struct arena *a, const struct mail_param *v, size_t n)
{
    json_t *object = json_object();

    for (size_t i = 0; i < n; i++) {
        json_t *value = text(mail_words_decode(a, v[i].value));
        struct slice name = v[i].name;
        char *key = arena_str(a, name);

        if (key && json_object_set_new(object, key, value) < 0)
            set(object, "?", text(v[i].value));
    }
    return object;
}

/* Recursive; the parser bounds the depth. */
static json_t *part(struct arena *a, const struct mail_part *p)
{
    json_t *object = json_object();

    set(object, "type", text(p->type));
    set(object, "subtype", text(p->subtype));
    set(object, "params", params(a, p->params, p->params_n));
    set(object, "encoding", text(p->encoding));
    set(object, "disposition", text(p->disposition));
    set(object, "disposition_params", params(a, p->disposition_params, p->disposition_params_n));
    set(object, "filename", text(mail_part_filename(a, p)));
    set(object, "id", text(p->id));
    set(object, "description", text(p->description));
    set(object, "header_at", number(p->header_at));
    set(object, "body_at", number(p->body_at));
    set(object, "end_at", number(p->end_at));
    set(object, "lines", number(p->lines));
    set(object, "decoded_size", number(p->decoded_size));
    if (p->envelope)
        set(object, "envelope", envelope(a, p->envelope));
    json_t *parts = json_array();

    for (const struct mail_part *child = p->child; child; child = child->next)
        (void)json_array_append_new(parts, part(a, child));
    set(object, "parts", parts);
    return object;
}

static json_t *faults(const struct mail_message *m)
{
    json_t *array = json_array();

    for (size_t i = 0; i < m->faults_n; i++) {
        const struct mail_fault *f = &m->faults[i];
        json_t *item = json_object(), *offsets = json_array();

        for (size_t j = 0; j < MIN(f->n, (uint64_t)MAIL_FAULT_OFFSETS); j++)
            (void)json_array_append_new(offsets, number(f->at[j]));
        set(item, "fault", json_string(mail_fault_name(f->kind)));
        set(item, "text", json_string(mail_fault_text(f->kind)));
        set(item, "strict", json_boolean(f->strict));
        set(item, "count", number(f->n));
        set(item, "offsets", offsets);
        (void)json_array_append_new(array, item);
    }
    return array;
}

int message_print_json(struct arena *a, const struct mail_message *m, FILE *to)
{
    json_t *object = json_object(), *references = json_array();

    for (size_t i = 0; i < m->references_n; i++)
        (void)json_array_append_new(references, text(m->references[i]));
    set(object, "size", number(m->size));
    set(object, "message_id", text(m->message_id));
    set(object, "references", references);
    set(object, "subject_base", text(m->subject_base));
    set(object, "has_8bit", json_boolean(m->has_8bit));
    set(object, "header_8bit", json_boolean(m->header_8bit));
    set(object, "preview", text(m->preview));
    set(object, "faults", faults(m));
    set(object, "part", part(a, m->root));
    int rc = json_dumpf(object, to, JSON_INDENT(2)) < 0 || putc('\n', to) < 0 ? -1 : 0;

    json_decref(object);
    return rc;
}
