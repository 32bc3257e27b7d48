/* RSET (RFC 5321 4.1.1.5). */
#include "smtp/command.h"
#include "smtp/session_private.h"

enum smtp_next smtp_cmd_rset(struct smtp_session *s, struct slice args)
{
    struct cursor c = cur_init(args);

    smtp_args_end(&c, smtp_trailing_space(s));
    if (!cur_ok(&c))
        return smtp_say_syntax(s, &c);
    smtp_session_reset(s);
    return smtp_answer(s, &SMTP_REPLY(250, "2.0.0", "reset"));
}
