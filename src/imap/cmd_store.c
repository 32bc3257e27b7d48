/* STORE, UID STORE (RFC 9051 6.4.6, RFC 7162 3.1.3). The new state of every message that was named
 * is read and told afterwards, in pages. */
#include "base/cleanup.h"
#include "imap/commands.h"
#include "imap/message_set.h"
#include "imap/store_call.h"
#include "imap/write.h"

struct store_work {
    struct imap_flags flags;
    Gw__FlagsStore__Mode mode;
    bool silent;
    bool has_unchanged_since;
    uint64_t unchanged_since;
    struct ranges uids;     /* named, then: still to be told */
    struct ranges modified; /* failed UNCHANGEDSINCE */
};

static void parse_item(struct imap_cmd *cmd, struct store_work *w)
{
    struct cursor *c = &cmd->args;

    if (cur_eat(c, '+'))
        w->mode = GW__FLAGS_STORE__MODE__MODE_ADD;
    else if (cur_eat(c, '-'))
        w->mode = GW__FLAGS_STORE__MODE__MODE_REMOVE;
    cur_text_nocase(c, SLICE("FLAGS"), "FLAGS");
    w->silent = cur_eat_nocase(c, SLICE(".SILENT"));
    imap_parse_space(c);
    imap_parse_flags(c, cmd->a, &w->flags);
}

static void release(struct imap_cmd *cmd)
{
    struct store_work *w = cmd->work;

    ranges_done(&w->uids);
    ranges_done(&w->modified);
}

/* One call; what it answers leaves `todo`. */
static int store_part(struct imap_session *s, struct store_work *w, struct ranges *todo,
                      const ProtobufCBinaryData *keywords, struct err *err)
{
    uint32_t buf[2 * IMAP_RANGES_PER_CALL];
    struct imap_pairs pairs = imap_pairs(todo, UINT64_MAX, buf);
    Gw__Request request = GW__REQUEST__INIT;
    Gw__FlagsStore store = GW__FLAGS_STORE__INIT;
    const Gw__Response *response;

    store.mailbox = s->view.mailbox;
    store.ranges = pairs.v;
    store.n_ranges = pairs.n;
    store.mode = w->mode;
    store.flags = w->flags.bits;
    store.keywords = (ProtobufCBinaryData *)keywords;
    store.n_keywords = w->flags.n;
    store.has_unchanged_since = w->has_unchanged_since;
    store.unchanged_since = w->unchanged_since;
    request.call_case = GW__REQUEST__CALL_FLAGS_STORE;
    request.flags_store = &store;
    int rc = imap_call(s, &request, GW__RESPONSE__RESULT_FLAGS_STORED, &response, err);

    if (rc < 0)
        return rc;
    const Gw__FlagsStored *stored = response->flags_stored;

    if (!imap_pairs_add(&w->modified, stored->modified, stored->n_modified))
        return err_set(err, ERR_NOMEM, "out of memory");
    imap_changes_own(s, stored->modseq);
    rc = imap_pairs_answered(todo, &pairs, stored->next_uid, err);
    if (rc == 0 && stored->keywords_added) {
        const Gw__MailboxOpened *opened;

        rc = imap_mailbox_open(s, SLICE(""), s->view.mailbox, &opened, err);
        if (rc == 0)
            imap_tell_keywords(s, opened->mailbox);
    }
    return rc;
}

static int store_all(struct imap_cmd *cmd, struct store_work *w, struct err *err)
{
    ProtobufCBinaryData *keywords = ARENA_ARRAY(cmd->a, w->flags.n, ProtobufCBinaryData);
    struct ranges todo = RANGES_EMPTY;
    int rc = 0;

    if (!keywords || !ranges_copy(&todo, &w->uids))
        rc = err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; rc == 0 && i < w->flags.n; i++)
        keywords[i] = rpc_bytes(w->flags.keywords[i]);
    while (rc == 0 && todo.n)
        rc = store_part(cmd->s, w, &todo, keywords, err);
    ranges_done(&todo);
    return rc;
}

static void write_row(struct imap_session *s, const struct store_work *w, const Gw__Message *row)
{
    uint32_t seq = imap_view_seq(&s->view, row->uid);

    if (!w->silent || ranges_contains(&w->modified, row->uid))
        imap_tell_flags(s, row);
    else if (s->condstore && seq && !row->expunged)
        conn_printf(s->c, "* %u FETCH (UID %u MODSEQ (%llu))\r\n", seq, row->uid,
                    (unsigned long long)row->modseq);
}

static void reply_modified(struct imap_cmd *cmd, const struct store_work *w)
{
    struct ranges set = RANGES_EMPTY;
    _cleanup_(build_done) struct builder code = {0};

    if (w->modified.n == 0)
        return;
    build_init(&code, IMAP_LINE_OUT_MAX);
    build_text(&code, "MODIFIED ");
    if (cmd->entry->flags & IMAP_UID)
        imap_write_set(&code, &w->modified);
    else if (imap_view_seq_set(&cmd->s->view, &w->modified, &set))
        imap_write_set(&code, &set);
    ranges_done(&set);
    cmd->code = arena_copy(cmd->a, build_slice(&code));
}

static bool tell_rows(struct imap_cmd *cmd)
{
    struct store_work *w = cmd->work;
    struct err err;

    while (w->uids.n && conn_output_pending(cmd->c) < CONN_OUTPUT_HIGH) {
        const Gw__Messages *page;

        if (imap_messages_read(cmd->s, &w->uids, UINT64_MAX, 0, 0, &page, &err) < 0) {
            imap_reply_err(cmd, &err);
            return false;
        }
        for (size_t i = 0; i < page->n_rows; i++)
            write_row(cmd->s, w, page->rows[i]);
    }
    return w->uids.n > 0;
}

void imap_cmd_store(struct imap_cmd *cmd)
{
    struct store_work *w = ARENA_NEW(cmd->a, struct store_work);
    struct imap_set set;
    struct err err;

    if (!w)
        return imap_reply(cmd, IMAP_NO, "out of memory");
    cmd->work = w;
    cmd->release = release;
    imap_args_space(cmd);
    imap_parse_set(&cmd->args, cmd->a, &set);
    imap_args_space(cmd);
    if (cur_eat_nocase(&cmd->args, SLICE("(UNCHANGEDSINCE "))) {
        w->has_unchanged_since = true;
        w->unchanged_since = cur_number(&cmd->args, INT64_MAX, "a mod-sequence");
        cur_text_nocase(&cmd->args, SLICE(") "), "the end of the modifier");
    }
    parse_item(cmd, w);
    if (!imap_args_end(cmd) || !imap_message_set(cmd, &set, &w->uids))
        return;
    if (w->has_unchanged_since)
        imap_enable_condstore(cmd->s);
    if (w->uids.n && store_all(cmd, w, &err) < 0)
        return imap_reply_err(cmd, &err);
    reply_modified(cmd, w);
    if ((!w->silent || cmd->s->condstore || w->modified.n) && tell_rows(cmd))
        cmd->produce = tell_rows;
}
