#include "store/deliver.h"

#include "base/arena.h"
#include "store/mailbox.h"
#include "store/message_add.h"

static void put_le32(uint8_t *p, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> (8 * i));
}

/* The mailbox of a target, made when it is missing. */
static int mailbox_settle(struct write_ctx *ctx, struct arena *a, struct deliver_target *t,
                          struct err *err)
{
    struct slice name = t->mailbox.n > 0 ? t->mailbox : SLICE("Inbox");
    struct mailbox_list made = {.n = 0};
    struct mailbox mailbox;
    uint64_t modseq = 0;
    int rc = mailbox_by_name(ctx->db, a, t->account_id, name, &mailbox, err);

    if (rc == 1)
        t->mailbox_id = mailbox.id;
    if (rc != 0)
        return rc < 0 ? rc : 0;
    rc = account_modseq_next(ctx, t->account_id, &modseq, err);
    if (rc == 0)
        rc = mailbox_create(ctx, a, t->account_id, name, /* subscribe= */ true, modseq, &made, err);
    if (rc == 0)
        t->mailbox_id = made.v[made.n - 1].id;
    return rc;
}

/* The message is there already, for the same address. */
static struct deliver_target *stored_before(struct deliver *d, const struct deliver_target *t)
{
    for (struct deliver_target *other = d->targets; other < t; other++) {
        if (other->kind == ERR_NONE && other->account_id == t->account_id &&
            slice_eq(other->destination, t->destination))
            return other;
    }
    return NULL;
}

/* Delivered-To, then what the recipient brings along. */
static struct slice full_prefix(struct arena *a, const struct deliver_target *t)
{
    struct slice first = arena_printf(a, "Delivered-To: %.*s\r\n", SLICE_FMT(t->delivered_to));
    uint8_t *p = arena_alloc(a, first.n + t->prefix.n + 1);

    if (p == NULL || arena_failed(a))
        return slice_of(NULL, 0);
    memcpy(p, first.p, first.n);
    if (t->prefix.n > 0)
        memcpy(p + first.n, t->prefix.p, t->prefix.n);
    return slice_of(p, first.n + t->prefix.n);
}

static int message_store(struct write_ctx *ctx, struct arena *a, const struct deliver *d,
                         int64_t body_id, struct deliver_target *t, struct err *err)
{
    struct message_new m = {.account_id = t->account_id,
                            .mailbox_id = t->mailbox_id,
                            .received_ns = d->received_ns,
                            .prefix = full_prefix(a, t),
                            .facts = d->facts,
                            .body_id = body_id,
                            .body_size = d->body->size,
                            .origin = d->origin,
                            .reverse_path = d->reverse_path,
                            .rcpt_to = t->address,
                            .notify = t->notify,
                            .orcpt = t->orcpt,
                            .wishes = d->wishes,
                            .extras_packed = d->extras_packed,
                            .search_packed = d->search_packed};
    struct message_added added;
    uint64_t modseq = 0;
    uint8_t uids[8];
    int rc = arena_failed(a) ? err_set(err, ERR_NOMEM, "out of memory")
                             : account_modseq_next(ctx, t->account_id, &modseq, err);

    if (rc == 0)
        rc = message_add(ctx, &m, modseq, &added, err);
    if (rc < 0)
        return rc;
    put_le32(uids, added.uid);
    put_le32(uids + 4, added.uid);
    rc = change_append(ctx, t->account_id, modseq, GW__CHANGE__KIND__KIND_ADD, t->mailbox_id,
                       slice_of(uids, sizeof uids), SLICE(""), SLICE(""), err);
    if (rc == 0) {
        t->uid = added.uid;
        t->modseq = modseq;
    }
    return rc;
}

static int target_serve(struct write_ctx *ctx, struct arena *a, struct deliver *d, int64_t body_id,
                        struct deliver_target *t, struct err *err)
{
    const struct deliver_target *first = stored_before(d, t);

    if (first == NULL) {
        int rc = mailbox_settle(ctx, a, t, err);

        return rc < 0 ? rc : message_store(ctx, a, d, body_id, t, err);
    }
    t->mailbox_id = first->mailbox_id;
    t->uid = first->uid;
    return 0;
}

/* A reason that concerns the one target; everything else fails the write. */
static bool is_own_failure(int rc)
{
    return rc == -ERR_QUOTA || rc == -ERR_LIMIT || rc == -ERR_NOT_FOUND || rc == -ERR_INVALID ||
           rc == -ERR_DENIED || rc == -ERR_EXISTS || rc == -ERR_DAMAGED;
}

static int target_try(struct write_ctx *ctx, struct deliver *d, int64_t body_id,
                      struct deliver_target *t, struct err *err)
{
    struct err why = {0};
    struct arena a;
    int rc = db_exec(ctx->db, "SAVEPOINT target", err);

    if (rc < 0)
        return rc;
    arena_init(&a, 256 * 1024);
    rc = target_serve(ctx, &a, d, body_id, t, &why);
    arena_done(&a);
    if (rc == 0)
        return db_exec(ctx->db, "RELEASE target", err);
    if (!is_own_failure(rc) || !db_in_transaction(ctx->db)) {
        *err = why;
        return rc;
    }
    t->kind = why.kind;
    memcpy(t->text, why.text, sizeof t->text);
    rc = db_exec(ctx->db, "ROLLBACK TO target", err);
    return rc < 0 ? rc : db_exec(ctx->db, "RELEASE target", err);
}

int deliver_apply(struct write_ctx *ctx, struct deliver *d, struct err *err)
{
    int64_t body_id = 0;
    bool stored = false;
    int rc = body_insert(ctx, d->body, &body_id, err);

    for (size_t i = 0; rc == 0 && i < d->targets_n; i++) {
        struct deliver_target *t = &d->targets[i];

        t->kind = ERR_NONE;
        t->text[0] = '\0';
        t->mailbox_id = 0;
        t->modseq = 0;
        t->uid = 0;
        rc = target_try(ctx, d, body_id, t, err);
        stored |= t->kind == ERR_NONE;
    }
    /* Without references the body goes at once. */
    if (rc == 0 && !stored)
        rc = body_ref(ctx, body_id, 0, err);
    return rc;
}
