#include "fake_edge.h"
#include "net/channel_binding.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "base/ranges.h"
#include "edge/facts.h"
#include "imap/imap.h"
#include "mail/render.h"

#define BOXES_MAX 64
#define CHANGES_MAX 4096

struct fake_message {
    uint32_t uid, flags;
    uint64_t modseq;
    int64_t received_ns;
    int zone_minutes;
    struct slice body, envelope, envelope_utf8, structure, parts;
    struct slice keywords[8];
    size_t keywords_n;
    bool expunged;
};

struct fake_box {
    bool live, subscribed;
    char name[200];
    uint64_t id, modseq;
    uint32_t uidvalidity, uidnext, special_use;
    struct fake_message *v;
    size_t n;
};

struct fake_store {
    struct arena a;
    struct fake_box boxes[BOXES_MAX];
    size_t n;
    uint64_t modseq;
    Gw__Change changes[CHANGES_MAX];
    size_t changes_n;
    enum err_kind fail;
    uint64_t quota;
    size_t page; /* messages per answer that says next_uid; 0: any number */
};

struct edge {
    struct edge_settings settings;
};

/* ---- the store ---- */

static struct fake_box *box_find(struct fake_store *st, struct slice name)
{
    for (size_t i = 0; i < st->n; i++)
        if (st->boxes[i].live && slice_eq(slice_str(st->boxes[i].name), name))
            return &st->boxes[i];
    return NULL;
}

static struct fake_box *box_by_id(struct fake_store *st, uint64_t id)
{
    return id >= 1 && id <= st->n && st->boxes[id - 1].live ? &st->boxes[id - 1] : NULL;
}

static void change_add(struct fake_store *st, Gw__Change__Kind kind, const struct fake_box *box,
                       const uint32_t *pairs, size_t n)
{
    Gw__Change *ch;

    if (st->changes_n == CHANGES_MAX)
        return;
    ch = &st->changes[st->changes_n++];
    *ch = (Gw__Change)GW__CHANGE__INIT;
    ch->kind = kind;
    ch->modseq = st->modseq;
    ch->mailbox = box->id;
    ch->name = rpc_bytes(arena_copy(&st->a, slice_str(box->name)));
    ch->ranges = ARENA_ARRAY(&st->a, n, uint32_t);
    ch->n_ranges = n;
    if (n)
        memcpy(ch->ranges, pairs, n * sizeof(*pairs));
}

static struct fake_box *box_add(struct fake_store *st, struct slice name)
{
    struct fake_box *b;

    if (st->n == BOXES_MAX)
        return NULL;
    b = &st->boxes[st->n++];
    *b = (struct fake_box){.live = true, .subscribed = true, .uidnext = 1, .id = st->n};
    (void)snprintf(b->name, sizeof(b->name), "%.*s", SLICE_FMT(name));
    b->uidvalidity = (uint32_t)b->id;
    b->modseq = ++st->modseq;
    change_add(st, GW__CHANGE__KIND__KIND_MAILBOX_ADD, b, NULL, 0);
    return b;
}

struct fake_store *fake_store_new(void)
{
    struct fake_store *st = calloc(1, sizeof(*st));

    arena_init(&st->a, 64u << 20);
    st->modseq = 1;
    (void)box_add(st, SLICE("Inbox"));
    (void)box_add(st, SLICE("Trash"));
    st->boxes[1].special_use = 16;
    return st;
}

void fake_store_free(struct fake_store *st)
{
    for (size_t i = 0; i < st->n; i++)
        free(st->boxes[i].v);
    arena_done(&st->a);
    free(st);
}

void fake_store_quota(struct fake_store *st, uint64_t octets)
{
    st->quota = octets;
}

void fake_store_page(struct fake_store *st, size_t messages)
{
    st->page = messages;
}

/* Whether an answer about that many messages is full; says where the next one starts. */
static bool full(const struct fake_store *st, size_t n, const struct fake_message *f,
                 uint32_t *next_uid)
{
    if (st->page == 0 || n < st->page)
        return false;
    *next_uid = f->uid;
    return true;
}

void fake_store_fail(struct fake_store *st, enum err_kind kind)
{
    st->fail = kind;
}

static void fill_box(const struct fake_box *b, Gw__Mailbox *m)
{
    *m = (Gw__Mailbox)GW__MAILBOX__INIT;
    m->mailbox = b->id;
    m->name = rpc_bytes(slice_str(b->name));
    m->uidvalidity = b->uidvalidity;
    m->uidnext = b->uidnext;
    m->modseq = b->modseq;
    m->special_use = b->special_use;
    m->subscribed = b->subscribed;
    for (size_t i = 0; i < b->n; i++) {
        m->messages += !b->v[i].expunged;
        m->unseen += !b->v[i].expunged && !(b->v[i].flags & 1);
        m->size += b->v[i].expunged ? 0 : b->v[i].body.n;
    }
}

static bool in_pairs(const uint32_t *v, size_t n, uint32_t uid)
{
    for (size_t i = 0; i + 1 < n; i += 2)
        if (uid >= v[i] && uid <= v[i + 1])
            return true;
    return false;
}

#define NEW(type, INIT)                                                                            \
    ({                                                                                             \
        type *new_ = ARENA_NEW(a, type);                                                           \
        *new_ = (type)INIT;                                                                        \
        new_;                                                                                      \
    })

static int open_box(struct fake_store *st, struct arena *a, const Gw__MailboxOpen *q,
                    Gw__Response *r)
{
    struct fake_box *b = q->name.len ? box_find(st, rpc_slice(q->name)) : box_by_id(st, q->mailbox);
    Gw__MailboxOpened *o = NEW(Gw__MailboxOpened, GW__MAILBOX_OPENED__INIT);

    if (!b)
        return ERR_NOT_FOUND;
    o->mailbox = ARENA_NEW(a, Gw__Mailbox);
    fill_box(b, o->mailbox);
    o->account_modseq = st->modseq;
    for (size_t i = b->n; i-- > 0;)
        if (!b->v[i].expunged && !(b->v[i].flags & 1))
            o->first_unseen_uid = b->v[i].uid;
    r->mailbox_opened = o;
    r->result_case = GW__RESPONSE__RESULT_MAILBOX_OPENED;
    return 0;
}

static int list_boxes(struct fake_store *st, struct arena *a, const Gw__MailboxList *q,
                      Gw__Response *r)
{
    Gw__Mailboxes *m = NEW(Gw__Mailboxes, GW__MAILBOXES__INIT);

    m->rows = ARENA_ARRAY(a, st->n, Gw__Mailbox *);
    m->quota_limit = st->quota;
    for (size_t i = 0; i < st->n; i++) {
        if ((!st->boxes[i].live && !st->boxes[i].subscribed) || q->after.len > 0)
            continue;
        m->rows[m->n_rows] = ARENA_NEW(a, Gw__Mailbox);
        fill_box(&st->boxes[i], m->rows[m->n_rows]);
        m->rows[m->n_rows++]->nonexistent = !st->boxes[i].live;
    }
    r->mailboxes = m;
    r->result_case = GW__RESPONSE__RESULT_MAILBOXES;
    return 0;
}

static int create_box(struct fake_store *st, struct arena *a, const Gw__MailboxCreate *q,
                      Gw__Response *r)
{
    struct slice name = rpc_slice(q->name);
    Gw__Mailboxes *m = NEW(Gw__Mailboxes, GW__MAILBOXES__INIT);

    if (box_find(st, name))
        return ERR_EXISTS;
    m->rows = ARENA_ARRAY(a, name.n + 1, Gw__Mailbox *);
    for (size_t i = 1; i <= name.n; i++) {
        struct fake_box *b;

        if (i < name.n && name.p[i] != '/')
            continue;
        if (box_find(st, slice_sub(name, 0, i)))
            continue;
        b = box_add(st, slice_sub(name, 0, i));
        if (!b)
            return ERR_LIMIT;
        m->rows[m->n_rows] = ARENA_NEW(a, Gw__Mailbox);
        fill_box(b, m->rows[m->n_rows++]);
    }
    r->mailboxes = m;
    r->result_case = GW__RESPONSE__RESULT_MAILBOXES;
    return 0;
}

static int delete_box(struct fake_store *st, const Gw__MailboxDelete *q)
{
    struct fake_box *b = box_find(st, rpc_slice(q->name));

    if (!b)
        return ERR_NOT_FOUND;
    st->modseq++;
    change_add(st, GW__CHANGE__KIND__KIND_MAILBOX_REMOVE, b, NULL, 0);
    b->live = false;
    return 0;
}

static int rename_box(struct fake_store *st, const Gw__MailboxRename *q)
{
    struct fake_box *b = box_find(st, rpc_slice(q->from));

    if (!b)
        return ERR_NOT_FOUND;
    if (box_find(st, rpc_slice(q->to)))
        return ERR_EXISTS;
    (void)snprintf(b->name, sizeof(b->name), "%.*s", SLICE_FMT(rpc_slice(q->to)));
    st->modseq++;
    change_add(st, GW__CHANGE__KIND__KIND_MAILBOX_RENAME, b, NULL, 0);
    return 0;
}

static int read_uids(struct fake_store *st, struct arena *a, const Gw__UidsRead *q, Gw__Response *r)
{
    struct fake_box *b = box_by_id(st, q->mailbox);
    Gw__Uids *u = NEW(Gw__Uids, GW__UIDS__INIT);

    if (!b)
        return ERR_NOT_FOUND;
    u->ranges = ARENA_ARRAY(a, 2 * b->n, uint32_t);
    for (size_t i = 0; i < b->n; i++) {
        if (b->v[i].expunged || b->v[i].uid <= q->after)
            continue;
        u->ranges[u->n_ranges++] = b->v[i].uid;
        u->ranges[u->n_ranges++] = b->v[i].uid;
    }
    r->uids = u;
    r->result_case = GW__RESPONSE__RESULT_UIDS;
    return 0;
}

/* Three rows per page, so that paging is part of every test. */
static int read_messages(struct fake_store *st, struct arena *a, const Gw__MessageRead *q,
                         Gw__Response *r)
{
    struct fake_box *b = box_by_id(st, q->mailbox);
    Gw__Messages *m = NEW(Gw__Messages, GW__MESSAGES__INIT);

    if (!b)
        return ERR_NOT_FOUND;
    m->rows = ARENA_ARRAY(a, 3, Gw__Message *);
    for (size_t i = 0; i < b->n; i++) {
        const struct fake_message *f = &b->v[i];
        Gw__Message *row;

        if (!in_pairs(q->ranges, q->n_ranges, f->uid) ||
            (q->changed_since && f->modseq <= q->changed_since))
            continue;
        if (m->n_rows == 3) {
            m->next_uid = f->uid;
            break;
        }
        row = m->rows[m->n_rows++] = NEW(Gw__Message, GW__MESSAGE__INIT);
        row->uid = f->uid;
        row->flags = f->flags;
        row->modseq = f->modseq;
        row->expunged = f->expunged;
        row->received_ns = f->received_ns;
        row->zone_minutes = f->zone_minutes;
        row->size = f->body.n;
        row->envelope = rpc_bytes((q->fields & GW__MESSAGE_READ__FIELD__FIELD_ENVELOPE_UTF8) &&
                                          f->envelope_utf8.n
                                      ? f->envelope_utf8
                                      : f->envelope);
        row->bodystructure = rpc_bytes(f->structure);
        row->parts = rpc_bytes(f->parts);
        row->keywords = ARENA_ARRAY(a, f->keywords_n, ProtobufCBinaryData);
        row->n_keywords = f->keywords_n;
        for (size_t k = 0; k < f->keywords_n; k++)
            row->keywords[k] = rpc_bytes(f->keywords[k]);
    }
    r->messages = m;
    r->result_case = GW__RESPONSE__RESULT_MESSAGES;
    return 0;
}

static struct fake_message *message_find(struct fake_box *b, uint32_t uid)
{
    for (size_t i = 0; b && i < b->n; i++)
        if (b->v[i].uid == uid)
            return &b->v[i];
    return NULL;
}

static int read_body(struct fake_store *st, struct arena *a, const Gw__BodyRead *q, Gw__Response *r)
{
    struct fake_message *f = message_find(box_by_id(st, q->mailbox), q->uid);
    Gw__Body *b = NEW(Gw__Body, GW__BODY__INIT);

    if (!f)
        return ERR_NOT_FOUND;
    b->data = rpc_bytes(slice_sub(f->body, (size_t)q->offset, (size_t)q->length));
    b->size = f->body.n;
    r->body = b;
    r->result_case = GW__RESPONSE__RESULT_BODY;
    return 0;
}

static int read_changes(struct fake_store *st, struct arena *a, const Gw__ChangesRead *q,
                        Gw__Response *r)
{
    Gw__Changes *c = NEW(Gw__Changes, GW__CHANGES__INIT);

    c->rows = ARENA_ARRAY(a, st->changes_n, Gw__Change *);
    for (size_t i = 0; i < st->changes_n; i++)
        if (st->changes[i].modseq > q->since)
            c->rows[c->n_rows++] = &st->changes[i];
    c->modseq = st->modseq;
    r->changes = c;
    r->result_case = GW__RESPONSE__RESULT_CHANGES;
    return 0;
}

static struct fake_message *message_new(struct fake_store *st, struct fake_box *b)
{
    b->v = reallocarray(b->v, b->n + 1, sizeof(*b->v));
    struct fake_message *f = &b->v[b->n++];

    *f = (struct fake_message){.uid = b->uidnext++, .modseq = st->modseq};
    b->modseq = st->modseq;
    return f;
}

static int append(struct fake_store *st, struct arena *a, const Gw__Append *q, const int *fds,
                  Gw__Response *r)
{
    struct fake_box *b = box_find(st, rpc_slice(q->mailbox));
    Gw__Appended *o = NEW(Gw__Appended, GW__APPENDED__INIT);
    const Gw__AppendMessage *m = q->messages[0];

    (void)fds;
    if (!b)
        return ERR_NOT_FOUND;
    if (m->content->from_spool)
        return ERR_QUOTA;
    st->modseq++;
    struct fake_message *f = message_new(st, b);

    f->flags = m->flags;
    f->received_ns = m->received_ns;
    f->zone_minutes = m->zone_minutes;
    for (size_t i = 0; i < m->n_keywords && i < ARRAY_SIZE(f->keywords); i++)
        f->keywords[f->keywords_n++] = arena_copy(&st->a, rpc_slice(m->keywords[i]));
    f->body = arena_copy(&st->a, rpc_slice(m->content->inline_));
    f->envelope = arena_copy(&st->a, rpc_slice(m->content->facts->envelope));
    f->envelope_utf8 = arena_copy(&st->a, rpc_slice(m->content->facts->envelope_utf8));
    f->structure = arena_copy(&st->a, rpc_slice(m->content->facts->bodystructure));
    f->parts = arena_copy(&st->a, rpc_slice(m->content->facts->parts));
    change_add(st, GW__CHANGE__KIND__KIND_ADD, b, (uint32_t[]){f->uid, f->uid}, 2);
    o->uidvalidity = b->uidvalidity;
    o->uid_first = o->uid_last = f->uid;
    o->mailbox = b->id;
    o->modseq = st->modseq;
    r->appended = o;
    r->result_case = GW__RESPONSE__RESULT_APPENDED;
    return 0;
}

static int store_flags(struct fake_store *st, struct arena *a, const Gw__FlagsStore *q,
                       Gw__Response *r)
{
    struct fake_box *b = box_by_id(st, q->mailbox);
    Gw__FlagsStored *o = NEW(Gw__FlagsStored, GW__FLAGS_STORED__INIT);

    if (!b)
        return ERR_NOT_FOUND;
    o->modified = ARENA_ARRAY(a, 2 * b->n, uint32_t);
    st->modseq++;
    for (size_t i = 0, n = 0; i < b->n; i++) {
        struct fake_message *f = &b->v[i];

        if (f->expunged || !in_pairs(q->ranges, q->n_ranges, f->uid))
            continue;
        if (full(st, n++, f, &o->next_uid))
            break;
        if (q->has_unchanged_since && f->modseq > q->unchanged_since) {
            o->modified[o->n_modified++] = f->uid;
            o->modified[o->n_modified++] = f->uid;
            continue;
        }
        if (q->mode == GW__FLAGS_STORE__MODE__MODE_REPLACE)
            f->flags = q->flags;
        else if (q->mode == GW__FLAGS_STORE__MODE__MODE_ADD)
            f->flags |= q->flags;
        else
            f->flags &= ~q->flags;
        f->modseq = b->modseq = o->modseq = st->modseq;
        change_add(st, GW__CHANGE__KIND__KIND_FLAGS, b, (uint32_t[]){f->uid, f->uid}, 2);
    }
    r->flags_stored = o;
    r->result_case = GW__RESPONSE__RESULT_FLAGS_STORED;
    return 0;
}

static void expunge_one(struct fake_store *st, struct fake_box *b, struct fake_message *f)
{
    f->expunged = true;
    f->modseq = b->modseq = st->modseq;
    change_add(st, GW__CHANGE__KIND__KIND_EXPUNGE, b, (uint32_t[]){f->uid, f->uid}, 2);
}

static int expunge(struct fake_store *st, struct arena *a, const Gw__Expunge *q, Gw__Response *r)
{
    struct fake_box *b = box_by_id(st, q->mailbox);
    Gw__Expunged *o = NEW(Gw__Expunged, GW__EXPUNGED__INIT);

    if (!b)
        return ERR_NOT_FOUND;
    st->modseq++;
    for (size_t i = 0, n = 0; i < b->n; i++) {
        struct fake_message *f = &b->v[i];

        if (f->expunged || !(f->flags & 8) || !in_pairs(q->ranges, q->n_ranges, f->uid))
            continue;
        if (full(st, n++, f, &o->next_uid))
            break;
        expunge_one(st, b, f);
    }
    o->modseq = b->modseq;
    r->expunged = o;
    r->result_case = GW__RESPONSE__RESULT_EXPUNGED;
    return 0;
}

static int copy(struct fake_store *st, struct arena *a, const Gw__Copy *q, Gw__Response *r)
{
    struct fake_box *b = box_by_id(st, q->mailbox), *to = box_find(st, rpc_slice(q->to));
    Gw__Copied *o = NEW(Gw__Copied, GW__COPIED__INIT);

    if (!b || !to)
        return ERR_NOT_FOUND;
    if (b == to)
        return ERR_INVALID;
    o->from = ARENA_ARRAY(a, 2 * b->n, uint32_t);
    o->to = ARENA_ARRAY(a, 2 * b->n, uint32_t);
    o->uidvalidity = to->uidvalidity;
    for (size_t i = 0; i < b->n; i++)
        o->gone = o->gone ||
                  (q->whole && b->v[i].expunged && in_pairs(q->ranges, q->n_ranges, b->v[i].uid));
    st->modseq++;
    for (size_t i = 0, copied = 0; !o->gone && i < b->n; i++) {
        struct fake_message *f = &b->v[i];

        if (f->expunged || !in_pairs(q->ranges, q->n_ranges, f->uid))
            continue;
        if (full(st, copied++, f, &o->next_uid))
            break;
        struct fake_message *n = message_new(st, to);
        uint32_t uid = n->uid;

        *n = *f;
        n->uid = uid;
        n->modseq = st->modseq;
        o->from[o->n_from++] = f->uid;
        o->from[o->n_from++] = f->uid;
        o->to[o->n_to++] = uid;
        o->to[o->n_to++] = uid;
        change_add(st, GW__CHANGE__KIND__KIND_ADD, to, (uint32_t[]){uid, uid}, 2);
        if (q->move)
            expunge_one(st, b, f);
    }
    r->copied = o;
    r->result_case = GW__RESPONSE__RESULT_COPIED;
    return 0;
}

static int subscribe(struct fake_store *st, const Gw__Subscribe *q)
{
    struct fake_box *b = box_find(st, rpc_slice(q->name));

    if (!b)
        return ERR_NOT_FOUND;
    b->subscribed = q->on;
    return 0;
}

static int authenticate(struct arena *a, const Gw__Authenticate *q, Gw__Response *r)
{
    Gw__Authenticated *o = NEW(Gw__Authenticated, GW__AUTHENTICATED__INIT);

    bool off = slice_eq(rpc_slice(q->user), SLICE("off@localhost"));

    r->authenticated = o;
    r->result_case = GW__RESPONSE__RESULT_AUTHENTICATED;
    if ((!off && !slice_eq(rpc_slice(q->user), SLICE("user@localhost"))) ||
        !slice_eq(rpc_slice(q->password), SLICE("secret"))) {
        o->result = GW__AUTHENTICATED__RESULT__RESULT_WRONG;
    } else if (off) {
        o->result = GW__AUTHENTICATED__RESULT__RESULT_DISABLED;
        o->disabled = rpc_bytes(SLICE("closed, ask the office"));
    } else {
        o->session = o->account = 7;
    }
    return 0;
}

static int challenge(struct arena *a, Gw__Response *r)
{
    Gw__LoginChallenged *o = NEW(Gw__LoginChallenged, GW__LOGIN_CHALLENGED__INIT);

    r->login_challenged = o;
    r->result_case = GW__RESPONSE__RESULT_LOGIN_CHALLENGED;
    o->challenge = 1;
    o->text = rpc_bytes(SLICE("server+nonce"));
    o->salt = rpc_bytes(SLICE("0123456789abcdef"));
    o->iterations = 4096;
    return 0;
}

static int answer(struct conn *c, const Gw__Request *q, const int *fds, Gw__Response *r)
{
    struct fake_store *st = c->store;
    struct arena *a = &c->arena;

    r->result_case = GW__RESPONSE__RESULT_DONE;
    if (st->fail) {
        int kind = (int)st->fail;

        st->fail = ERR_NONE;
        return kind;
    }
    switch (q->call_case) {
    case GW__REQUEST__CALL_AUTHENTICATE:
        return authenticate(a, q->authenticate, r);
    case GW__REQUEST__CALL_LOGIN_CHALLENGE:
        return challenge(a, r);
    case GW__REQUEST__CALL_MAILBOX_LIST:
        return list_boxes(st, a, q->mailbox_list, r);
    case GW__REQUEST__CALL_MAILBOX_OPEN:
        return open_box(st, a, q->mailbox_open, r);
    case GW__REQUEST__CALL_MAILBOX_CREATE:
        return create_box(st, a, q->mailbox_create, r);
    case GW__REQUEST__CALL_MAILBOX_DELETE:
        return delete_box(st, q->mailbox_delete);
    case GW__REQUEST__CALL_MAILBOX_RENAME:
        return rename_box(st, q->mailbox_rename);
    case GW__REQUEST__CALL_SUBSCRIBE:
        return subscribe(st, q->subscribe);
    case GW__REQUEST__CALL_UIDS_READ:
        return read_uids(st, a, q->uids_read, r);
    case GW__REQUEST__CALL_MESSAGE_READ:
        return read_messages(st, a, q->message_read, r);
    case GW__REQUEST__CALL_BODY_READ:
        return read_body(st, a, q->body_read, r);
    case GW__REQUEST__CALL_CHANGES_READ:
        return read_changes(st, a, q->changes_read, r);
    case GW__REQUEST__CALL_APPEND:
        return append(st, a, q->append, fds, r);
    case GW__REQUEST__CALL_FLAGS_STORE:
        return store_flags(st, a, q->flags_store, r);
    case GW__REQUEST__CALL_EXPUNGE:
        return expunge(st, a, q->expunge, r);
    case GW__REQUEST__CALL_COPY:
        return copy(st, a, q->copy, r);
    case GW__REQUEST__CALL_SPOOL_OPEN:
        return ERR_FULL;
    default:
        return 0;
    }
}

/* ---- edge.h ---- */

int edge_call(struct edge *e, struct conn *c, Gw__Request *request, const int *fds, size_t fds_n,
              const Gw__Response **out, struct channel_record *fds_out, struct err *err)
{
    /* The last answer's memory is given back, so that the sanitizer sees whoever still uses it. */
    arena_done(&c->arena);
    Gw__Response *r = ARENA_NEW(&c->arena, Gw__Response);

    (void)e;
    (void)fds_n;
    *r = (Gw__Response)GW__RESPONSE__INIT;
    int kind = answer(c, request, fds, r);

    if (kind)
        return err_set(err, (enum err_kind)kind, "no: %s", err_kind_name((enum err_kind)kind));
    if (fds_out)
        *fds_out = (struct channel_record){0};
    *out = r;
    return 0;
}

int edge_watch(struct edge *e, struct conn *c, uint64_t session, uint64_t account, struct err *err)
{
    (void)e, (void)session, (void)account, (void)err;
    c->watching = true;
    return 0;
}

void edge_unwatch(struct edge *e, struct conn *c, uint64_t session, uint64_t account)
{
    (void)e, (void)session, (void)account;
    c->watching = false;
}

const struct edge_settings *edge_settings(const struct edge *e)
{
    return &e->settings;
}

/* ---- conn.h ---- */

uint64_t conn_id(const struct conn *c)
{
    return c->id;
}

const struct addr *conn_remote(const struct conn *c)
{
    static const struct addr addr = {.ip = {127, 0, 0, 1}, .ip_n = 4};

    (void)c;
    return &addr;
}

const struct addr *conn_local(const struct conn *c)
{
    static const struct addr addr = {.ip = {127, 0, 0, 1}, .ip_n = 4};

    (void)c;
    return &addr;
}

const struct env *conn_env(const struct conn *c)
{
    static const struct clock clock = {.frozen_ns = INT64_C(1700000000000000000)};
    static struct env env = {.clock = &clock};

    (void)c;
    if (!env.log)
        env.log = log_new(-1, false, NULL);
    return &env;
}

struct arena *conn_arena(struct conn *c)
{
    return &c->arena;
}

struct conn_tls_info conn_tls(const struct conn *c)
{
    return (struct conn_tls_info){.on = c->tls};
}

bool conn_client_key(const struct conn *c, struct conn_key *out)
{
    (void)c;
    (void)out;
    return false;
}

void conn_set_user(struct conn *c, struct slice user)
{
    (void)c;
    (void)user;
}

struct channel_binding conn_channel_binding(const struct conn *c)
{
    (void)c;
    return (struct channel_binding){.name = NULL};
}

bool conn_tls_available(const struct conn *c)
{
    return c->tls_offered;
}

void conn_write(struct conn *c, struct slice s)
{
    build_bytes(&c->out, s);
}

void conn_printf(struct conn *c, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    build_vprintf(&c->out, format, args);
    va_end(args);
}

/* As if the peer took all that is written as soon as we wait. */
size_t conn_output_pending(const struct conn *c)
{
    return c->out.n;
}

void conn_set_timeout(struct conn *c, uint32_t seconds)
{
    (void)c, (void)seconds;
}

void conn_log_write(struct conn *c, enum log_level level, const char *message,
                    const struct log_field *fields)
{
    (void)c, (void)level, (void)message, (void)fields;
}

void conn_delay(struct conn *c, uint32_t seconds)
{
    c->delay_s = seconds;
}

void conn_set_slow(struct conn *c, bool slow)
{
    c->slow = slow;
}

void conn_set_producer(struct conn *c)
{
    c->producing = true;
}

/* ---- driving ---- */

static struct edge fake_edge_plain = {
    .settings = {.message_size_max = 1000000, .plain_auth = true}};
static struct edge fake_edge_tls = {.settings = {.message_size_max = 1000000}};
static const struct edge_listener listener_plain = {
    .edge = &fake_edge_plain, .service = EDGE_IMAP, .settings = &fake_edge_plain.settings};
static const struct edge_listener listener_tls = {
    .edge = &fake_edge_tls, .service = EDGE_IMAP, .settings = &fake_edge_tls.settings};

struct conn *fake_conn_new(struct fake_store *st, bool plain)
{
    struct conn *c = calloc(1, sizeof(*c));

    c->store = st;
    c->tls_offered = !plain;
    c->protocol = &imap_protocol;
    build_init(&c->out, 64u << 20);
    build_init(&c->in, 64u << 20);
    arena_init(&c->arena, 16u << 20);
    c->session = c->protocol->open(c, plain ? &listener_plain : &listener_tls);
    return c;
}

void fake_conn_free(struct conn *c)
{
    if (c->session)
        c->protocol->close(c, c->session);
    build_done(&c->out);
    build_done(&c->in);
    arena_done(&c->arena);
    free(c);
}

static void obey(struct conn *c, enum conn_next next)
{
    if (next == CONN_CLOSE || next == CONN_ABORT)
        c->closed = true;
    if (next == CONN_TLS) {
        c->tls = true;
        build_reset(&c->in);
        obey(c, c->protocol->secured(c, c->session));
    }
}

/* The peer has taken everything: a builder of its own keeps it for the test. */
static void produce_all(struct conn *c)
{
    struct builder heard;

    build_init(&heard, 64u << 20);
    while (c->producing && !c->closed) {
        build_bytes(&heard, build_slice(&c->out));
        build_reset(&c->out);
        enum conn_next next = c->protocol->produce(c, c->session);

        c->producing = next == CONN_AGAIN;
        obey(c, next);
        arena_reset(&c->arena);
    }
    build_bytes(&heard, build_slice(&c->out));
    build_done(&c->out);
    c->out = heard;
}

void fake_conn_say(struct conn *c, struct slice octets)
{
    size_t offered = 0;

    build_bytes(&c->in, octets);
    while (!c->closed && c->in.n > offered) {
        size_t used = 0;
        enum conn_next next = c->protocol->input(c, c->session, build_slice(&c->in), &used);

        build_drop_front(&c->in, used);
        obey(c, next);
        arena_reset(&c->arena);
        produce_all(c);
        offered = next == CONN_MORE ? c->in.n : 0;
    }
}

void fake_conn_wake(struct conn *c, unsigned events)
{
    obey(c, c->protocol->wake(c, c->session, events));
    produce_all(c);
}

const char *fake_conn_heard(struct conn *c)
{
    char *text;

    arena_reset(&c->arena);
    text = arena_str(&c->arena, build_slice(&c->out));
    build_reset(&c->out);
    return text;
}
