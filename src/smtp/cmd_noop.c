/* NOOP (RFC 5321 4.1.1.9). */
#include "base/utf8.h"
#include "smtp/command.h"
#include "smtp/session_private.h"

enum smtp_next smtp_cmd_noop(struct smtp_session *s, struct slice args)
{
    struct cursor c = cur_init(args);

    if (cur_eat(&c, ' ') && !utf8_is_ascii(smtp_args_string(&c)))
        cur_reject(&c, "ASCII");
    smtp_args_end(&c, smtp_trailing_space(s));
    if (!cur_ok(&c))
        return smtp_say_syntax(s, &c);
    return smtp_answer(s, &SMTP_REPLY(250, "2.0.0", "yes"));
}
