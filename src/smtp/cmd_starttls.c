/* STARTTLS (RFC 3207 4). */
#include "smtp/command.h"
#include "smtp/session_private.h"

enum smtp_next smtp_cmd_starttls(struct smtp_session *s, struct slice args)
{
    struct cursor c = cur_init(args);

    smtp_args_end(&c, smtp_trailing_space(s));
    if (!cur_ok(&c))
        return smtp_say_syntax(s, &c);
    if (conn_tls(s->conn).on)
        return smtp_say(s, 503, "5.5.1", "TLS is active already");
    if (smtp_logged_in(s))
        return smtp_say(s, 503, "5.5.1", "not after login");
    if (!conn_tls_available(s->conn))
        return smtp_say(s, 503, "5.5.1", "TLS is not available");
    struct slice id = smtp_session_id(s);

    (void)smtp_say(s, 220, "2.0.0", "go ahead (%.*s)", SLICE_FMT(id));
    return SMTP_TLS;
}
