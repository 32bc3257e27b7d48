/* QUIT (RFC 5321 4.1.1.10). */
#include "smtp/command.h"
#include "smtp/session_private.h"

enum smtp_next smtp_cmd_quit(struct smtp_session *s, struct slice args)
{
    struct cursor c = cur_init(args);

    smtp_args_end(&c, smtp_trailing_space(s));
    if (!cur_ok(&c))
        return smtp_say_syntax(s, &c);
    (void)smtp_answer(s, &SMTP_REPLY(221, "2.0.0", "bye"));
    return SMTP_CLOSE;
}
