/* CAPABILITY (RFC 9051 6.1.1), and what is announced: only what works completely. */
#include "base/cleanup.h"
#include "imap/commands.h"
#include "imap/session.h"

void imap_write_capability(struct builder *out, const struct imap_session *s)
{
    build_text(out,
               "CAPABILITY IMAP4rev2 IMAP4rev1 ENABLE LITERAL+ IDLE SASL-IR UNSELECT UIDPLUS MOVE "
               "NAMESPACE ID ESEARCH SEARCHRES SPECIAL-USE CREATE-SPECIAL-USE LIST-EXTENDED "
               "LIST-STATUS STATUS=SIZE CONDSTORE WITHIN BINARY UTF8=ACCEPT");
    build_printf(out, " APPENDLIMIT=%llu",
                 (unsigned long long)s->listener->settings->message_size_max);
    if (s->state != IMAP_LOGGED_OUT)
        return;
    if (!conn_tls(s->c).on && conn_tls_available(s->c))
        build_text(out, " STARTTLS");
    login_announce(out, s->listener, s->c, &s->login, "AUTH=");
    if (!login_plain_allowed(s->listener, s->c))
        build_text(out, " LOGINDISABLED");
}

void imap_cmd_capability(struct imap_cmd *cmd)
{
    _cleanup_(build_done) struct builder line = {0};

    if (!imap_args_end(cmd))
        return;
    build_init(&line, IMAP_LINE_OUT_MAX);
    build_text(&line, "* ");
    imap_write_capability(&line, cmd->s);
    build_text(&line, "\r\n");
    conn_write(cmd->c, build_slice(&line));
}
