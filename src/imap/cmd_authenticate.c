/* AUTHENTICATE (RFC 9051 6.2.2), with an initial response (RFC 4959). */
#include "base/encode.h"
#include "imap/commands.h"
#include "imap/session.h"

void imap_authenticate_response(struct imap_cmd *cmd, struct slice line)
{
    struct imap_session *s = cmd->s;
    struct login_answer answer;

    imap_login_outcome(cmd, login_continue(&s->login, s->listener, s->c, line, &answer), &answer);
}

static bool is_response_char(int c)
{
    return c > ' ' && c < 0x7f;
}

void imap_cmd_authenticate(struct imap_cmd *cmd)
{
    struct imap_session *s = cmd->s;
    struct slice initial = {NULL, 0};
    struct login_answer answer;

    imap_args_space(cmd);
    struct slice mechanism = imap_parse_atom(&cmd->args);

    if (cur_eat(&cmd->args, ' '))
        initial = cur_span(&cmd->args, is_response_char, 1, "base64");
    if (!imap_args_end(cmd))
        return;
    imap_login_outcome(cmd, login_begin(&s->login, s->listener, s->c, mechanism, initial, &answer),
                       &answer);
}
