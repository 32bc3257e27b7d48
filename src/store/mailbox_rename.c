/* MailboxRename: a mailbox with all below it gets another name; Inbox gives away its messages. */
#include "rpc/call.h"
#include "store/mailbox.h"
#include "store/mailbox_name.h"
#include "store/message_add.h"
#include "store/message_copy.h"
#include "store/request.h"

/* Change rows of one modseq come in one page of ChangesRead: after this much a new one is taken. */
#define CHANGE_BYTES_MAX (24u * 1024)

struct rename {
    struct slice from, to;
    uint64_t modseq; /* of the rows written now */
    size_t bytes;    /* of names in them */
};

static int next_modseq(struct call *c, struct write_ctx *ctx, struct rename *rn, struct err *err)
{
    rn->bytes = 0;
    int rc = account_modseq_next(ctx, c->session.account_id, &rn->modseq, err);

    c->event_modseq = rn->modseq;
    return rc;
}

/* Gives one mailbox its new name and says so in the change log. */
static int rename_one(struct call *c, struct write_ctx *ctx, struct rename *rn, struct mailbox *m,
                      struct err *err)
{
    struct slice old = m->name;
    int rc = 0;

    m->name = arena_printf(&c->out, "%.*s%.*s", SLICE_FMT(rn->to),
                           SLICE_FMT(slice_from(old, rn->from.n)));
    if (arena_failed(&c->out))
        return call_no_memory(err);
    if (m->name.n > MAILBOX_NAME_MAX)
        return err_set(err, ERR_LIMIT, "the name of a mailbox below it would be too long");
    if (rn->bytes > CHANGE_BYTES_MAX)
        rc = next_modseq(c, ctx, rn, err);
    m->modseq = (int64_t)rn->modseq;
    rn->bytes += old.n + m->name.n;
    if (rc == 0)
        rc = mailbox_save(ctx, m, err);
    if (rc == 0)
        rc = change_append(ctx, m->account_id, rn->modseq, GW__CHANGE__KIND__KIND_MAILBOX_RENAME,
                           m->id, slice_of(NULL, 0), m->name, old, err);
    return rc;
}

struct below {
    struct mailbox *v;
    size_t n;
};

/* All mailboxes below `from`. Rows are collected before any is changed. */
static int collect(struct call *c, struct write_ctx *ctx, struct slice from, struct below *out,
                   struct err *err)
{
    /* "from/" comes first of all names that start with it. */
    struct slice name = arena_printf(&c->out, "%.*s/", SLICE_FMT(from));
    struct mailbox m;
    size_t cap = 0;
    int rc;

    while ((rc = mailbox_after(ctx->db, &c->out, c->session.account_id, name, &m, err)) == 1 &&
           mailbox_name_below(m.name, from)) {
        if (out->n == cap) {
            struct mailbox *v = ARENA_ARRAY(&c->out, (cap + 16) * 2, struct mailbox);

            if (!v)
                return call_no_memory(err);
            if (out->n > 0)
                memcpy(v, out->v, out->n * sizeof(*v));
            out->v = v;
            cap = (cap + 16) * 2;
        }
        out->v[out->n++] = m;
        name = m.name;
    }
    return rc < 0 ? rc : 0;
}

/* Makes the missing parents of the new name; *parent_id_out is the nearest. */
static int make_parents(struct call *c, struct write_ctx *ctx, const struct rename *rn,
                        int64_t *parent_id_out, struct err *err)
{
    struct slice parent = mailbox_name_parent(rn->to);
    struct mailbox_list *list = ARENA_NEW(&c->out, struct mailbox_list);
    struct mailbox m;

    *parent_id_out = 0;
    if (!list)
        return call_no_memory(err);
    if (parent.n == 0)
        return 0;
    int rc = mailbox_by_name(ctx->db, &c->out, c->session.account_id, parent, &m, err);

    if (rc == 1)
        *parent_id_out = m.id;
    if (rc != 0)
        return rc < 0 ? rc : 0;
    rc = mailbox_create(ctx, &c->out, c->session.account_id, parent, /* subscribe= */ false,
                        rn->modseq, list, err);
    if (rc == 0)
        *parent_id_out = list->v[list->n - 1].id;
    return rc;
}

static int rename_tree(struct call *c, struct write_ctx *ctx, struct rename *rn, struct mailbox *m,
                       struct err *err)
{
    struct below below = {0};
    int64_t parent_id = 0;
    bool into_itself = mailbox_name_below(rn->to, rn->from);
    int rc = collect(c, ctx, rn->from, &below, err);

    if (rc == 0 && !into_itself)
        rc = make_parents(c, ctx, rn, &parent_id, err);
    /* The deepest first: no name is taken twice on the way, also when it moves below itself. */
    for (size_t i = below.n; rc == 0 && i > 0; i--)
        rc = rename_one(c, ctx, rn, &below.v[i - 1], err);
    if (rc == 0)
        rc = rename_one(c, ctx, rn, m, err);
    /* Its own old place is then made again as its parent. */
    if (rc == 0 && into_itself)
        rc = make_parents(c, ctx, rn, &parent_id, err);
    if (rc == 0) {
        m->parent_id = parent_id;
        rc = mailbox_save(ctx, m, err);
    }
    return rc;
}

/* RFC 9051 6.3.6: renaming INBOX moves its messages into a new mailbox and leaves it empty; what is
 * below it stays. */
static int rename_inbox(struct call *c, struct write_ctx *ctx, struct rename *rn,
                        struct mailbox *inbox, struct err *err)
{
    struct mailbox_list *list = ARENA_NEW(&c->out, struct mailbox_list);

    if (!list)
        return call_no_memory(err);
    int rc = mailbox_create(ctx, &c->out, c->session.account_id, rn->to, /* subscribe= */ false,
                            rn->modseq, list, err);
    struct mailbox *to = &list->v[list->n > 0 ? list->n - 1 : 0];
    uint32_t first = 1;

    while (rc == 0 && first > 0) {
        struct range rest = {first, MAILBOX_UID_LAST};
        const struct ranges all = {.v = &rest, .n = 1};
        struct message_copy copy = {
            .from = inbox, .to = to, .ranges = &all, .move = true, .ranges_max = CALL_RANGES_MAX};

        rc = message_copy(ctx, &c->out, &copy, err);
        first = copy.next_uid;
        if (copy.modseq > 0)
            c->event_modseq = copy.modseq;
        ranges_done(&copy.copied_from);
        ranges_done(&copy.copied_to);
    }
    return rc;
}

static int rename_apply(struct call *c, struct write_ctx *ctx, struct err *err)
{
    struct rename rn = *(const struct rename *)c->state;
    struct mailbox m, other;
    int64_t account_id = c->session.account_id;
    int rc = mailbox_need_name(ctx->db, &c->out, account_id, rn.from, &m, err);

    if (rc < 0)
        return rc;
    rc = mailbox_by_name(ctx->db, &c->out, account_id, rn.to, &other, err);
    if (rc == 1)
        return err_set(err, ERR_EXISTS, "there is a mailbox of that name");
    if (rc == 0)
        rc = next_modseq(c, ctx, &rn, err);
    if (rc == 0)
        rc = mailbox_name_is_inbox(rn.from) ? rename_inbox(c, ctx, &rn, &m, err)
                                            : rename_tree(c, ctx, &rn, &m, err);
    return rc < 0 ? rc : call_answer_done(c, err);
}

int call_mailbox_rename(struct call *c, struct err *err)
{
    const Gw__MailboxRename *request = c->request->mailbox_rename;
    struct rename *rn = ARENA_NEW(&c->in, struct rename);

    if (!rn)
        return call_no_memory(err);
    int rc = mailbox_name_check(&c->in, rpc_slice(request->from), &rn->from, err);

    if (rc == 0)
        rc = mailbox_name_check(&c->in, rpc_slice(request->to), &rn->to, err);
    if (rc < 0)
        return rc;
    if (mailbox_name_is_inbox(rn->to))
        return err_set(err, ERR_EXISTS, "Inbox exists");
    c->state = rn;
    return call_write(c, call_shard(c), rename_apply);
}
