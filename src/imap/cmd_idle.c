/* IDLE (RFC 2177). The session parks with its tag; wake-ups by the store write what is new. */
#include "imap/commands.h"
#include "imap/session.h"

void imap_cmd_idle(struct imap_cmd *cmd)
{
    if (!imap_args_end(cmd) || !imap_wait(cmd, IMAP_INPUT_IDLE))
        return;
    conn_write(cmd->c, SLICE("+ idling\r\n"));
    /* What came since the last command; a long list is finished by the producer. */
    if (imap_changes_step(cmd->s, false) == IMAP_STEP_MORE)
        conn_set_producer(cmd->c);
}
