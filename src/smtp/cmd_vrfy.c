/* VRFY and EXPN (RFC 5321 3.5.3, 7.3): both are read, and tell nothing about who lives here. */
#include "base/utf8.h"
#include "smtp/command.h"
#include "smtp/session_private.h"

static enum smtp_next tell_nothing(struct smtp_session *s, struct slice args)
{
    struct cursor c = cur_init(args);

    cur_byte(&c, ' ', "space and a name");
    struct slice name = smtp_args_string(&c);

    /* RFC 6531 3.7.4.2: an optional parameter, needed for a name that is not ASCII. */
    if (!cur_eat_nocase(&c, SLICE(" SMTPUTF8")) && !utf8_is_ascii(name))
        cur_reject(&c, "SMTPUTF8");
    smtp_args_end(&c, smtp_trailing_space(s));
    if (!cur_ok(&c))
        return smtp_say_syntax(s, &c);
    return smtp_answer(s, &SMTP_REPLY(252, "2.7.0", "send a message and see"));
}

enum smtp_next smtp_cmd_vrfy(struct smtp_session *s, struct slice args)
{
    return tell_nothing(s, args);
}

enum smtp_next smtp_cmd_expn(struct smtp_session *s, struct slice args)
{
    return tell_nothing(s, args);
}
