/* UidsRead and MessageRead: what a session's view is made of, and the rows for FETCH. */
#include "base/clock.h"
#include "base/num.h"
#include "rpc/call.h"
#include "store/erase.h"
#include "store/keywords.h"
#include "store/mailbox.h"
#include "store/request.h"
#include "store/store_private.h"
#include "store/uidset.h"

int call_uids_read(struct call *c, struct err *err)
{
    const Gw__UidsRead *request = c->request->uids_read;
    Gw__Uids *uids = call_message(c, &gw__uids__descriptor);
    struct ranges found = RANGES_EMPTY;
    struct mailbox m;
    struct db_row r;

    if (!uids)
        return call_no_memory(err);
    int rc =
        mailbox_need_id(call_reader(c), &c->out, c->session.account_id, request->mailbox, &m, err);

    if (rc == 0)
        rc = db_query(call_reader(c),
                      "SELECT uid FROM message WHERE account_id = ?1 AND mailbox_id = ?2 AND "
                      "uid > ?3 AND expunged_ns = 0 ORDER BY uid",
                      &r, err);
    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, m.account_id);
    db_bind_int(&r, 2, m.id);
    db_bind_int(&r, 3, request->after);
    while ((rc = db_step(&r, err)) == 1) {
        uint32_t uid = (uint32_t)db_int(&r, 0);

        if (found.n >= 2 * CALL_RANGES_MAX) {
            uids->more = true;
            rc = 0;
            break;
        }
        if (!ranges_add(&found, uid, uid)) {
            rc = call_no_memory(err);
            break;
        }
    }
    db_done(&r);
    if (rc == 0)
        rc = uidset_to_pairs(&c->out, &found, &uids->ranges, &uids->n_ranges, err);
    ranges_done(&found);
    c->response.result_case = GW__RESPONSE__RESULT_UIDS;
    c->response.uids = uids;
    return rc;
}

/* The columns of both queries below, in order: flags only, or with content. */
enum {
    COL_UID,
    COL_FLAGS,
    COL_KEYWORDS,
    COL_MODSEQ,
    COL_EXPUNGED,
    COL_RECEIVED,
    COL_SAVED,
    COL_ZONE,
    COL_SIZE,
    COL_CONTENT, /* from here on only with content */
    COL_DATE,
    COL_ENVELOPE,
    COL_ENVELOPE_UTF8,
    COL_BODYSTRUCTURE,
    COL_PARTS,
    COL_PREFIX,
    COL_THREAD,
    COL_PREVIEW,
};
#define MESSAGE_COLUMNS                                                                            \
    "m.uid, m.flags, m.keywords, m.modseq, m.expunged_ns, m.received_ns, m.saved_ns, "             \
    "m.zone_minutes, m.size_bytes, m.content_id"
#define MESSAGE_WHERE                                                                              \
    " WHERE m.account_id = ?1 AND m.mailbox_id = ?2 AND m.uid BETWEEN ?3 AND ?4 AND "              \
    "m.modseq > ?5 AND (m.expunged_ns = 0 OR m.expunged_ns > ?6) ORDER BY m.uid"

static const uint32_t content_fields =
    GW__MESSAGE_READ__FIELD__FIELD_DATES | GW__MESSAGE_READ__FIELD__FIELD_ENVELOPE |
    GW__MESSAGE_READ__FIELD__FIELD_ENVELOPE_UTF8 | GW__MESSAGE_READ__FIELD__FIELD_BODYSTRUCTURE |
    GW__MESSAGE_READ__FIELD__FIELD_PARTS | GW__MESSAGE_READ__FIELD__FIELD_IDS |
    GW__MESSAGE_READ__FIELD__FIELD_PREVIEW;

static ProtobufCBinaryData column(struct call *c, struct db_row *r, int i)
{
    return rpc_bytes(arena_copy(&c->out, db_blob(r, i)));
}

static void fill_content(struct call *c, struct db_row *r, uint32_t fields, Gw__Message *row)
{
    if (fields & GW__MESSAGE_READ__FIELD__FIELD_DATES)
        row->date_ns = db_int(r, COL_DATE);
    if (fields & GW__MESSAGE_READ__FIELD__FIELD_ENVELOPE)
        row->envelope = column(c, r, COL_ENVELOPE);
    if (fields & GW__MESSAGE_READ__FIELD__FIELD_ENVELOPE_UTF8)
        row->envelope =
            column(c, r, db_blob(r, COL_ENVELOPE_UTF8).n > 0 ? COL_ENVELOPE_UTF8 : COL_ENVELOPE);
    if (fields & GW__MESSAGE_READ__FIELD__FIELD_BODYSTRUCTURE)
        row->bodystructure = column(c, r, COL_BODYSTRUCTURE);
    if (fields & GW__MESSAGE_READ__FIELD__FIELD_PARTS) {
        row->parts = column(c, r, COL_PARTS);
        row->prefix = column(c, r, COL_PREFIX);
    }
    if (fields & GW__MESSAGE_READ__FIELD__FIELD_IDS) {
        row->email_id = (uint64_t)db_int(r, COL_CONTENT);
        row->thread_id = (uint64_t)db_int(r, COL_THREAD);
    }
    if (fields & GW__MESSAGE_READ__FIELD__FIELD_PREVIEW)
        row->preview = column(c, r, COL_PREVIEW);
}

static int fill_message(struct call *c, struct db_row *r, uint32_t fields, Gw__Message *row,
                        struct err *err)
{
    row->uid = (uint32_t)db_int(r, COL_UID);
    row->flags = (uint32_t)db_int(r, COL_FLAGS);
    row->modseq = (uint64_t)db_int(r, COL_MODSEQ);
    row->expunged = db_int(r, COL_EXPUNGED) != 0;
    if (fields & GW__MESSAGE_READ__FIELD__FIELD_DATES) {
        row->received_ns = db_int(r, COL_RECEIVED);
        row->saved_ns = db_int(r, COL_SAVED);
        row->zone_minutes = (int32_t)db_int(r, COL_ZONE);
    }
    if (fields & GW__MESSAGE_READ__FIELD__FIELD_SIZE)
        row->size = (uint64_t)db_int(r, COL_SIZE);
    if (fields & content_fields)
        fill_content(c, r, fields, row);
    return keywords_to_response(&c->out, db_blob(r, COL_KEYWORDS), &row->keywords, &row->n_keywords,
                                err);
}

static int query_messages(struct call *c, struct db_row *r, struct range range, struct err *err)
{
    const Gw__MessageRead *request = c->request->message_read;
    int64_t now_ns = clock_now_ns(c->store->env->clock);
    int rc =
        request->fields & content_fields
            ? db_query(call_reader(c),
                       "SELECT " MESSAGE_COLUMNS
                       ", c.date_ns, c.envelope, c.envelope_utf8, c.bodystructure, c.parts, "
                       "c.prefix, c.thread_id, c.preview FROM message m JOIN content c ON "
                       "c.account_id = m.account_id AND c.content_id = m.content_id" MESSAGE_WHERE,
                       r, err)
            : db_query(call_reader(c), "SELECT " MESSAGE_COLUMNS " FROM message m" MESSAGE_WHERE, r,
                       err);

    if (rc < 0)
        return rc;
    db_bind_int(r, 1, c->session.account_id);
    db_bind_int(r, 2, (int64_t)request->mailbox);
    db_bind_int(r, 3, range.first);
    db_bind_int(r, 4, range.last);
    db_bind_int(r, 5, (int64_t)MIN(request->changed_since, (uint64_t)INT64_MAX));
    db_bind_int(r, 6, now_ns - ERASE_DELAY_NS);
    return 0;
}

#define ROWS_MAX 2000u

/* Rows of one stretch of UIDs; *full: the page is, and next_uid says where the next one starts. */
static int read_range(struct call *c, struct range range, Gw__Messages *page, size_t *used,
                      struct err *err)
{
    struct db_row r;
    int rc = query_messages(c, &r, range, err);

    if (rc < 0)
        return rc;
    while (page->next_uid == 0 && (rc = db_step(&r, err)) == 1) {
        Gw__Message *row = call_message(c, &gw__message__descriptor);

        if (!row) {
            rc = call_no_memory(err);
            break;
        }
        rc = fill_message(c, &r, c->request->message_read->fields, row, err);
        if (rc < 0)
            break;
        if (page->n_rows == ROWS_MAX || !call_page_fits(used, &row->base))
            page->next_uid = row->uid;
        else
            page->rows[page->n_rows++] = row;
    }
    db_done(&r);
    if (rc >= 0 && arena_failed(&c->out))
        return call_no_memory(err);
    return rc < 0 ? rc : 0;
}

int call_message_read(struct call *c, struct err *err)
{
    const Gw__MessageRead *request = c->request->message_read;
    Gw__Messages *page = call_message(c, &gw__messages__descriptor);
    struct ranges ranges = RANGES_EMPTY;
    size_t used = 0;

    if (!page)
        return call_no_memory(err);
    page->rows = ARENA_ARRAY(&c->out, ROWS_MAX, Gw__Message *);
    if (!page->rows)
        return call_no_memory(err);
    int rc = uidset_from_pairs(request->ranges, request->n_ranges, &ranges, err);

    for (size_t i = 0; rc == 0 && page->next_uid == 0 && i < ranges.n; i++)
        rc = read_range(c, ranges.v[i], page, &used, err);
    ranges_done(&ranges);
    c->response.result_case = GW__RESPONSE__RESULT_MESSAGES;
    c->response.messages = page;
    return rc;
}
