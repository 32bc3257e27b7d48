/* A round: read a page of changes → (EXPUNGE lines) → (EXISTS) → (FETCH lines) → … → complete.
 *
 * Invariants:
 * 1. `modseq` moves only past rows whose effect is in `gone`, `added`, `tell` or already written.
 * 2. The view changes in the same breath as the line that says so is written.
 * 3. `own` holds mod-sequences above `modseq` only. */
#include "imap/changes.h"

#include "base/cleanup.h"
#include "imap/session.h"
#include "imap/store_call.h"

void imap_changes_done(struct imap_changes *ch)
{
    ranges_done(&ch->own);
    ranges_done(&ch->gone);
    ranges_done(&ch->added);
    ranges_done(&ch->tell);
    *ch = (struct imap_changes){0};
}

void imap_changes_restart(struct imap_session *s)
{
    s->changes.complete = false;
}

void imap_changes_own(struct imap_session *s, uint64_t modseq)
{
    uint64_t delta = modseq - s->changes.modseq;

    /* When it cannot be noted, the session is told of its own change: harmless. */
    if (modseq > s->changes.modseq && delta < UINT32_MAX)
        (void)ranges_add(&s->changes.own, (uint32_t)delta, (uint32_t)delta);
}

static bool is_own(const struct imap_changes *ch, uint64_t modseq)
{
    return modseq > ch->modseq && modseq - ch->modseq < UINT32_MAX &&
           ranges_contains(&ch->own, (uint32_t)(modseq - ch->modseq));
}

/* A name whose LIST line is due; told after the page was read, each name once. */
struct list_news {
    struct list_news *next;
    struct slice name, old_name;
    Gw__Change__Kind kind; /* of the last change */
};

static void list_changed(struct imap_session *s, const struct list_news *news)
{
    Gw__Mailbox mailbox = GW__MAILBOX__INIT;
    const Gw__MailboxOpened *opened;
    struct err err;

    if (imap_mailbox_open(s, news->name, 0, &opened, &err) == 0) {
        imap_tell_list(s, opened->mailbox, news->old_name);
        return;
    }
    mailbox.name = rpc_bytes(news->name);
    mailbox.nonexistent = true;
    mailbox.subscribed = news->kind == GW__CHANGE__KIND__KIND_SUBSCRIBE;
    /* RFC 9051 7.3.1: that a mailbox is gone is news only to clients that expect it to be told; a
     * subscription is told to all. */
    bool subscription = mailbox.subscribed || news->kind == GW__CHANGE__KIND__KIND_UNSUBSCRIBE;

    if (err.kind == ERR_NOT_FOUND && (s->rev2 || subscription))
        imap_tell_list(s, &mailbox, news->old_name);
}

static void note_list(struct imap_session *s, struct list_news **all, const Gw__Change *row)
{
    struct slice name = rpc_slice(row->name);
    struct list_news **at = all;

    while (*at && !slice_eq((*at)->name, name))
        at = &(*at)->next;
    if (!*at)
        *at = ARENA_NEW(&s->arena, struct list_news);
    if (!*at)
        return;
    (*at)->name = arena_copy(&s->arena, name);
    (*at)->kind = row->kind;
    if (row->kind == GW__CHANGE__KIND__KIND_MAILBOX_RENAME)
        (*at)->old_name = arena_copy(&s->arena, rpc_slice(row->old_name));
}

static bool note_added(struct imap_session *s, const Gw__Change *row, bool own)
{
    struct imap_changes *ch = &s->changes;
    struct ranges set = RANGES_EMPTY;
    bool ok = imap_pairs_add(&set, row->ranges, row->n_ranges);

    /* Below the bound they were in the mailbox when it was selected. */
    ok = ok && (s->view.uidnext <= 1 || ranges_remove(&set, 1, s->view.uidnext - 1));
    for (size_t i = 0; ok && i < set.n; i++)
        ok = ranges_add(&ch->added, set.v[i].first, set.v[i].last) &&
             (own || ranges_add(&ch->tell, set.v[i].first, set.v[i].last));
    ranges_done(&set);
    return ok;
}

static bool note_expunged(struct imap_session *s, const Gw__Change *row)
{
    struct imap_changes *ch = &s->changes;
    struct ranges set = RANGES_EMPTY;
    bool ok = imap_pairs_add(&set, row->ranges, row->n_ranges);

    for (size_t i = 0; ok && i < set.n; i++)
        ok = ranges_remove(&ch->added, set.v[i].first, set.v[i].last) &&
             ranges_remove(&ch->tell, set.v[i].first, set.v[i].last);
    ok = ok && ranges_intersect(&set, &s->view.uids);
    for (size_t i = 0; ok && i < set.n; i++)
        ok = ranges_add(&ch->gone, set.v[i].first, set.v[i].last);
    ranges_done(&set);
    return ok;
}

/* What a row means for the selected mailbox. */
static bool note_message_change(struct imap_session *s, const Gw__Change *row, bool own)
{
    struct imap_changes *ch = &s->changes;

    switch (row->kind) {
    case GW__CHANGE__KIND__KIND_ADD:
        return note_added(s, row, own);
    case GW__CHANGE__KIND__KIND_EXPUNGE:
        return note_expunged(s, row);
    case GW__CHANGE__KIND__KIND_FLAGS:
        return own || imap_pairs_add(&ch->tell, row->ranges, row->n_ranges);
    case GW__CHANGE__KIND__KIND_KEYWORDS:
        ch->keywords = ch->keywords || !own;
        return true;
    case GW__CHANGE__KIND__KIND_MAILBOX_REMOVE:
        s->view.gone = true;
        return true;
    default:
        return true;
    }
}

static bool is_list_kind(Gw__Change__Kind kind)
{
    return kind == GW__CHANGE__KIND__KIND_MAILBOX_ADD ||
           kind == GW__CHANGE__KIND__KIND_MAILBOX_REMOVE ||
           kind == GW__CHANGE__KIND__KIND_MAILBOX_RENAME ||
           kind == GW__CHANGE__KIND__KIND_SUBSCRIBE || kind == GW__CHANGE__KIND__KIND_UNSUBSCRIBE;
}

static int read_changes(struct imap_session *s, const Gw__Changes **out, struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__ChangesRead read = GW__CHANGES_READ__INIT;
    const Gw__Response *response;

    read.since = s->changes.modseq;
    request.call_case = GW__REQUEST__CALL_CHANGES_READ;
    request.changes_read = &read;
    int rc = imap_call(s, &request, GW__RESPONSE__RESULT_CHANGES, &response, err);

    if (rc == 0)
        *out = response->changes;
    return rc;
}

static bool read_page(struct imap_session *s, bool quiet_lists, struct err *err)
{
    struct imap_changes *ch = &s->changes;
    struct list_news *news = NULL;
    const Gw__Changes *page = NULL;

    if (read_changes(s, &page, err) < 0) {
        /* The log has been cut: what is missing cannot be told any more. */
        if (err->kind == ERR_NOT_FOUND || err->kind == ERR_INVALID) {
            conn_write(s->c, SLICE("* BYE [UNAVAILABLE] too much has changed, connect again\r\n"));
            s->closing = true;
        }
        return false;
    }
    for (size_t i = 0; i < page->n_rows; i++) {
        const Gw__Change *row = page->rows[i];
        bool own = is_own(ch, row->modseq);

        if (!quiet_lists && !own && is_list_kind(row->kind))
            note_list(s, &news, row);
        if (s->view.mailbox != 0 && row->mailbox == s->view.mailbox &&
            !note_message_change(s, row, own)) {
            (void)err_set(err, ERR_NOMEM, "out of memory");
            return false;
        }
    }
    ch->complete = !page->more || page->modseq <= ch->modseq;
    if (page->modseq > ch->modseq) {
        /* Own changes above what was read stay noted, against the new base. */
        uint64_t by = page->modseq - ch->modseq;
        struct ranges own = RANGES_EMPTY;

        for (size_t i = 0; i < ch->own.n; i++)
            if (ch->own.v[i].first > by)
                (void)ranges_add(&own, ch->own.v[i].first - (uint32_t)by,
                                 ch->own.v[i].last - (uint32_t)by);
        ranges_done(&ch->own);
        ch->own = own;
        ch->modseq = page->modseq;
    }
    for (; news; news = news->next)
        list_changed(s, news);
    return true;
}

static void write_gone(struct imap_session *s)
{
    uint32_t uid = ranges_min(&s->changes.gone);
    uint32_t seq = imap_view_seq(&s->view, uid);

    (void)ranges_remove(&s->changes.gone, uid, uid);
    if (seq && imap_view_remove(&s->view, uid))
        conn_printf(s->c, "* %u EXPUNGE\r\n", seq);
    (void)ranges_remove(&s->saved, uid, uid);
}

static void write_added(struct imap_session *s)
{
    struct ranges *added = &s->changes.added;
    bool ok = true;

    s->view.uidnext = ranges_max(added) + 1;
    for (size_t i = 0; i < added->n; i++)
        ok = imap_view_add(&s->view, added->v[i].first, added->v[i].last) && ok;
    ranges_done(added);
    conn_printf(s->c, "* %u EXISTS\r\n", imap_view_count(&s->view));
    /* A view with holes must not go on. */
    s->closing = s->closing || !ok;
}

static bool write_told(struct imap_session *s, struct err *err)
{
    const Gw__Messages *page;

    if (!ranges_intersect(&s->changes.tell, &s->view.uids))
        return false;
    if (s->changes.tell.n == 0)
        return true;
    if (imap_messages_read(s, &s->changes.tell, UINT64_MAX, 0, 0, &page, err) < 0)
        return false;
    for (size_t i = 0; i < page->n_rows; i++)
        imap_tell_flags(s, page->rows[i]);
    return true;
}

static bool write_keywords(struct imap_session *s, struct err *err)
{
    const Gw__MailboxOpened *opened;

    s->changes.keywords = false;
    if (imap_mailbox_open(s, SLICE(""), s->view.mailbox, &opened, err) < 0)
        return false;
    imap_tell_keywords(s, opened->mailbox);
    return true;
}

enum imap_step imap_changes_step(struct imap_session *s, bool quiet_lists)
{
    struct imap_changes *ch = &s->changes;
    struct err err = {0};
    bool ok = true;

    while (ok) {
        if (conn_output_pending(s->c) >= CONN_OUTPUT_HIGH)
            return IMAP_STEP_MORE;
        if (ch->gone.n)
            write_gone(s);
        else if (ch->added.n)
            write_added(s);
        else if (ch->keywords)
            ok = write_keywords(s, &err);
        else if (ch->tell.n)
            ok = write_told(s, &err);
        else if (!ch->complete)
            ok = read_page(s, quiet_lists, &err);
        else
            break;
    }
    if (!ok && err.kind != ERR_NOT_FOUND)
        log_err(conn_env(s->c)->log, LOG_INFO, "imap", conn_id(s->c), "changes not read", &err);
    ranges_done(&ch->gone);
    ranges_done(&ch->tell);
    return IMAP_STEP_DONE;
}
