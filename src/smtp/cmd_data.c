/* DATA (RFC 5321 4.1.1.4): the content follows, see data.c. */
#include "smtp/command.h"
#include "smtp/session_private.h"

enum smtp_next smtp_cmd_data(struct smtp_session *s, struct slice args)
{
    struct cursor c = cur_init(args);
    struct smtp_reply reply;

    smtp_args_end(&c, smtp_trailing_space(s));
    if (!cur_ok(&c))
        return smtp_say_syntax(s, &c);
    if (s->tx.chunks || s->tx.body_binary) /* RFC 3030 2, 3 */
        return smtp_say(s, 503, "5.5.1", "use BDAT for this message");
    if (!smtp_content_start(s, &reply)) {
        /* A client that sends the content all the same would have it run as commands. */
        (void)smtp_answer(s, &reply);
        return SMTP_CLOSE;
    }
    s->reader = (struct smtp_data_reader){0};
    s->mode = SMTP_MODE_DATA;
    smtp_wait_for_content(s);
    conn_printf(s->conn, "354 go ahead, end with a dot on a line of its own\r\n");
    return SMTP_FLUSH;
}
