#include "store/mailbox.h"

#include "base/num.h"
#include "rpc/call.h"
#include "store/keywords.h"
#include "store/mailbox_name.h"
#include "store/message_add.h"
#include "store/uidset.h"

#define COLUMNS                                                                                    \
    "SELECT mailbox_id, parent_id, name, uidvalidity, uidnext, special_use, keywords, "            \
    "create_modseq, modseq, total, deleted, unseen, unread, size_bytes FROM mailbox "              \
    "WHERE account_id = ?1 AND "

/* Steps a query for one mailbox to its row, reads it and ends the query. */
static int read_row(struct db_row *r, struct arena *a, int64_t account_id, struct mailbox *out,
                    struct err *err)
{
    int rc = db_step(r, err);

    if (rc == 1) {
        *out = (struct mailbox){
            .account_id = account_id,
            .id = db_int(r, 0),
            .parent_id = db_int(r, 1),
            .name = arena_copy(a, db_blob(r, 2)),
            .uidvalidity = (uint32_t)db_int(r, 3),
            .uidnext = db_int(r, 4),
            .special_use = (uint32_t)db_int(r, 5),
            .keywords = arena_copy(a, db_blob(r, 6)),
            .create_modseq = db_int(r, 7),
            .modseq = db_int(r, 8),
            .total = db_int(r, 9),
            .deleted = db_int(r, 10),
            .unseen = db_int(r, 11),
            .unread = db_int(r, 12),
            .size_bytes = db_int(r, 13),
        };
        if (arena_failed(a))
            rc = err_set(err, ERR_NOMEM, "out of memory");
    }
    db_done(r);
    return rc;
}

int mailbox_by_name(struct db *db, struct arena *a, int64_t account_id, struct slice name,
                    struct mailbox *out, struct err *err)
{
    struct db_row r;
    int rc = db_query(db, COLUMNS "name = ?2", &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_text(&r, 2, name);
    return read_row(&r, a, account_id, out, err);
}

int mailbox_by_id(struct db *db, struct arena *a, int64_t account_id, uint64_t id,
                  struct mailbox *out, struct err *err)
{
    struct db_row r;
    int rc = db_query(db, COLUMNS "mailbox_id = ?2", &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_int(&r, 2, (int64_t)id);
    return read_row(&r, a, account_id, out, err);
}

int mailbox_after(struct db *db, struct arena *a, int64_t account_id, struct slice name,
                  struct mailbox *out, struct err *err)
{
    struct db_row r;
    int rc = db_query(db, COLUMNS "name > ?2 ORDER BY name LIMIT 1", &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_text(&r, 2, name);
    return read_row(&r, a, account_id, out, err);
}

static int found(int rc, struct err *err)
{
    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no such mailbox");
    return rc < 0 ? rc : 0;
}

int mailbox_need_name(struct db *db, struct arena *a, int64_t account_id, struct slice name,
                      struct mailbox *out, struct err *err)
{
    return found(mailbox_by_name(db, a, account_id, name, out, err), err);
}

int mailbox_need_id(struct db *db, struct arena *a, int64_t account_id, uint64_t id,
                    struct mailbox *out, struct err *err)
{
    return found(mailbox_by_id(db, a, account_id, id, out, err), err);
}

int mailbox_save(struct write_ctx *ctx, const struct mailbox *m, struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db,
                      "UPDATE mailbox SET parent_id = ?3, name = ?4, uidnext = ?5, "
                      "special_use = ?6, keywords = ?7, modseq = ?8, total = ?9, deleted = ?10, "
                      "unseen = ?11, unread = ?12, size_bytes = ?13 "
                      "WHERE account_id = ?1 AND mailbox_id = ?2",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, m->account_id);
    db_bind_int(&r, 2, m->id);
    db_bind_int(&r, 3, m->parent_id);
    db_bind_text(&r, 4, m->name);
    db_bind_int(&r, 5, m->uidnext);
    db_bind_int(&r, 6, m->special_use);
    db_bind_text(&r, 7, m->keywords);
    db_bind_int(&r, 8, m->modseq);
    db_bind_int(&r, 9, m->total);
    db_bind_int(&r, 10, m->deleted);
    db_bind_int(&r, 11, m->unseen);
    db_bind_int(&r, 12, m->unread);
    db_bind_int(&r, 13, m->size_bytes);
    return db_run(&r, err);
}

void mailbox_count(struct mailbox *m, uint32_t flags, int64_t size_bytes, int sign)
{
    bool deleted = flags & MESSAGE_DELETED, seen = flags & MESSAGE_SEEN;

    m->total += deleted ? 0 : sign;
    m->deleted += deleted ? sign : 0;
    m->unseen += seen ? 0 : sign;
    m->unread += seen || deleted ? 0 : sign;
    m->size_bytes += sign * size_bytes;
}

int subscription_has(struct db *db, int64_t account_id, struct slice name, struct err *err)
{
    struct db_row r;
    int rc =
        db_query(db, "SELECT 1 FROM subscription WHERE account_id = ?1 AND name = ?2", &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_text(&r, 2, name);
    rc = db_step(&r, err);
    db_done(&r);
    return rc;
}

static int subscribe(struct write_ctx *ctx, int64_t account_id, struct slice name, struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db,
                      "INSERT INTO subscription (account_id, name) VALUES (?1, ?2) "
                      "ON CONFLICT (account_id, name) DO NOTHING",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_text(&r, 2, name);
    return db_run(&r, err);
}

/* Takes the next mailbox id and UIDVALIDITY of the account. */
static int take_ids(struct write_ctx *ctx, struct mailbox *m, struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db,
                      "UPDATE account SET mailbox_next = mailbox_next + 1, "
                      "uidvalidity_next = uidvalidity_next + 1 WHERE account_id = ?1 "
                      "RETURNING mailbox_next - 1, uidvalidity_next - 1, (SELECT COUNT(*) FROM "
                      "mailbox WHERE mailbox.account_id = ?1)",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, m->account_id);
    rc = db_step(&r, err);
    int64_t id = rc == 1 ? db_int(&r, 0) : 0, uidvalidity = rc == 1 ? db_int(&r, 1) : 0;
    int64_t count = rc == 1 ? db_int(&r, 2) : 0;

    if (rc == 1)
        rc = db_step(&r, err);
    db_done(&r);
    if (rc < 0)
        return rc;
    if (id == 0)
        return err_set(err, ERR_NOT_FOUND, "the account is gone");
    if (count >= MAILBOXES_MAX || uidvalidity > UINT32_MAX)
        return err_set(err, ERR_LIMIT, "there are too many mailboxes");
    m->id = id;
    m->uidvalidity = (uint32_t)uidvalidity;
    return 0;
}

static int insert(struct write_ctx *ctx, struct mailbox *m, struct err *err)
{
    struct db_row r;
    int rc = take_ids(ctx, m, err);

    if (rc == 0)
        rc = db_query(ctx->db,
                      "INSERT INTO mailbox (account_id, mailbox_id, parent_id, name, uidvalidity, "
                      "uidnext, special_use, keywords, create_modseq, modseq, total, deleted, "
                      "unseen, unread, size_bytes) "
                      "VALUES (?1, ?2, ?3, ?4, ?5, 1, 0, '', ?6, ?6, 0, 0, 0, 0, 0)",
                      &r, err);
    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, m->account_id);
    db_bind_int(&r, 2, m->id);
    db_bind_int(&r, 3, m->parent_id);
    db_bind_text(&r, 4, m->name);
    db_bind_int(&r, 5, m->uidvalidity);
    db_bind_int(&r, 6, m->modseq);
    return db_run(&r, err);
}

static int create_level(struct write_ctx *ctx, struct mailbox *m, bool subscribed, struct err *err)
{
    int rc = insert(ctx, m, err);

    if (rc == 0 && subscribed)
        rc = subscribe(ctx, m->account_id, m->name, err);
    if (rc == 0)
        rc = change_append(ctx, m->account_id, (uint64_t)m->modseq,
                           GW__CHANGE__KIND__KIND_MAILBOX_ADD, m->id, slice_of(NULL, 0), m->name,
                           slice_of(NULL, 0), err);
    return rc;
}

int mailbox_create(struct write_ctx *ctx, struct arena *a, int64_t account_id, struct slice name,
                   bool subscribed, uint64_t modseq, struct mailbox_list *list, struct err *err)
{
    int64_t parent_id = 0;

    list->n = 0;
    for (size_t at = 0; at <= name.n; at++) {
        if (at < name.n && name.p[at] != '/')
            continue;
        struct mailbox m;
        struct slice level = slice_sub(name, 0, at);
        int rc = mailbox_by_name(ctx->db, a, account_id, level, &m, err);

        if (rc == 0) {
            if (list->n >= ARRAY_SIZE(list->v))
                return err_set(err, ERR_LIMIT, "the mailbox name has too many levels");
            m = (struct mailbox){.account_id = account_id,
                                 .parent_id = parent_id,
                                 .name = level,
                                 .uidnext = 1,
                                 .create_modseq = (int64_t)modseq,
                                 .modseq = (int64_t)modseq};
            rc = create_level(ctx, &m, subscribed, err);
            list->v[list->n++] = m;
        }
        if (rc < 0)
            return rc;
        parent_id = m.id;
    }
    if (list->n == 0)
        return err_set(err, ERR_EXISTS, "there is a mailbox of that name");
    return 0;
}

int mailbox_to_row(struct arena *a, const struct mailbox *m, Gw__Mailbox *out, struct err *err)
{
    gw__mailbox__init(out);
    out->mailbox = (uint64_t)m->id;
    out->name = rpc_bytes(m->name);
    out->uidvalidity = m->uidvalidity;
    out->uidnext = (uint32_t)m->uidnext;
    out->modseq = (uint64_t)m->modseq;
    out->special_use = m->special_use;
    out->messages = (uint32_t)(m->total + m->deleted);
    out->unseen = (uint32_t)m->unseen;
    out->deleted = (uint32_t)m->deleted;
    out->size = (uint64_t)m->size_bytes;
    return keywords_to_response(a, m->keywords, &out->keywords, &out->n_keywords, err);
}
