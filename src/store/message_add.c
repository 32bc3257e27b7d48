/* The order of the steps: counters of the account (quota), the mailbox (UID, counts), the thread,
 * the content with its keys, the message, what Sent and search need. All within the caller's
 * savepoint, so a failure at any step leaves nothing. */
#include "store/message_add.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/num.h"
#include "store/compress.h"
#include "store/keywords.h"
#include "store/mailbox.h"
#include "store/threads.h"

#define SPECIAL_USE_JUNK 4u
#define SPECIAL_USE_SENT 8u
#define SEARCH_TEXT_MAX (64u * 1024)
/* It stays only until the search index takes it: twice as fast, a quarter larger. */
#define SEARCH_TEXT_LEVEL (-5)

static struct slice binary(ProtobufCBinaryData b)
{
    return slice_of(b.data, b.len);
}

/* What one addition works on. */
struct addition {
    struct write_ctx *ctx;
    const struct message_new *m;
    uint64_t modseq;
    uint64_t size;
    int64_t received_ns;
    int64_t content_id;
    int64_t thread_next;
    struct thread_place place;
    struct mailbox mailbox;
    struct slice keywords; /* of the mailbox, with the message's */
    uint32_t flags;
    bool has_recipients;
};

/* ---- counters ---- */

static int account_take(struct addition *a, struct err *err)
{
    int64_t used = 0, quota = 0;
    struct db_row r;
    int rc = db_query(a->ctx->db,
                      "SELECT size_bytes, quota_bytes, content_next, thread_next FROM account"
                      " WHERE account_id = ?1",
                      &r, err);

    if (rc == 0) {
        db_bind_int(&r, 1, a->m->account_id);
        rc = db_step(&r, err);
    }
    if (rc == 1) {
        used = db_int(&r, 0);
        quota = db_int(&r, 1);
        a->content_id = db_int(&r, 2);
        a->thread_next = db_int(&r, 3);
    }
    db_done(&r);
    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, "no such account");
    if (rc < 0)
        return rc;
    if (quota > 0 && (used > quota || a->size > (uint64_t)(quota - used)))
        return err_set(err, ERR_QUOTA, "the account is over quota");
    return 0;
}

static int account_save(struct addition *a, struct err *err)
{
    struct db_row r;
    int rc = db_query(a->ctx->db,
                      "UPDATE account SET size_bytes = size_bytes + ?2, messages = messages + 1,"
                      " content_next = ?3, thread_next = ?4 WHERE account_id = ?1",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, a->m->account_id);
    db_bind_int(&r, 2, (int64_t)a->size);
    db_bind_int(&r, 3, a->content_id + 1);
    db_bind_int(&r, 4, a->thread_next);
    return db_run(&r, err);
}

static void flags_settle(struct addition *a)
{
    a->flags = a->m->flags;
    if (a->mailbox.special_use & SPECIAL_USE_JUNK)
        a->flags = (a->flags | MESSAGE_JUNK) & ~(uint32_t)MESSAGE_NOTJUNK;
    /* What joins a muted thread is not news. */
    if (a->place.flags & THREADS_MUTED)
        a->flags |= MESSAGE_SEEN;
}

static int mailbox_take(struct addition *a, struct arena *arena, struct err *err)
{
    int rc = mailbox_need_id(a->ctx->db, arena, a->m->account_id, (uint64_t)a->m->mailbox_id,
                             &a->mailbox, err);

    if (rc < 0)
        return rc;
    /* RFC 9051 2.3.1.1: UIDs grow and are never used again; the last number stays unused, so that
     * UIDNEXT can always be said. */
    if (a->mailbox.uidnext > (int64_t)MAILBOX_UID_LAST)
        return err_set(err, ERR_LIMIT, "the mailbox has no UIDs left: make a new one");
    a->keywords = a->mailbox.keywords;
    if (a->m->keywords.n > 0)
        rc = keywords_union(arena, a->mailbox.keywords, a->m->keywords, &a->keywords, err);
    return rc;
}

/* Not mailbox_save: that one writes the name, and with it a page of the index of names. */
static int mailbox_put(struct addition *a, struct err *err)
{
    struct mailbox *mb = &a->mailbox;
    struct db_row r;
    int rc = db_query(a->ctx->db,
                      "UPDATE mailbox SET uidnext = ?3, keywords = ?4, modseq = ?5, total = ?6,"
                      " deleted = ?7, unseen = ?8, unread = ?9, size_bytes = ?10"
                      " WHERE account_id = ?1 AND mailbox_id = ?2",
                      &r, err);

    if (rc < 0)
        return rc;
    mailbox_count(mb, a->flags, (int64_t)a->size, 1);
    db_bind_int(&r, 1, a->m->account_id);
    db_bind_int(&r, 2, a->m->mailbox_id);
    db_bind_int(&r, 3, mb->uidnext + 1);
    db_bind_text(&r, 4, a->keywords);
    db_bind_int(&r, 5, (int64_t)a->modseq);
    db_bind_int(&r, 6, mb->total);
    db_bind_int(&r, 7, mb->deleted);
    db_bind_int(&r, 8, mb->unseen);
    db_bind_int(&r, 9, mb->unread);
    db_bind_int(&r, 10, mb->size_bytes);
    return db_run(&r, err);
}

/* ---- rows ---- */

enum { WISH_8BITMIME = 1, WISH_BINARYMIME = 2, WISH_SMTPUTF8 = 4, WISH_TLS_OPTIONAL = 8 };

static int64_t wish_flags(const Gw__Wishes *w)
{
    return (w->body == GW__WISHES__BODY__BODY_8BITMIME ? WISH_8BITMIME : 0) |
           (w->body == GW__WISHES__BODY__BODY_BINARYMIME ? WISH_BINARYMIME : 0) |
           (w->smtputf8 ? WISH_SMTPUTF8 : 0) | (w->tls_optional ? WISH_TLS_OPTIONAL : 0);
}

static int64_t facts_flags(const struct addition *a)
{
    const Gw__Facts *f = a->m->facts;

    return (f->subject_is_response ? THREADS_IS_RESPONSE : 0) | (f->dsn ? THREADS_IS_DSN : 0) |
           (f->has_8bit ? THREADS_HAS_8BIT : 0) | (a->has_recipients ? THREADS_HAS_RECIPIENTS : 0);
}

static void content_bind_facts(struct db_row *r, const struct addition *a)
{
    const Gw__Facts *f = a->m->facts;
    struct slice utf8 = binary(f->envelope_utf8);

    if (slice_eq(utf8, binary(f->envelope)))
        utf8 = (struct slice){NULL, 0};
    db_bind_int(r, 7, f->date_ns);
    db_bind_int(r, 8, a->received_ns);
    db_bind_int(r, 9, a->m->mailbox_id);
    db_bind_blob(r, 10, a->m->prefix);
    db_bind_blob(r, 11, binary(f->envelope));
    db_bind_blob(r, 12, utf8);
    db_bind_blob(r, 13, binary(f->bodystructure));
    db_bind_blob(r, 14, binary(f->parts));
    db_bind_blob(r, 15, binary(f->preview));
    db_bind_blob(r, 16, binary(f->message_id));
    db_bind_blob(r, 17, binary(f->subject_base));
    db_bind_int(r, 18, facts_flags(a));
    db_bind_blob(r, 19, binary(f->from_localpart));
    db_bind_blob(r, 20, binary(f->from_domain));
}

static void content_bind_origin(struct db_row *r, const struct message_new *m)
{
    static const Gw__Origin none = GW__ORIGIN__INIT;
    const Gw__Origin *o = m->origin != NULL ? m->origin : &none;

    db_bind_blob(r, 21, m->reverse_path);
    db_bind_blob(r, 22, m->rcpt_to);
    db_bind_blob(r, 23, binary(o->remote_ip));
    db_bind_blob(r, 24, binary(o->ehlo));
    db_bind_int(r, 25, o->tls_version);
    db_bind_int(r, 26, o->tls_cipher);
    db_bind_blob(r, 28, binary(o->received_id));
}

static void content_bind_wishes(struct db_row *r, const struct message_new *m)
{
    static const Gw__Wishes none = GW__WISHES__INIT;
    const Gw__Wishes *w = m->wishes != NULL ? m->wishes : &none;

    db_bind_int(r, 27, w->require_tls ? 1 : 0);
    db_bind_int(r, 29, wish_flags(w));
    db_bind_int(r, 30, w->ret);
    db_bind_blob(r, 31, binary(w->envid));
    db_bind_int(r, 32, m->notify);
    db_bind_blob(r, 33, m->orcpt);
    db_bind_int(r, 34, w->hold_until_ns);
    db_bind_blob(r, 35, m->extras_packed);
}

static int content_insert(struct addition *a, struct err *err)
{
    struct db_row r;
    int rc = db_query(
        a->ctx->db,
        "INSERT INTO content (account_id, content_id, refs, body_id, thread_id, parent_id,"
        " thread_flags, date_ns, received_ns, mailbox_orig_id, prefix, envelope, envelope_utf8,"
        " bodystructure, parts, preview, message_id, subject_base, facts_flags, from_localpart,"
        " from_domain, reverse_path, rcpt_to, remote_ip, ehlo, tls_version, tls_cipher,"
        " origin_flags, validation, dkim_domains, received_id, reason,"
        " wish_flags, dsn_ret, dsn_envid, dsn_notify, dsn_orcpt, hold_until_ns, extras)"
        " VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,"
        " ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, 0, x'', ?28, x'', ?29, ?30, ?31,"
        " ?32, ?33, ?34, ?35)",
        &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, a->m->account_id);
    db_bind_int(&r, 2, a->content_id);
    db_bind_int(&r, 3, a->m->body_id);
    db_bind_int(&r, 4, a->place.thread_id);
    db_bind_int(&r, 5, a->place.parent_id);
    db_bind_int(&r, 6, a->place.flags);
    content_bind_facts(&r, a);
    content_bind_origin(&r, a->m);
    content_bind_wishes(&r, a->m);
    return db_run(&r, err);
}

static int message_insert(struct addition *a, struct err *err)
{
    const struct message_new *m = a->m;
    struct db_row r;
    int rc = db_query(a->ctx->db,
                      "INSERT INTO message (account_id, mailbox_id, uid, content_id, modseq,"
                      " create_modseq, flags, keywords, received_ns, zone_minutes, saved_ns,"
                      " size_bytes, expunged_ns, mailbox_orig_id, mailbox_destined_id, trained)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0, ?2, 0, 0)",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, m->account_id);
    db_bind_int(&r, 2, m->mailbox_id);
    db_bind_int(&r, 3, a->mailbox.uidnext);
    db_bind_int(&r, 4, a->content_id);
    db_bind_int(&r, 5, (int64_t)a->modseq);
    db_bind_int(&r, 6, a->flags);
    db_bind_text(&r, 7, m->keywords);
    db_bind_int(&r, 8, a->received_ns);
    db_bind_int(&r, 9, m->zone_minutes);
    db_bind_int(&r, 10, a->ctx->now_ns);
    db_bind_int(&r, 11, (int64_t)a->size);
    return db_run(&r, err);
}

static int recipients_insert(struct addition *a, struct err *err)
{
    const Gw__Facts *f = a->m->facts;
    int rc = 0;

    for (size_t i = 0; a->has_recipients && rc == 0 && i < f->n_recipient_addresses; i++) {
        struct db_row r;

        rc = db_query(a->ctx->db,
                      "INSERT INTO recipient (account_id, address, content_id, sent_ns)"
                      " VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                      &r, err);
        if (rc < 0)
            return rc;
        db_bind_int(&r, 1, a->m->account_id);
        db_bind_blob(&r, 2, binary(f->recipient_addresses[i]));
        db_bind_int(&r, 3, a->content_id);
        db_bind_int(&r, 4, f->date_ns != 0 ? f->date_ns : a->received_ns);
        rc = db_run(&r, err);
    }
    return rc;
}

static int search_insert(struct addition *a, struct err *err)
{
    _cleanup_free_ uint8_t *packed = NULL;
    struct slice text = a->m->search_packed;
    struct db_row r;
    int rc = 0;

    if (text.n == 0) {
        rc = search_text_pack(a->m->facts, &packed, &text.n, err);
        text.p = packed;
    }
    if (rc < 0 || text.n == 0)
        return rc;
    rc = db_query(a->ctx->db,
                  "INSERT INTO search_pending (account_id, content_id, text) VALUES (?1, ?2, ?3)",
                  &r, err);
    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, a->m->account_id);
    db_bind_int(&r, 2, a->content_id);
    db_bind_blob(&r, 3, text);
    return db_run(&r, err);
}

int search_text_pack(const Gw__Facts *facts, uint8_t **out, size_t *n_out, struct err *err)
{
    struct slice text = slice_sub(binary(facts->text), 0, SEARCH_TEXT_MAX);
    size_t bound = ZSTD_compressBound(text.n);
    ZSTD_CCtx *cctx;
    uint8_t *packed;
    size_t n;

    *out = NULL;
    *n_out = 0;
    if (text.n == 0)
        return 0;
    packed = malloc(bound);
    cctx = compress_context();
    if (packed == NULL || cctx == NULL) {
        free(packed);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    n = ZSTD_compressCCtx(cctx, packed, bound, text.p, text.n, SEARCH_TEXT_LEVEL);
    if (ZSTD_isError(n)) {
        free(packed);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    *out = packed;
    *n_out = n;
    return 0;
}

/* ---- together ---- */

static int addition_prepare(struct addition *a, struct arena *arena, struct err *err)
{
    int rc;

    if (__builtin_add_overflow(a->m->body_size, (uint64_t)a->m->prefix.n, &a->size) ||
        a->size > INT64_MAX)
        return err_set(err, ERR_LIMIT, "the message is too large");
    a->received_ns = a->m->received_ns != 0 ? a->m->received_ns : a->ctx->now_ns;
    rc = account_take(a, err);
    if (rc == 0)
        rc = mailbox_take(a, arena, err);
    if (rc == 0)
        rc = threads_find(a->ctx, a->m->account_id, a->m->mailbox_id, a->received_ns, a->m->facts,
                          &a->place, err);
    if (rc < 0)
        return rc;
    if (a->place.thread_id == 0)
        a->place.thread_id = a->thread_next++;
    a->has_recipients =
        (a->mailbox.special_use & SPECIAL_USE_SENT) != 0 && a->m->facts->n_recipient_addresses > 0;
    flags_settle(a);
    return 0;
}

static int addition_insert(struct addition *a, struct err *err)
{
    struct thread_keys keys = {.account_id = a->m->account_id,
                               .content_id = a->content_id,
                               .mailbox_orig_id = a->m->mailbox_id,
                               .message_id = binary(a->m->facts->message_id),
                               .subject_base = binary(a->m->facts->subject_base)};
    int rc = content_insert(a, err);

    if (rc == 0)
        rc = body_ref(a->ctx, a->m->body_id, 1, err);
    if (rc == 0)
        rc = threads_remember(a->ctx, &keys, err);
    if (rc == 0)
        rc = message_insert(a, err);
    if (rc == 0)
        rc = recipients_insert(a, err);
    return rc < 0 ? rc : search_insert(a, err);
}

int message_add(struct write_ctx *ctx, const struct message_new *m, uint64_t modseq,
                struct message_added *out, struct err *err)
{
    struct addition a = {.ctx = ctx, .m = m, .modseq = modseq};
    struct message_added added;
    struct arena arena;
    int rc;

    arena_init(&arena, 64 * 1024);
    rc = addition_prepare(&a, &arena, err);
    if (rc == 0)
        rc = addition_insert(&a, err);
    if (rc == 0) {
        added = (struct message_added){.uid = (uint32_t)a.mailbox.uidnext,
                                       .modseq = modseq,
                                       .content_id = a.content_id,
                                       .uidvalidity = a.mailbox.uidvalidity,
                                       .keywords_added = !slice_eq(a.keywords, a.mailbox.keywords)};
        rc = mailbox_put(&a, err);
    }
    if (rc == 0)
        rc = account_save(&a, err);
    if (rc == 0)
        *out = added;
    arena_done(&arena);
    return rc;
}
