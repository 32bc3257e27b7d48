/* What LOGIN and AUTHENTICATE have in common. */
#include "base/cleanup.h"
#include "base/log.h"
#include "imap/commands.h"
#include "imap/store_call.h"
#include "net/limiter.h"

/* So many failures are answered at once; each further one waits a second longer. */
#define FAILURES_FREE 3

static void count_failure(struct imap_session *s)
{
    if (s->failures < UINT8_MAX)
        s->failures++;
    if (s->failures > FAILURES_FREE && !s->listener->settings->no_delays)
        conn_delay(s->c, (uint32_t)(s->failures - FAILURES_FREE));
}

/* *disabled_out: why there is no session although the password was right; else empty. */
static int authenticate(struct imap_cmd *cmd, struct slice user, struct slice password,
                        struct slice *disabled_out, struct err *err)
{
    struct imap_session *s = cmd->s;
    Gw__Request request = GW__REQUEST__INIT;
    Gw__Authenticate auth = GW__AUTHENTICATE__INIT;
    const Gw__Response *response;

    auth.mechanism = rpc_bytes(SLICE("PLAIN"));
    auth.user = rpc_bytes(user);
    auth.password = rpc_bytes(password);
    auth.remote_ip = rpc_bytes(addr_ip_octets(conn_remote(s->c)));
    auth.protocol = rpc_bytes(SLICE("imap"));
    request.call_case = GW__REQUEST__CALL_AUTHENTICATE;
    request.authenticate = &auth;
    int rc = imap_call(s, &request, GW__RESPONSE__RESULT_AUTHENTICATED, &response, err);

    if (rc < 0)
        return rc;
    s->session = response->authenticated->session;
    s->account = response->authenticated->account;
    *disabled_out = arena_copy(cmd->a, rpc_slice(response->authenticated->disabled));
    return 0;
}

/* From now on changes of the account count as news. */
static int begin(struct imap_session *s, struct err *err)
{
    const Gw__MailboxOpened *inbox;
    int rc = edge_watch(s->listener->edge, s->c, s->session, s->account, err);

    if (rc < 0)
        return rc;
    s->watching = true;
    rc = imap_mailbox_open(s, SLICE("Inbox"), 0, &inbox, err);
    if (rc < 0)
        return rc;
    s->changes.modseq = inbox->account_modseq;
    s->state = IMAP_LOGGED_IN;
    s->failures = 0;
    return 0;
}

void imap_login(struct imap_cmd *cmd, struct slice user, struct slice password)
{
    struct imap_session *s = cmd->s;
    struct limiter *limiter = s->listener->auth_failures;
    _cleanup_(build_done) struct builder code = {0};
    struct slice disabled;
    struct err err;

    if (limiter && !limiter_add(limiter, conn_remote(s->c), 1)) {
        conn_write(s->c, SLICE("* BYE [UNAVAILABLE] too many failed logins, try again later\r\n"));
        imap_reply(cmd, IMAP_NO, "too many failed logins");
        s->closing = true;
        return;
    }
    int rc = authenticate(cmd, user, password, &disabled, &err);

    if (rc < 0) {
        log_err(conn_env(s->c)->log, LOG_INFO, "imap", conn_id(s->c), "failed login", &err);
        if (rc == -ERR_DENIED || rc == -ERR_NOT_FOUND || rc == -ERR_SYNTAX) {
            count_failure(s);
            imap_reply_err(cmd, &err);
            cmd->code = SLICE("AUTHENTICATIONFAILED");
        } else {
            if (limiter)
                limiter_sub(limiter, conn_remote(s->c), 1);
            imap_reply_err(cmd, &err);
        }
        return;
    }
    if (disabled.n > 0) {
        /* Nothing was guessed. No response code: clients show the text then. */
        if (limiter)
            limiter_sub(limiter, conn_remote(s->c), 1);
        const char *text = arena_str(cmd->a, disabled);

        imap_reply(cmd, IMAP_NO, text ? text : "logins are disabled");
        return;
    }
    /* An attempt was counted before it was known to be good. */
    if (limiter)
        limiter_reset(limiter, conn_remote(s->c));
    if (begin(s, &err) < 0) {
        imap_reply_err(cmd, &err);
        s->closing = true;
        return;
    }
    log_event(conn_env(s->c)->log, LOG_INFO, "imap", conn_id(s->c), "login",
              LOG_SLICE("user", user));
    build_init(&code, IMAP_LINE_OUT_MAX);
    imap_write_capability(&code, s);
    cmd->code = arena_copy(cmd->a, build_slice(&code));
    imap_reply(cmd, IMAP_OK, "logged in");
}
