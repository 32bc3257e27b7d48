/* HELP (RFC 5321 4.1.1.8). */
#include "smtp/session_private.h"

enum smtp_next smtp_cmd_help(struct smtp_session *s, struct slice args)
{
    (void)args;
    return smtp_answer(s, &SMTP_REPLY(214, "2.0.0", "see RFC 5321"));
}
