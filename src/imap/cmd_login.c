/* LOGIN (RFC 9051 6.2.3). */
#include "imap/commands.h"
#include "imap/session.h"

void imap_cmd_login(struct imap_cmd *cmd)
{
    struct imap_session *s = cmd->s;
    struct login_answer answer;

    imap_args_space(cmd);
    struct slice user = imap_parse_astring(&cmd->args, cmd->a);

    imap_args_space(cmd);
    struct slice password = imap_parse_astring(&cmd->args, cmd->a);

    if (!imap_args_end(cmd))
        return;
    imap_login_outcome(cmd, login_password(&s->login, s->listener, s->c, user, password, &answer),
                       &answer);
}
