/* LOGIN (RFC 9051 6.2.3). */
#include "imap/commands.h"
#include "imap/session.h"

void imap_cmd_login(struct imap_cmd *cmd)
{
    imap_args_space(cmd);
    struct slice user = imap_parse_astring(&cmd->args, cmd->a);

    imap_args_space(cmd);
    struct slice password = imap_parse_astring(&cmd->args, cmd->a);

    if (!imap_args_end(cmd))
        return;
    if (!imap_plain_allowed(cmd->s)) {
        imap_reply(cmd, IMAP_NO, "use TLS first: a password was about to be sent in the clear");
        cmd->code = SLICE("PRIVACYREQUIRED");
        return;
    }
    imap_login(cmd, user, password);
}
