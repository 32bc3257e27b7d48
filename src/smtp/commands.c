/* The commands, and when they are allowed (RFC 5321 4.1.4, RFC 4954 3, RFC 3207 4). */
#include "base/log.h"
#include "base/num.h"
#include "smtp/command.h"
#include "smtp/session_private.h"

enum {
    NEEDS_HELLO = 1u << 0,
    NEEDS_LOGIN = 1u << 1, /* on submission */
    NEEDS_MAIL = 1u << 2,
    NEEDS_RCPT = 1u << 3,
    NOT_IN_MAIL = 1u << 4,
    NOT_IN_CHUNKS = 1u << 7, /* RFC 3030 2 */
    IF_LISTED = 1u << 6,     /* for networks that the listener names; unknown to others */
    FLUSHES = 1u << 5,       /* RFC 2920 3.2: a client synchronises on its reply */

    CONTENT = NEEDS_HELLO | NEEDS_LOGIN | NEEDS_MAIL | NEEDS_RCPT,
};

static const struct command {
    struct slice verb;
    unsigned rules;
    smtp_command_run *run;
} commands[] = {
    {SLICE_INIT("MAIL"), NEEDS_HELLO | NEEDS_LOGIN | NOT_IN_MAIL, smtp_cmd_mail},
    {SLICE_INIT("RCPT"), NEEDS_HELLO | NEEDS_LOGIN | NEEDS_MAIL | NOT_IN_CHUNKS, smtp_cmd_rcpt},
    {SLICE_INIT("DATA"), CONTENT | FLUSHES, smtp_cmd_data},
    {SLICE_INIT("BDAT"), 0, smtp_cmd_bdat}, /* asks smtp_content_allowed itself */
    {SLICE_INIT("EHLO"), FLUSHES, smtp_cmd_ehlo},
    {SLICE_INIT("HELO"), FLUSHES, smtp_cmd_helo},
    {SLICE_INIT("RSET"), 0, smtp_cmd_rset},
    {SLICE_INIT("QUIT"), FLUSHES, smtp_cmd_quit},
    {SLICE_INIT("NOOP"), FLUSHES, smtp_cmd_noop},
    {SLICE_INIT("STARTTLS"), NEEDS_HELLO | FLUSHES, smtp_cmd_starttls},
    {SLICE_INIT("AUTH"), NEEDS_HELLO | NOT_IN_MAIL | FLUSHES, smtp_cmd_auth},
    {SLICE_INIT("HELP"), FLUSHES, smtp_cmd_help},
    {SLICE_INIT("VRFY"), FLUSHES, smtp_cmd_vrfy},
    {SLICE_INIT("EXPN"), FLUSHES, smtp_cmd_expn},
    {SLICE_INIT("XCLIENT"), NOT_IN_MAIL | IF_LISTED | FLUSHES, smtp_cmd_xclient},
};

static const struct command *find(struct slice verb)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (slice_eq_nocase(commands[i].verb, verb))
            return &commands[i];
    return NULL;
}

static enum smtp_next unknown(struct smtp_session *s, struct slice verb, bool first)
{
    /* Not a mail client. What it goes on to send may be written by somebody else, so it is not
     * looked at. */
    if (first || smtp_verb_is_foreign(verb))
        return smtp_say_and_close(s, 500, "5.5.2", "this is a mail server");
    return smtp_say(s, 500, "5.5.1", "unknown command");
}

/* Code 0: it may run. */
static struct smtp_reply check_state(const struct smtp_session *s, unsigned rules)
{
    if ((rules & NEEDS_HELLO) && !s->greeted)
        return SMTP_REPLY(503, "5.5.1", "say EHLO first");
    if ((rules & NEEDS_LOGIN) && s->submission && !smtp_logged_in(s))
        return SMTP_REPLY(530, "5.7.0", "log in first");
    if ((rules & NOT_IN_MAIL) && s->tx.given)
        return SMTP_REPLY(503, "5.5.1", "not after MAIL");
    if ((rules & NEEDS_MAIL) && !s->tx.given)
        return SMTP_REPLY(503, "5.5.1", "say MAIL first");
    if ((rules & NEEDS_RCPT) && s->tx.recipients_n == 0)
        return SMTP_REPLY(503, "5.5.1", "say RCPT first");
    if ((rules & NOT_IN_CHUNKS) && s->tx.chunks)
        return SMTP_REPLY(503, "5.5.1", "not after BDAT");
    return (struct smtp_reply){0};
}

struct smtp_reply smtp_content_allowed(const struct smtp_session *s)
{
    if (s->tx.failed)
        return SMTP_REPLY(503, "5.5.1", "a chunk has failed, say RSET");
    return check_state(s, CONTENT);
}

enum smtp_next smtp_command_dispatch(struct smtp_session *s, struct slice line)
{
    struct smtp_command_line parts = smtp_command_split(line);
    const struct command *command = find(parts.verb);
    bool first = !s->spoke;

    s->spoke = true;
    smtp_measure_begin(s, command ? (const char *)command->verb.p : "(unknown)");
    if (command == NULL || ((command->rules & IF_LISTED) && !smtp_xclient_allowed(s)))
        return unknown(s, parts.verb, first);
    struct smtp_reply refusal = check_state(s, command->rules);

    if (refusal.code != 0)
        return smtp_answer(s, &refusal);
    enum smtp_next next = command->run(s, parts.args);

    return next == SMTP_HOLD && (command->rules & FLUSHES) ? SMTP_FLUSH : next;
}
