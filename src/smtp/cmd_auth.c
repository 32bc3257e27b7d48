/* AUTH (RFC 4954): the replies to what edge/login.h finds out. */
#include "base/ascii.h"
#include "base/num.h"
#include "smtp/command.h"
#include "smtp/session_private.h"

/* Replies to attempts that end without a login. The codes are those of RFC 4954 6 and of the
 * registry of RFC 5248. */
static const struct reply {
    unsigned code;
    const char *ecode, *text;
} replies[] = {
    [LOGIN_UNKNOWN] = {504, "5.5.4", "mechanism not known"},
    [LOGIN_NO_TLS] = {538, "5.7.11", "only over TLS"},
    [LOGIN_SYNTAX] = {501, "5.5.2", "syntax error: AUTH, mechanism, response in base64"},
    [LOGIN_MESSAGE] = {501, "5.5.4", "malformed message"},
    [LOGIN_ABORTED] = {501, "5.5.0", "aborted"},
    [LOGIN_WRONG] = {535, "5.7.8", "bad user or password"},
    [LOGIN_AUTHZID] = {535, "5.7.8", "acting for another user is not possible"},
    [LOGIN_BINDING] = {535, "5.7.7", "the login is bound to another connection"},
    [LOGIN_PROTOCOL] = {535, "5.7.0", "malformed message"},
};

static enum smtp_next welcome(struct smtp_session *s, const struct login_answer *answer)
{
    struct err err;

    if (smtp_log_in(s, answer, &err) < 0) {
        smtp_log_failure(s, "watch account", &err);
        return smtp_say_and_close(s, 421, "4.3.0", "cannot log in now, try again later");
    }
    s->sasl_done = true;
    return smtp_say(s, 235, "2.7.0", "welcome");
}

static enum smtp_next reply(struct smtp_session *s, enum login_outcome outcome,
                            const struct login_answer *answer)
{
    s->mode = outcome == LOGIN_CHALLENGE ? SMTP_MODE_AUTH : SMTP_MODE_COMMAND;
    switch (outcome) {
    case LOGIN_CHALLENGE:
        conn_write(s->conn, SLICE("334 "));
        conn_write(s->conn, answer->text);
        conn_write(s->conn, SLICE("\r\n"));
        return SMTP_FLUSH;
    case LOGIN_OK:
        return welcome(s, answer);
    case LOGIN_TOO_MANY:
        return smtp_say_and_close(s, 421, "4.7.0",
                                  "too many failed logins from your address, try again later");
    case LOGIN_NO_SECRET:
        return answer->derived ? smtp_say(s, 454, "4.3.0", "set the password anew for this")
                               : smtp_say(s, 535, "5.7.8", "set the password anew for this");
    case LOGIN_DISABLED:
        return smtp_say(s, 525, "5.7.13", "%.*s", SLICE_FMT(answer->text));
    case LOGIN_UNAVAILABLE:
        smtp_log_failure(s, "login", &answer->err);
        return smtp_say(s, 451, "4.3.0", "cannot log in now, try again later");
    default:
        return smtp_say(s, replies[outcome].code, replies[outcome].ecode, "%s",
                        replies[outcome].text);
    }
}

enum smtp_next smtp_auth_continue(struct smtp_session *s, struct slice line)
{
    struct login_answer answer;

    return reply(s, login_continue(&s->auth, s->listener, s->conn, line, &answer), &answer);
}

static bool is_mechanism(int byte)
{
    return ascii_is_alnum(byte) || byte == '-' || byte == '_';
}

/* " MECHANISM [ initial]"; *initial_out has p == NULL without an initial response. Empty: it is
 * none. */
static struct slice parse(const struct smtp_session *s, struct slice args,
                          struct slice *initial_out)
{
    struct cursor c = cur_init(args);

    cur_byte(&c, ' ', "space and a mechanism");
    struct slice name = cur_span(&c, is_mechanism, 1, "mechanism");

    *initial_out = (struct slice){NULL, 0};
    if (cur_ok(&c) && !cur_at_end(&c)) {
        cur_byte(&c, ' ', "space before the response");
        while (!smtp_settings(s)->pedantic && cur_eat(&c, ' ')) /* a common client sends two */
            ;
        *initial_out = cur_rest(&c);
        if (cur_at_end(&c))
            cur_reject(&c, "response");
    }
    return cur_ok(&c) ? name : SLICE("");
}

enum smtp_next smtp_cmd_auth(struct smtp_session *s, struct slice args)
{
    struct login_answer answer;
    struct slice initial;

    if (!s->submission)
        return smtp_say(s, 503, "5.5.1", "no login here, use the submission port");
    /* A certificate has logged in already, perhaps; the mechanism may name another address. */
    if (s->sasl_done)
        return smtp_say(s, 503, "5.5.1", "logged in already");
    struct slice name = parse(s, args, &initial);

    return reply(s, login_begin(&s->auth, s->listener, s->conn, name, initial, &answer), &answer);
}
