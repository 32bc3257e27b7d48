/* ENABLE (RFC 5161), and what enables CONDSTORE by the way (RFC 7162 3.1). */
#include "imap/commands.h"
#include "imap/store_call.h"

void imap_enable_condstore(struct imap_session *s)
{
    const Gw__MailboxOpened *opened;
    struct err err;

    if (s->condstore)
        return;
    s->condstore = true;
    if (s->state != IMAP_SELECTED ||
        imap_mailbox_open(s, SLICE(""), s->view.mailbox, &opened, &err) < 0)
        return;
    /* Never above what the client was told of. */
    conn_printf(s->c, "* OK [HIGHESTMODSEQ %llu] CONDSTORE is on\r\n",
                (unsigned long long)(opened->mailbox->modseq < s->changes.modseq
                                         ? opened->mailbox->modseq
                                         : s->changes.modseq));
}

void imap_cmd_enable(struct imap_cmd *cmd)
{
    struct slice condstore = {NULL, 0};

    do {
        imap_args_space(cmd);
        struct slice name = imap_parse_atom(&cmd->args);

        if (slice_eq_nocase(name, SLICE("CONDSTORE")))
            condstore = name;
    } while (cur_peek(&cmd->args) == ' ');
    if (!imap_args_end(cmd))
        return;
    conn_write(cmd->c, SLICE("* ENABLED"));
    if (condstore.n) {
        conn_write(cmd->c, SLICE(" "));
        conn_write(cmd->c, condstore);
    }
    conn_write(cmd->c, SLICE("\r\n"));
    if (condstore.n)
        imap_enable_condstore(cmd->s);
}
