/* MailboxCreate, MailboxDelete, Subscribe. */
#include "base/num.h"
#include "rpc/call.h"
#include "store/mailbox.h"
#include "store/mailbox_name.h"
#include "store/message_add.h"
#include "store/request.h"

/* The name of the request, checked; kept for apply. */
struct edit {
    struct slice name;
};

static int name_of(struct call *c, ProtobufCBinaryData name, struct edit **out, struct err *err)
{
    struct edit *edit = ARENA_NEW(&c->in, struct edit);

    if (!edit)
        return call_no_memory(err);
    *out = edit;
    return mailbox_name_check(&c->in, rpc_slice(name), &edit->name, err);
}

/* ---- create ---- */

/* A special use belongs to one mailbox: takes the wanted bits from those that have them. */
static int special_use_take(struct call *c, struct write_ctx *ctx, uint32_t wanted, uint64_t modseq,
                            struct err *err)
{
    struct slice name = SLICE("");
    struct mailbox m;
    int rc;

    while ((rc = mailbox_after(ctx->db, &c->out, c->session.account_id, name, &m, err)) == 1) {
        name = m.name;
        if ((m.special_use & wanted) == 0)
            continue;
        m.special_use &= ~wanted;
        m.modseq = (int64_t)modseq;
        rc = mailbox_save(ctx, &m, err);
        if (rc == 0)
            rc = change_append(ctx, m.account_id, modseq, GW__CHANGE__KIND__KIND_SPECIAL_USE, m.id,
                               slice_of(NULL, 0), m.name, slice_of(NULL, 0), err);
        if (rc < 0)
            break;
    }
    return rc;
}

static int answer_mailboxes(struct call *c, struct mailbox_list *list, struct err *err)
{
    Gw__Mailboxes *rows = call_message(c, &gw__mailboxes__descriptor);
    Gw__Mailbox **v = ARENA_ARRAY(&c->out, list->n, Gw__Mailbox *);

    if (!rows || !v)
        return call_no_memory(err);
    for (size_t i = 0; i < list->n; i++) {
        v[i] = call_message(c, &gw__mailbox__descriptor);
        if (!v[i])
            return call_no_memory(err);
        int rc = mailbox_to_row(&c->out, &list->v[i], v[i], err);

        if (rc < 0)
            return rc;
        v[i]->subscribed = true;
    }
    rows->rows = v;
    rows->n_rows = list->n;
    c->response.result_case = GW__RESPONSE__RESULT_MAILBOXES;
    c->response.mailboxes = rows;
    return 0;
}

static int create_apply(struct call *c, struct write_ctx *ctx, struct err *err)
{
    const struct edit *edit = c->state;
    uint32_t use = c->request->mailbox_create->special_use;
    struct mailbox_list *list = ARENA_NEW(&c->out, struct mailbox_list);
    uint64_t modseq;

    if (!list)
        return call_no_memory(err);
    int rc = account_modseq_next(ctx, c->session.account_id, &modseq, err);

    if (rc == 0)
        rc = mailbox_create(ctx, &c->out, c->session.account_id, edit->name, /* subscribe= */ true,
                            modseq, list, err);
    if (rc == 0 && use != 0) {
        struct mailbox *leaf = &list->v[list->n - 1];

        rc = special_use_take(c, ctx, use, modseq, err);
        leaf->special_use = use;
        if (rc == 0)
            rc = mailbox_save(ctx, leaf, err);
    }
    c->event_modseq = modseq;
    return rc < 0 ? rc : answer_mailboxes(c, list, err);
}

int call_mailbox_create(struct call *c, struct err *err)
{
    struct edit *edit = NULL;
    int rc = name_of(c, c->request->mailbox_create->name, &edit, err);

    if (rc < 0)
        return rc;
    if (c->request->mailbox_create->special_use & ~MAILBOX_SPECIAL_USE)
        return err_set(err, ERR_INVALID, "there is no such special use");
    c->state = edit;
    return call_write(c, call_shard(c), create_apply);
}

/* ---- delete ---- */

static int check_no_children(struct call *c, struct write_ctx *ctx, const struct mailbox *m,
                             struct err *err)
{
    struct db_row r;
    int rc = db_query(
        ctx->db, "SELECT 1 FROM mailbox WHERE account_id = ?1 AND parent_id = ?2 LIMIT 1", &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, c->session.account_id);
    db_bind_int(&r, 2, m->id);
    rc = db_step(&r, err);
    db_done(&r);
    if (rc == 1)
        return err_set(err, ERR_EXISTS, "the mailbox has mailboxes below it");
    return rc;
}

/* The messages go in several change rows, so that each fits an answer to ChangesRead. */
static int expunge_all(struct call *c, struct write_ctx *ctx, struct mailbox *m, struct err *err)
{
    struct mailbox_expunge what = {.ranges_max = CALL_RANGES_MAX};
    uint32_t next;
    int rc;

    do {
        struct ranges removed = RANGES_EMPTY;
        uint64_t modseq = 0;

        rc = mailbox_expunge(ctx, &c->out, m, &what, &modseq, &removed, &next, err);
        ranges_done(&removed);
    } while (rc == 0 && next > 0);
    return rc;
}

static int delete_apply(struct call *c, struct write_ctx *ctx, struct err *err)
{
    const struct edit *edit = c->state;
    struct mailbox m;
    struct db_row r;
    uint64_t modseq;
    int rc = mailbox_need_name(ctx->db, &c->out, c->session.account_id, edit->name, &m, err);

    if (rc == 0)
        rc = check_no_children(c, ctx, &m, err);
    if (rc == 0)
        rc = expunge_all(c, ctx, &m, err);
    if (rc == 0)
        rc = account_modseq_next(ctx, c->session.account_id, &modseq, err);
    if (rc == 0)
        rc = change_append(ctx, m.account_id, modseq, GW__CHANGE__KIND__KIND_MAILBOX_REMOVE, m.id,
                           slice_of(NULL, 0), m.name, slice_of(NULL, 0), err);
    if (rc == 0)
        rc = db_query(ctx->db, "DELETE FROM mailbox WHERE account_id = ?1 AND mailbox_id = ?2", &r,
                      err);
    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, m.account_id);
    db_bind_int(&r, 2, m.id);
    rc = db_run(&r, err);
    c->event_modseq = modseq;
    return rc < 0 ? rc : call_answer_done(c, err);
}

int call_mailbox_delete(struct call *c, struct err *err)
{
    struct edit *edit = NULL;
    int rc = name_of(c, c->request->mailbox_delete->name, &edit, err);

    if (rc < 0)
        return rc;
    if (mailbox_name_is_inbox(edit->name))
        return err_set(err, ERR_INVALID, "Inbox cannot be deleted");
    c->state = edit;
    return call_write(c, call_shard(c), delete_apply);
}

/* ---- subscribe ---- */

static int subscription_write(struct call *c, struct write_ctx *ctx, struct slice name, bool on,
                              struct err *err)
{
    struct db_row r;
    int rc = on ? db_query(ctx->db, "INSERT INTO subscription (account_id, name) VALUES (?1, ?2)",
                           &r, err)
                : db_query(ctx->db, "DELETE FROM subscription WHERE account_id = ?1 AND name = ?2",
                           &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, c->session.account_id);
    db_bind_text(&r, 2, name);
    return db_run(&r, err);
}

static int subscribe_apply(struct call *c, struct write_ctx *ctx, struct err *err)
{
    const struct edit *edit = c->state;
    bool on = c->request->subscribe->on;
    int64_t account_id = c->session.account_id;
    struct mailbox m;
    int has = subscription_has(ctx->db, account_id, edit->name, err);
    int exists = has < 0 ? has : mailbox_by_name(ctx->db, &c->out, account_id, edit->name, &m, err);

    if (exists < 0)
        return exists;
    if (!on && !has && !exists)
        return err_set(err, ERR_NOT_FOUND, "there is no such mailbox or subscription");
    if (on == (has == 1))
        return call_answer_done(c, err);
    uint64_t modseq;
    int rc = account_modseq_next(ctx, account_id, &modseq, err);

    if (rc == 0)
        rc = subscription_write(c, ctx, edit->name, on, err);
    if (rc == 0)
        rc = change_append(
            ctx, account_id, modseq,
            on ? GW__CHANGE__KIND__KIND_SUBSCRIBE : GW__CHANGE__KIND__KIND_UNSUBSCRIBE,
            exists ? m.id : 0, slice_of(NULL, 0), edit->name, slice_of(NULL, 0), err);
    c->event_modseq = modseq;
    return rc < 0 ? rc : call_answer_done(c, err);
}

int call_subscribe(struct call *c, struct err *err)
{
    struct edit *edit = NULL;
    int rc = name_of(c, c->request->subscribe->name, &edit, err);

    if (rc < 0)
        return rc;
    c->state = edit;
    return call_write(c, call_shard(c), subscribe_apply);
}
