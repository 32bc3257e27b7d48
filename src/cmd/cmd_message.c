/* What the server sees in a message: the parser's result as JSON, in a stable form (godwit(1)).
 * Nothing but the file is opened; no server is needed. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/num.h"
#include "base/utf8.h"
#include "cmd/command.h"
#include "mail/header.h"
#include "mail/message.h"

#define CHUNK 65536

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

static json_t *message(struct arena *a, const struct mail_message *m)
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
    return object;
}

/* For programs of users: exit status 1 and what a submission would be refused for. */
static int judge(const struct mail_message *m, struct err *err)
{
    if (!m->strict)
        return 0;
    return err_set(err, ERR_SYNTAX, "%s, at offset %llu", mail_fault_text(m->strict->kind),
                   (unsigned long long)m->strict->at[0]);
}

static const struct mail_message *read_all(FILE *file, struct arena *a, struct err *err)
{
    static uint8_t chunk[CHUNK];
    struct mail_parser *p = mail_parser_new(a, err);
    size_t n;

    if (!p)
        return NULL;
    while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
        mail_parser_feed(p, slice_of(chunk, n));
    if (ferror(file)) {
        (void)err_errno(err, errno, "cannot read the message");
        mail_parser_free(p);
        return NULL;
    }
    const struct mail_message *m = mail_parser_finish(p);

    if (!m)
        (void)err_set(err, ERR_NOMEM, "out of memory");
    return m;
}

int cmd_message_parse(const struct invocation *in, struct err *err)
{
    bool standard = strcmp(in->args[0], "-") == 0;
    FILE *file = standard ? stdin : fopen(in->args[0], "rbe");
    struct arena a, scratch;

    if (!file)
        return err_errno(err, errno, "cannot open %s", in->args[0]);
    arena_init(&a, MAIL_ARENA_MAX);
    arena_init(&scratch, 16 * (size_t)MAIL_ARENA_MAX);
    const struct mail_message *m = read_all(file, &a, err);
    int rc = m ? 0 : -(int)err->kind;

    if (m) {
        json_t *object = message(&scratch, m);

        if (json_dumpf(object, stdout, JSON_INDENT(2)) < 0 || putchar('\n') < 0)
            rc = err_set(err, ERR_IO, "cannot write the result");
        else if (in->flags[FLAG_STRICT])
            rc = judge(m, err);
        json_decref(object);
    }
    arena_done(&scratch);
    arena_done(&a);
    if (!standard)
        (void)fclose(file);
    return rc;
}
