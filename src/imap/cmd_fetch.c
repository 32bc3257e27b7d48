/* FETCH, UID FETCH (RFC 9051 6.4.5, RFC 7162 3.1.4).
 *
 *   page of rows → for each row: pieces (text, or a range of the message) → output
 *
 * When the output is full the command returns, with the pieces of the message that is being sent,
 * and goes on when the peer has taken it. Rows that were read but not yet answered are read again:
 * no row outlives a call. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "imap/body.h"
#include "imap/commands.h"
#include "imap/fetch_binary.h"
#include "imap/message_set.h"
#include "imap/write.h"

/* Messages per page when octets are sent: asking for them ends the page's life. */
#define BODIES_PER_PAGE 1
#define READ_CHUNK (16u * 1024)
#define MESSAGE_ARENA_MAX (16u * 1024 * 1024)
/* What must be known of a message to find its octets. */
#define OCTET_FIELDS (GW__MESSAGE_READ__FIELD__FIELD_PARTS | GW__MESSAGE_READ__FIELD__FIELD_SIZE)

/* Something to be written: text, or octets. */
struct piece {
    struct piece *next;
    struct slice text;
    /* when text.p is NULL: of what, and which */
    const struct imap_body *of;
    uint64_t at, n;
    bool nul; /* NUL may be sent: announced as a literal8 */
};

struct fetch_work {
    struct imap_fetch_items items;
    uint32_t fields;
    bool wants_octets, sets_seen, tells_modseq;
    uint64_t changed_since;
    struct ranges todo;
    struct ranges seen; /* to get \Seen at the end */
    bool expunged;      /* some message was removed by somebody else */
    bool unknown_encoding;
    /* of the message that is being written */
    struct arena arena;
    struct piece *pieces, **pieces_end;
    struct imap_body body;
    uint64_t need;            /* octets of it, from its front */
    struct spool spool;       /* what BINARY decoded … */
    struct imap_body decoded; /* … and the same when the message is written */
};

static void release(struct imap_cmd *cmd)
{
    struct fetch_work *w = cmd->work;

    ranges_done(&w->todo);
    ranges_done(&w->seen);
    imap_body_done(&w->body);
    imap_body_done(&w->decoded);
    spool_done(&w->spool);
    arena_done(&w->arena);
}

/* ---- the pieces of one message ---- */

static struct piece *add_piece(struct fetch_work *w)
{
    struct piece *p = ARENA_NEW(&w->arena, struct piece);

    if (!p)
        return NULL;
    *w->pieces_end = p;
    w->pieces_end = &p->next;
    return p;
}

static bool add_octets(struct fetch_work *w, const struct imap_body *of, uint64_t at, uint64_t n,
                       bool nul)
{
    struct piece *p = add_piece(w);

    if (!p)
        return false;
    p->of = of;
    p->at = at;
    p->n = n;
    p->nul = nul;
    return true;
}

/* What has been built so far becomes a piece. */
static bool flush_text(struct fetch_work *w, struct builder *out)
{
    struct piece *p = build_ok(out) ? add_piece(w) : NULL;

    if (p)
        p->text = arena_copy(&w->arena, build_slice(out));
    build_reset(out);
    return p && !arena_failed(&w->arena);
}

static void cut(const struct imap_fetch_item *item, uint64_t *at, uint64_t *n)
{
    if (!item->partial)
        return;
    uint64_t skip = MIN(item->offset, *n);

    *at += skip;
    *n = MIN(item->count, *n - skip);
}

/* RFC 9051 4.3: a literal holds no NUL. What a message has of them is told apart from all text. */
static void without_nul(uint8_t *octets, size_t n)
{
    for (uint8_t *p = octets; (p = memchr(p, '\0', n - (size_t)(p - octets)));)
        *p++ = 0x80;
}

static int add_fields(struct fetch_work *w, const struct imap_fetch_item *item, struct builder *out,
                      uint64_t at, uint64_t n, struct err *err)
{
    _cleanup_free_ uint8_t *header = NULL;
    _cleanup_(build_done) struct builder fields = {0};
    int rc = imap_body_copy(&w->body, at, n, &header, err);

    if (rc < 0)
        return rc;
    without_nul(header, (size_t)n);
    build_init(&fields, (size_t)n + 2);
    imap_body_fields(&fields, slice_of(header, (size_t)n), item);
    uint64_t from = 0, count = fields.n;

    cut(item, &from, &count);
    build_printf(out, " {%llu}\r\n", (unsigned long long)count);
    build_bytes(out, slice_sub(build_slice(&fields), (size_t)from, (size_t)count));
    return build_ok(&fields) && build_ok(out) ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static bool takes_fields(const struct imap_fetch_item *item)
{
    return item->text == IMAP_SECTION_FIELDS || item->text == IMAP_SECTION_FIELDS_NOT ||
           item->text == IMAP_SECTION_MIME;
}

/* How much of the message, from its front, all sections together ask for: often only the header,
 * or the first of many pieces. */
static uint64_t octets_needed(const struct fetch_work *w)
{
    uint64_t need = 0;

    for (size_t i = 0; i < w->items.n; i++) {
        const struct imap_fetch_item *item = &w->items.v[i];
        uint64_t at, n;

        if (item->kind != IMAP_FETCH_SECTION ||
            imap_body_section(&w->body, item, &at, &n, /* err= */ NULL) < 0)
            continue;
        if (!takes_fields(item))
            cut(item, &at, &n);
        need = MAX(need, at + n);
    }
    return need;
}

static int add_section(struct imap_cmd *cmd, struct fetch_work *w, uint32_t uid,
                       const struct imap_fetch_item *item, struct builder *out, struct err *err)
{
    uint64_t at, n;
    int rc = imap_body_section(&w->body, item, &at, &n, err);

    if (rc == 0)
        rc = imap_body_load(&w->body, cmd->s, uid, w->need, err);
    if (rc < 0)
        return rc;
    build_bytes(out, item->label);
    if (takes_fields(item))
        return add_fields(w, item, out, at, n, err);
    cut(item, &at, &n);
    build_printf(out, " {%llu}\r\n", (unsigned long long)n);
    if (!flush_text(w, out) || (n && !add_octets(w, &w->body, at, n, /* nul= */ false)))
        return err_set(err, ERR_NOMEM, "out of memory");
    return 0;
}

static int add_binary(struct imap_cmd *cmd, struct fetch_work *w, uint32_t uid,
                      const struct imap_fetch_item *item, struct builder *out, struct err *err)
{
    bool size = item->kind == IMAP_FETCH_BINARY_SIZE;
    struct imap_binary binary;
    int rc = size ? imap_binary_size(&w->body, cmd->s, uid, item, &binary, err)
                  : imap_binary_octets(&w->body, cmd->s, uid, item, &w->spool, &binary, err);

    if (rc == 0 && binary.unknown_encoding) {
        w->unknown_encoding = true;
        rc = err_set(err, ERR_INVALID, "the part has an unknown transfer encoding");
    }
    if (rc < 0)
        return rc;
    build_bytes(out, item->label);
    if (size) {
        build_printf(out, " %llu", (unsigned long long)MIN(binary.n, UINT32_MAX));
        return 0;
    }
    build_printf(out, " %s{%llu}\r\n", binary.has_nul ? "~" : "", (unsigned long long)binary.n);
    if (!flush_text(w, out) || (binary.n && !add_octets(w, binary.decoded ? &w->decoded : &w->body,
                                                        binary.at, binary.n, binary.has_nul)))
        return err_set(err, ERR_NOMEM, "out of memory");
    return 0;
}

static void write_plain(const struct imap_fetch_item *item, const Gw__Message *row,
                        struct builder *out)
{
    switch (item->kind) {
    case IMAP_FETCH_INTERNALDATE:
        build_text(out, "INTERNALDATE ");
        imap_write_date_time(out, row->received_ns / NS_PER_S, row->zone_minutes);
        return;
    case IMAP_FETCH_SIZE:
        build_text(out, "RFC822.SIZE ");
        build_number(out, row->size);
        return;
    case IMAP_FETCH_ENVELOPE:
        build_text(out, "ENVELOPE ");
        build_bytes(out, rpc_slice(row->envelope));
        return;
    case IMAP_FETCH_BODYSTRUCTURE:
        build_text(out, "BODYSTRUCTURE ");
        build_bytes(out, rpc_slice(row->bodystructure));
        return;
    case IMAP_FETCH_BODY:
        build_text(out, "BODY ");
        render_body_of_structure(out, rpc_slice(row->bodystructure));
        return;
    default:
        return;
    }
}

static bool has_item(const struct fetch_work *w, enum imap_fetch_kind kind)
{
    for (size_t i = 0; i < w->items.n; i++)
        if (w->items.v[i].kind == kind)
            return true;
    return false;
}

/* A row's octets come after everything that needs the row: a call ends the row's life. */
static int build_message(struct imap_cmd *cmd, struct fetch_work *w, const Gw__Message *row,
                         struct err *err)
{
    uint32_t uid = row->uid, seq = imap_view_seq(&cmd->s->view, uid);
    bool sets_seen = w->sets_seen && !(row->flags & IMAP_FLAG_SEEN);
    _cleanup_(build_done) struct builder out = {0};
    int rc = 0;

    build_init(&out, MESSAGE_ARENA_MAX);
    build_printf(&out, "* %u FETCH (UID %u", seq, uid);
    for (size_t i = 0; i < w->items.n; i++) {
        if (w->items.v[i].kind >= IMAP_FETCH_INTERNALDATE &&
            w->items.v[i].kind <= IMAP_FETCH_BODYSTRUCTURE) {
            build_byte(&out, ' ');
            write_plain(&w->items.v[i], row, &out);
        }
    }
    if (has_item(w, IMAP_FETCH_FLAGS) || sets_seen) {
        build_byte(&out, ' ');
        imap_write_row_flags(&out, row);
    }
    if (w->tells_modseq)
        build_printf(&out, " MODSEQ (%llu)", (unsigned long long)row->modseq);
    if (w->wants_octets)
        rc = imap_body_of_row(&w->body, &w->arena, row, err);
    if (rc == 0 && w->wants_octets)
        w->need = octets_needed(w);
    for (size_t i = 0; rc == 0 && i < w->items.n; i++) {
        if (w->items.v[i].kind < IMAP_FETCH_SECTION)
            continue;
        build_byte(&out, ' ');
        rc = w->items.v[i].kind == IMAP_FETCH_SECTION
                 ? add_section(cmd, w, uid, &w->items.v[i], &out, err)
                 : add_binary(cmd, w, uid, &w->items.v[i], &out, err);
    }
    build_text(&out, ")\r\n");
    if (rc == 0 && w->spool.size > 0)
        rc = imap_body_of_spool(&w->decoded, &w->spool, err);
    if (rc == 0 && !flush_text(w, &out))
        rc = err_set(err, ERR_NOMEM, "out of memory");
    if (rc == 0 && sets_seen && !ranges_add(&w->seen, uid, uid))
        rc = err_set(err, ERR_NOMEM, "out of memory");
    return rc;
}

static void message_reset(struct fetch_work *w)
{
    w->pieces = NULL;
    w->pieces_end = &w->pieces;
    imap_body_done(&w->body);
    imap_body_done(&w->decoded);
    spool_done(&w->spool);
    spool_init(&w->spool, UINT64_MAX);
    arena_reset(&w->arena);
}

/* ---- output ---- */

static int write_octets(struct imap_cmd *cmd, struct piece *p, struct err *err)
{
    uint8_t buf[READ_CHUNK];

    while (p->n && conn_output_pending(cmd->c) < CONN_OUTPUT_HIGH) {
        size_t n = MIN(p->n, sizeof(buf));
        int rc = imap_body_read(p->of, p->at, buf, n, err);

        if (rc < 0)
            return rc;
        if (!p->nul)
            without_nul(buf, n);
        conn_write(cmd->c, slice_of(buf, n));
        p->at += n;
        p->n -= n;
    }
    return 0;
}

/* false: the output is full, or the message broke off in the middle of a literal. */
static bool write_pieces(struct imap_cmd *cmd, struct fetch_work *w)
{
    struct err err;

    while (w->pieces) {
        struct piece *p = w->pieces;

        if (conn_output_pending(cmd->c) >= CONN_OUTPUT_HIGH)
            return false;
        if (p->text.p) {
            conn_write(cmd->c, p->text);
        } else if (write_octets(cmd, p, &err) < 0) {
            /* The size is said already: nothing else can be said on this connection. */
            log_err(conn_env(cmd->c)->log, LOG_ERROR, "imap", conn_id(cmd->c),
                    "message cannot be read", &err);
            cmd->s->broken = true;
            w->todo.n = 0;
            w->pieces = NULL;
            return false;
        } else if (p->n) {
            return false;
        }
        w->pieces = p->next;
    }
    message_reset(w);
    return true;
}

/* The rows that were answered leave `todo`; those that were not stay in it. */
static int fetch_page(struct imap_cmd *cmd, struct fetch_work *w, struct err *err)
{
    struct ranges rest = RANGES_EMPTY;
    const Gw__Messages *page;
    int rc = ranges_copy(&rest, &w->todo) ? 0 : err_set(err, ERR_NOMEM, "out of memory");

    if (rc == 0)
        rc = imap_messages_read(cmd->s, &rest, w->wants_octets ? BODIES_PER_PAGE : UINT64_MAX,
                                w->fields, w->changed_since, &page, err);
    uint32_t done = rc == 0 && rest.n ? ranges_min(&rest) - 1 : UINT32_MAX;
    bool full = false;

    for (size_t i = 0; rc == 0 && !full && i < page->n_rows; i++) {
        const Gw__Message *row = page->rows[i];
        uint32_t uid = row->uid;

        if (!ranges_contains(&w->todo, uid) || imap_view_seq(&cmd->s->view, uid) == 0)
            continue;
        bool last = i + 1 == page->n_rows;

        w->expunged = w->expunged || row->expunged;
        message_reset(w);
        rc = build_message(cmd, w, row, err);
        if (rc < 0)
            break;
        full = !write_pieces(cmd, w) || conn_output_pending(cmd->c) >= CONN_OUTPUT_HIGH;
        if (full && !last)
            done = uid;
        /* Asking for the octets ended the page's life; it had one row. */
        if (w->wants_octets)
            break;
    }
    ranges_done(&rest);
    if (rc == 0 && w->todo.n && !ranges_remove(&w->todo, 1, done))
        rc = err_set(err, ERR_NOMEM, "out of memory");
    return rc;
}

/* RFC 9051 6.4.5: fetching octets sets \Seen. The change is told like anybody's. */
static void set_seen(struct imap_cmd *cmd, struct fetch_work *w)
{
    uint32_t buf[2 * IMAP_RANGES_PER_CALL];
    struct err err = {0};

    while (w->seen.n && err.kind == ERR_NONE) {
        Gw__Request request = GW__REQUEST__INIT;
        Gw__FlagsStore store = GW__FLAGS_STORE__INIT;
        const Gw__Response *response;
        struct imap_pairs pairs = imap_pairs(&w->seen, UINT64_MAX, buf);

        store.mailbox = cmd->s->view.mailbox;
        store.ranges = pairs.v;
        store.n_ranges = pairs.n;
        store.mode = GW__FLAGS_STORE__MODE__MODE_ADD;
        store.flags = IMAP_FLAG_SEEN;
        request.call_case = GW__REQUEST__CALL_FLAGS_STORE;
        request.flags_store = &store;
        if (imap_call(cmd->s, &request, GW__RESPONSE__RESULT_FLAGS_STORED, &response, &err) == 0)
            (void)!imap_pairs_answered(&w->seen, &pairs, response->flags_stored->next_uid, &err);
    }
    if (err.kind)
        imap_reply_err(cmd, &err);
}

static bool fetch_some(struct imap_cmd *cmd)
{
    struct fetch_work *w = cmd->work;
    struct err err;

    while (write_pieces(cmd, w) && w->todo.n && conn_output_pending(cmd->c) < CONN_OUTPUT_HIGH) {
        if (fetch_page(cmd, w, &err) < 0) {
            message_reset(w);
            w->todo.n = 0;
            imap_reply_err(cmd, &err);
            if (w->unknown_encoding)
                cmd->code = SLICE("UNKNOWN-CTE");
            break;
        }
    }
    if (w->pieces || w->todo.n)
        return true;
    set_seen(cmd, w);
    if (w->expunged && cmd->status == IMAP_OK)
        cmd->code = SLICE("EXPUNGEISSUED");
    return false;
}

/* ---- the command ---- */

static void want_fields(struct imap_cmd *cmd, struct fetch_work *w)
{
    static const uint32_t fields[] = {
        [IMAP_FETCH_INTERNALDATE] = GW__MESSAGE_READ__FIELD__FIELD_DATES,
        [IMAP_FETCH_SIZE] = GW__MESSAGE_READ__FIELD__FIELD_SIZE,
        [IMAP_FETCH_ENVELOPE] = GW__MESSAGE_READ__FIELD__FIELD_ENVELOPE,
        [IMAP_FETCH_BODY] = GW__MESSAGE_READ__FIELD__FIELD_BODYSTRUCTURE,
        [IMAP_FETCH_BODYSTRUCTURE] = GW__MESSAGE_READ__FIELD__FIELD_BODYSTRUCTURE,
        [IMAP_FETCH_SECTION] = OCTET_FIELDS,
        [IMAP_FETCH_BINARY] = OCTET_FIELDS,
        [IMAP_FETCH_BINARY_SIZE] = OCTET_FIELDS,
    };

    for (size_t i = 0; i < w->items.n; i++) {
        const struct imap_fetch_item *item = &w->items.v[i];

        w->fields |= item->kind == IMAP_FETCH_ENVELOPE && imap_utf8(cmd->s)
                         ? GW__MESSAGE_READ__FIELD__FIELD_ENVELOPE_UTF8
                         : fields[item->kind];
        if (item->kind >= IMAP_FETCH_SECTION) {
            w->wants_octets = true;
            w->sets_seen = w->sets_seen || (!item->peek && !cmd->s->view.read_only);
        }
    }
}

/* " (CHANGEDSINCE n)" */
static bool parse_modifiers(struct imap_cmd *cmd, struct fetch_work *w)
{
    if (cur_at_end(&cmd->args))
        return false;
    cur_text_nocase(&cmd->args, SLICE(" (CHANGEDSINCE "), "CHANGEDSINCE");
    w->changed_since = cur_number(&cmd->args, INT64_MAX, "a mod-sequence");
    cur_byte(&cmd->args, ')', "the end of the modifiers");
    return true;
}

void imap_cmd_fetch(struct imap_cmd *cmd)
{
    struct fetch_work *w = ARENA_NEW(cmd->a, struct fetch_work);
    struct imap_set set;

    if (!w)
        return imap_reply(cmd, IMAP_NO, "out of memory");
    arena_init(&w->arena, MESSAGE_ARENA_MAX);
    imap_body_init(&w->body);
    imap_body_init(&w->decoded);
    spool_init(&w->spool, UINT64_MAX);
    message_reset(w);
    cmd->work = w;
    cmd->release = release;
    imap_args_space(cmd);
    imap_parse_set(&cmd->args, cmd->a, &set);
    imap_args_space(cmd);
    imap_parse_fetch_items(&cmd->args, cmd->a, &w->items);
    w->tells_modseq = parse_modifiers(cmd, w);
    if (!imap_args_end(cmd) || !imap_message_set(cmd, &set, &w->todo))
        return;
    w->tells_modseq = w->tells_modseq || has_item(w, IMAP_FETCH_MODSEQ);
    if (w->tells_modseq)
        imap_enable_condstore(cmd->s);
    want_fields(cmd, w);
    if (fetch_some(cmd))
        cmd->produce = fetch_some;
}
