/* NOOP, CHECK, LOGOUT, NAMESPACE, STARTTLS: commands that change nothing (RFC 9051 6.1.2, 6.1.3,
 * 6.3.10, 6.2.1; RFC 3501 6.4.1). */
#include "imap/commands.h"
#include "imap/store_call.h"

void imap_cmd_noop(struct imap_cmd *cmd)
{
    (void)imap_args_end(cmd);
}

void imap_cmd_check(struct imap_cmd *cmd)
{
    const Gw__MailboxOpened *opened;
    struct err err;

    /* RFC 3501 6.4.1 leaves open what a checkpoint is. Here: whether the mailbox still exists. */
    if (imap_args_end(cmd) &&
        imap_mailbox_open(cmd->s, SLICE(""), cmd->s->view.mailbox, &opened, &err) < 0)
        imap_reply_err(cmd, &err);
}

void imap_cmd_logout(struct imap_cmd *cmd)
{
    if (!imap_args_end(cmd))
        return;
    conn_write(cmd->c, SLICE("* BYE until next time\r\n"));
    cmd->s->closing = true;
}

void imap_cmd_namespace(struct imap_cmd *cmd)
{
    if (imap_args_end(cmd))
        conn_write(cmd->c, SLICE("* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n"));
}

void imap_cmd_starttls(struct imap_cmd *cmd)
{
    if (!imap_args_end(cmd))
        return;
    if (conn_tls(cmd->c).on || !conn_tls_available(cmd->c)) {
        imap_reply(cmd, IMAP_BAD, conn_tls(cmd->c).on ? "TLS is on already" : "TLS is not offered");
        return;
    }
    cmd->s->start_tls = true;
    imap_reply(cmd, IMAP_OK, "begin TLS now");
}
