/* SELECT, EXAMINE (RFC 9051 6.3.2, 6.3.3) and UNSELECT
 * (6.4.2). */
#include "base/cleanup.h"
#include "imap/commands.h"
#include "imap/store_call.h"

/* Reads which UIDs exist below the bound. */
static int read_uids(struct imap_session *s, struct err *err)
{
    struct imap_view *v = &s->view;
    bool more = true;

    while (more) {
        Gw__Request request = GW__REQUEST__INIT;
        Gw__UidsRead read = GW__UIDS_READ__INIT;
        const Gw__Response *response;

        read.mailbox = v->mailbox;
        read.after = ranges_max(&v->uids);
        request.call_case = GW__REQUEST__CALL_UIDS_READ;
        request.uids_read = &read;
        int rc = imap_call(s, &request, GW__RESPONSE__RESULT_UIDS, &response, err);

        if (rc < 0)
            return rc;
        if (!imap_pairs_add(&v->uids, response->uids->ranges, response->uids->n_ranges))
            return err_set(err, ERR_NOMEM, "out of memory");
        more = response->uids->more && ranges_max(&v->uids) > read.after;
    }
    /* What came after the mailbox was opened is in the changes to come. */
    if (v->uidnext && !ranges_remove(&v->uids, v->uidnext, UINT32_MAX))
        return err_set(err, ERR_NOMEM, "out of memory");
    return 0;
}

/* What must outlive the next call. */
struct select_facts {
    Gw__Mailbox mailbox;
    uint32_t first_unseen_uid;
};

static int open_view(struct imap_cmd *cmd, struct slice name, bool read_only,
                     struct builder *keywords, struct select_facts *facts, struct err *err)
{
    struct imap_session *s = cmd->s;
    const Gw__MailboxOpened *opened;
    int rc = imap_mailbox_open(s, name, 0, &opened, err);

    if (rc < 0)
        return rc;
    s->view = (struct imap_view){
        .mailbox = opened->mailbox->mailbox,
        .uidnext = opened->mailbox->uidnext,
        .uidvalidity = opened->mailbox->uidvalidity,
        .read_only = read_only,
    };
    facts->mailbox = *opened->mailbox;
    facts->mailbox.name = rpc_bytes(arena_copy(cmd->a, rpc_slice(opened->mailbox->name)));
    facts->first_unseen_uid = opened->first_unseen_uid;
    for (size_t i = 0; i < opened->mailbox->n_keywords; i++) {
        build_byte(keywords, ' ');
        build_bytes(keywords, rpc_slice(opened->mailbox->keywords[i]));
    }
    ranges_done(&s->changes.own);
    s->changes.modseq = opened->account_modseq;
    return read_uids(s, err);
}

static void write_selected(struct imap_cmd *cmd, const struct select_facts *facts,
                           struct slice keywords)
{
    static const char flags[] = "\\Seen \\Answered \\Flagged \\Deleted \\Draft $Forwarded $Junk "
                                "$NotJunk $Phishing $MDNSent";
    struct imap_session *s = cmd->s;
    const Gw__Mailbox *m = &facts->mailbox;
    uint32_t unseen = imap_view_seq(&s->view, facts->first_unseen_uid);
    _cleanup_(build_done) struct builder out = {0};

    build_init(&out, IMAP_LINE_OUT_MAX);
    build_printf(&out, "* FLAGS (%s", flags);
    build_bytes(&out, keywords);
    build_text(&out, ")\r\n* OK [PERMANENTFLAGS (");
    if (!s->view.read_only) {
        build_text(&out, flags);
        build_bytes(&out, keywords);
        build_text(&out, " \\*");
    }
    build_text(&out, ")] flags that are kept\r\n");
    /* RFC 9051 Appendix E: \Recent and the first unseen message are of IMAP4rev1. */
    if (!s->rev2)
        build_text(&out, "* 0 RECENT\r\n");
    build_printf(&out, "* %u EXISTS\r\n", imap_view_count(&s->view));
    if (unseen && !s->rev2)
        build_printf(&out, "* OK [UNSEEN %u] first unseen message\r\n", unseen);
    build_printf(&out, "* OK [UIDVALIDITY %u] UIDs are valid\r\n", m->uidvalidity);
    build_printf(&out, "* OK [UIDNEXT %u] predicted next UID\r\n", m->uidnext);
    conn_write(cmd->c, build_slice(&out));
    imap_tell_list(s, m, SLICE(""));
    conn_printf(cmd->c, "* OK [HIGHESTMODSEQ %llu] highest\r\n", (unsigned long long)m->modseq);
}

static void run_select(struct imap_cmd *cmd, bool read_only)
{
    struct imap_session *s = cmd->s;
    struct select_facts facts = {.mailbox = GW__MAILBOX__INIT};
    _cleanup_(build_done) struct builder keywords = {0};
    bool condstore = false;
    struct err err;

    imap_args_space(cmd);
    struct slice name = imap_parse_mailbox(&cmd->args, cmd->a, imap_utf8(s));

    if (cur_eat(&cmd->args, ' ')) {
        cur_text_nocase(&cmd->args, SLICE("(CONDSTORE)"), "(CONDSTORE)");
        condstore = true;
    }
    if (!imap_args_end(cmd))
        return;
    /* RFC 9051 6.3.2: the old mailbox is closed even when the new one cannot be opened. */
    if (s->state == IMAP_SELECTED) {
        imap_deselect(s);
        conn_write(cmd->c, SLICE("* OK [CLOSED] previous mailbox closed\r\n"));
    }
    /* News of other mailboxes; what does not fit in the output now is left out. */
    (void)imap_changes_step(s, false);
    s->condstore = s->condstore || condstore;
    build_init(&keywords, IMAP_LINE_OUT_MAX);
    if (open_view(cmd, name, read_only, &keywords, &facts, &err) < 0) {
        imap_deselect(s);
        imap_reply_err(cmd, &err);
        return;
    }
    s->state = IMAP_SELECTED;
    write_selected(cmd, &facts, build_slice(&keywords));
    imap_reply(cmd, IMAP_OK, read_only ? "examined" : "selected");
    cmd->code = read_only ? SLICE("READ-ONLY") : SLICE("READ-WRITE");
}

void imap_cmd_select(struct imap_cmd *cmd)
{
    run_select(cmd, /* read_only= */ false);
}

void imap_cmd_examine(struct imap_cmd *cmd)
{
    run_select(cmd, /* read_only= */ true);
}

void imap_cmd_unselect(struct imap_cmd *cmd)
{
    if (imap_args_end(cmd))
        imap_deselect(cmd->s);
}
