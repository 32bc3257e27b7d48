/* What LOGIN and AUTHENTICATE have in common: the replies to what edge/login.h finds out. */
#include "base/cleanup.h"
#include "base/log.h"
#include "imap/commands.h"
#include "imap/store_call.h"

/* Replies to attempts that end without a login. RFC 5530 3 for the codes. */
static const struct {
    enum imap_status status;
    const char *code, *text;
} replies[] = {
    [LOGIN_UNKNOWN] = {IMAP_NO, "", "unknown mechanism"},
    [LOGIN_NO_TLS] = {IMAP_NO, "PRIVACYREQUIRED", "use TLS first"},
    [LOGIN_SYNTAX] = {IMAP_BAD, "", "not base64, or a response before its challenge"},
    [LOGIN_MESSAGE] = {IMAP_BAD, "", "not a message of the mechanism"},
    [LOGIN_ABORTED] = {IMAP_BAD, "", "cancelled"},
    [LOGIN_WRONG] = {IMAP_NO, "AUTHENTICATIONFAILED", "wrong address or password"},
    [LOGIN_AUTHZID] = {IMAP_NO, "AUTHORIZATIONFAILED", "acting for somebody else is not possible"},
    [LOGIN_BINDING] = {IMAP_NO, "AUTHENTICATIONFAILED", "the login is bound to another connection"},
    [LOGIN_PROTOCOL] = {IMAP_NO, "", "not a possible message"},
    [LOGIN_NO_SECRET] = {IMAP_NO, "AUTHENTICATIONFAILED", "set the password anew for this"},
};

int imap_login_begin(struct imap_session *s, const struct login_answer *answer, struct err *err)
{
    const Gw__MailboxOpened *inbox;

    s->session = answer->session;
    s->account = answer->account;
    int rc = edge_watch(s->listener->edge, s->c, s->session, s->account, err);

    if (rc < 0)
        return rc;
    s->watching = true;
    rc = imap_mailbox_open(s, SLICE("Inbox"), 0, &inbox, err);
    if (rc < 0)
        return rc;
    s->changes.modseq = inbox->account_modseq;
    s->state = IMAP_LOGGED_IN;
    return 0;
}

static void welcome(struct imap_cmd *cmd, const struct login_answer *answer)
{
    struct imap_session *s = cmd->s;
    _cleanup_(build_done) struct builder code = {0};
    struct err err;

    if (imap_login_begin(s, answer, &err) < 0) {
        imap_reply_err(cmd, &err);
        s->closing = true;
        return;
    }
    build_init(&code, IMAP_LINE_OUT_MAX);
    imap_write_capability(&code, s);
    cmd->code = arena_copy(cmd->a, build_slice(&code));
    imap_reply(cmd, IMAP_OK, "logged in");
}

static void challenge(struct imap_cmd *cmd, const struct login_answer *answer)
{
    struct imap_session *s = cmd->s;

    if (!imap_wait(cmd, IMAP_INPUT_SASL)) {
        login_abandon(&s->login, s->listener, s->c);
        return;
    }
    conn_write(cmd->c, SLICE("+ "));
    conn_write(cmd->c, answer->text);
    conn_write(cmd->c, SLICE("\r\n"));
}

void imap_login_outcome(struct imap_cmd *cmd, enum login_outcome outcome,
                        const struct login_answer *answer)
{
    struct imap_session *s = cmd->s;
    const char *text;

    switch (outcome) {
    case LOGIN_CHALLENGE:
        challenge(cmd, answer);
        break;
    case LOGIN_OK:
        welcome(cmd, answer);
        break;
    case LOGIN_TOO_MANY:
        conn_write(s->c, SLICE("* BYE [UNAVAILABLE] too many failed logins, try again later\r\n"));
        imap_reply(cmd, IMAP_NO, "too many failed logins");
        s->closing = true;
        break;
    case LOGIN_DISABLED:
        /* No response code: clients show the text then. */
        text = arena_str(cmd->a, answer->text);
        imap_reply(cmd, IMAP_NO, text ? text : "logins are disabled");
        break;
    case LOGIN_UNAVAILABLE:
        log_err(conn_env(s->c)->log, LOG_INFO, "imap", conn_id(s->c), "login", &answer->err);
        imap_reply_err(cmd, &answer->err);
        break;
    default:
        imap_reply(cmd, replies[outcome].status, replies[outcome].text);
        cmd->code = slice_str(replies[outcome].code);
    }
}
