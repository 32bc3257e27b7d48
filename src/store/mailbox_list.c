/* MailboxList and MailboxOpen. */
#include "rpc/call.h"
#include "store/mailbox.h"
#include "store/mailbox_name.h"
#include "store/request.h"

/* One number of the account: its columns are few, and this is read with a mailbox. */
struct account_row {
    int64_t modseq, size_bytes, quota_bytes;
};

static int account_read(struct call *c, struct account_row *out, struct err *err)
{
    struct db_row r;
    int rc = db_query(call_reader(c),
                      "SELECT modseq, size_bytes, quota_bytes FROM account WHERE account_id = ?1",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, c->session.account_id);
    rc = db_step(&r, err);
    if (rc == 1)
        *out = (struct account_row){db_int(&r, 0), db_int(&r, 1), db_int(&r, 2)};
    db_done(&r);
    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, "the account is gone");
    return rc < 0 ? rc : 0;
}

/* A number from a query over the messages of a mailbox; 0 when there is none. */
static int message_number(struct call *c, struct db_row *r, const struct mailbox *m, int64_t *out,
                          struct err *err)
{
    db_bind_int(r, 1, c->session.account_id);
    db_bind_int(r, 2, m->id);
    int rc = db_step(r, err);

    if (rc >= 0)
        *out = rc == 1 ? db_int(r, 0) : 0;
    db_done(r);
    return rc < 0 ? rc : 0;
}

static int deleted_size(struct call *c, const struct mailbox *m, int64_t *out, struct err *err)
{
    struct db_row r;

    *out = 0;
    if (m->deleted == 0)
        return 0;
    int rc = db_query(call_reader(c),
                      "SELECT COALESCE(SUM(size_bytes), 0) FROM message WHERE account_id = ?1 AND "
                      "mailbox_id = ?2 AND expunged_ns = 0 AND flags & 8 != 0",
                      &r, err);

    return rc < 0 ? rc : message_number(c, &r, m, out, err);
}

static int fill_row(struct call *c, const struct mailbox *m, Gw__Mailbox *out, struct err *err)
{
    int64_t size;
    int rc = mailbox_to_row(&c->out, m, out, err);

    if (rc == 0)
        rc = deleted_size(c, m, &size, err);
    if (rc < 0)
        return rc;
    out->deleted_size = (uint64_t)size;
    rc = subscription_has(call_reader(c), c->session.account_id, m->name, err);
    out->subscribed = rc == 1;
    return rc < 0 ? rc : 0;
}

/* The next subscription after `name`: 1, 0 or an error. */
static int subscription_after(struct call *c, struct slice name, struct slice *out, struct err *err)
{
    struct db_row r;
    int rc = db_query(call_reader(c),
                      "SELECT name FROM subscription WHERE account_id = ?1 AND name > ?2 "
                      "ORDER BY name LIMIT 1",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, c->session.account_id);
    db_bind_text(&r, 2, name);
    rc = db_step(&r, err);
    if (rc == 1)
        *out = arena_copy(&c->out, db_blob(&r, 0));
    db_done(&r);
    return rc;
}

/* The row after `name` in mailboxes and subscriptions together: 1, 0 or an error. */
static int row_after(struct call *c, struct slice name, Gw__Mailbox *out, struct err *err)
{
    struct mailbox m;
    struct slice subscribed;
    int rc = mailbox_after(call_reader(c), &c->out, c->session.account_id, name, &m, err);
    int more = rc < 0 ? rc : subscription_after(c, name, &subscribed, err);

    if (more < 0)
        return more;
    if (rc == 1 && (more == 0 || slice_cmp(m.name, subscribed) <= 0)) {
        rc = fill_row(c, &m, out, err);
        return rc < 0 ? rc : 1;
    }
    if (more == 0)
        return 0;
    gw__mailbox__init(out);
    out->name = rpc_bytes(subscribed);
    out->subscribed = true;
    out->nonexistent = true;
    return 1;
}

/* Rows until the page is full. */
static int list_rows(struct call *c, Gw__Mailboxes *list, struct err *err)
{
    enum { ROWS_MAX = 500 };
    struct slice name = rpc_slice(c->request->mailbox_list->after);
    size_t used = 0;

    list->rows = ARENA_ARRAY(&c->out, ROWS_MAX, Gw__Mailbox *);
    if (!list->rows)
        return call_no_memory(err);
    for (;;) {
        Gw__Mailbox *row = call_message(c, &gw__mailbox__descriptor);

        if (!row)
            return call_no_memory(err);
        int rc = row_after(c, name, row, err);

        if (rc <= 0)
            return rc;
        if (list->n_rows == ROWS_MAX || !call_page_fits(&used, &row->base)) {
            list->more = true;
            return 0;
        }
        list->rows[list->n_rows++] = row;
        name = rpc_slice(row->name);
    }
}

int call_mailbox_list(struct call *c, struct err *err)
{
    Gw__Mailboxes *list = call_message(c, &gw__mailboxes__descriptor);
    struct account_row account;

    if (!list)
        return call_no_memory(err);
    int rc = account_read(c, &account, err);

    if (rc == 0)
        rc = list_rows(c, list, err);
    if (rc < 0)
        return rc;
    list->quota_used = (uint64_t)account.size_bytes;
    list->quota_limit = (uint64_t)account.quota_bytes;
    c->response.result_case = GW__RESPONSE__RESULT_MAILBOXES;
    c->response.mailboxes = list;
    return 0;
}

static int find_mailbox(struct call *c, struct mailbox *out, struct err *err)
{
    const Gw__MailboxOpen *open = c->request->mailbox_open;
    struct slice name;

    if (open->name.len == 0)
        return mailbox_need_id(call_reader(c), &c->out, c->session.account_id, open->mailbox, out,
                               err);
    int rc = mailbox_name_check(&c->in, rpc_slice(open->name), &name, err);

    if (rc < 0)
        return rc;
    return mailbox_need_name(call_reader(c), &c->out, c->session.account_id, name, out, err);
}

static int open_mailbox(struct call *c, Gw__MailboxOpened *opened, struct err *err)
{
    struct account_row account;
    struct mailbox m;
    struct db_row r;
    int64_t unseen = 0;
    int rc = find_mailbox(c, &m, err);

    if (rc == 0)
        rc = account_read(c, &account, err);
    if (rc == 0)
        rc = fill_row(c, &m, opened->mailbox, err);
    if (rc == 0 && m.unseen > 0) {
        rc = db_query(call_reader(c),
                      "SELECT uid FROM message WHERE account_id = ?1 AND mailbox_id = ?2 AND "
                      "expunged_ns = 0 AND flags & 1 = 0 ORDER BY uid LIMIT 1",
                      &r, err);
        if (rc == 0)
            rc = message_number(c, &r, &m, &unseen, err);
    }
    if (rc < 0)
        return rc;
    opened->first_unseen_uid = (uint32_t)unseen;
    opened->account_modseq = (uint64_t)account.modseq;
    return 0;
}

int call_mailbox_open(struct call *c, struct err *err)
{
    Gw__MailboxOpened *opened = call_message(c, &gw__mailbox_opened__descriptor);

    if (!opened)
        return call_no_memory(err);
    opened->mailbox = call_message(c, &gw__mailbox__descriptor);
    if (!opened->mailbox)
        return call_no_memory(err);
    /* One transaction: the counters and the modseq belong to the same moment. */
    int rc = db_exec(call_reader(c), "BEGIN", err);

    if (rc < 0)
        return rc;
    rc = open_mailbox(c, opened, err);
    struct err end_err;
    int end_rc = db_exec(call_reader(c), "COMMIT", &end_err);

    if (rc == 0 && end_rc < 0) {
        *err = end_err;
        rc = end_rc;
    }
    if (rc < 0)
        return rc;
    c->response.result_case = GW__RESPONSE__RESULT_MAILBOX_OPENED;
    c->response.mailbox_opened = opened;
    return 0;
}
