/* MAIL (RFC 5321 4.1.1.2): a transaction begins. */
#include "smtp/command.h"
#include "smtp/parameters.h"
#include "smtp/session_private.h"

/* What is wrong with the reverse-path, apart from its syntax. */
static struct smtp_reply check_path(struct smtp_session *s, const struct smtp_path *path)
{
    /* RFC 6531 3.5: only for those who said SMTPUTF8. */
    if (path->u_labels && !s->tx.smtputf8)
        return SMTP_REPLY(501, "5.5.2", "a domain that is not ASCII needs SMTPUTF8");
    if (path->non_ascii && !s->tx.smtputf8)
        return SMTP_REPLY(550, "5.6.7", "a local part that is not ASCII needs SMTPUTF8");
    if (path->null)
        return (struct smtp_reply){0};
    if (s->submission)
        return path->literal ? SMTP_REPLY(550, "5.7.1", "not an address of your account")
                             : smtp_sender_check(s, path->address);
    if (path->literal)
        return SMTP_REPLY(550, "5.7.0", "senders at address literals are not accepted");
    return smtp_check_sender_domain(s, path->domain);
}

static enum smtp_next refuse(struct smtp_session *s, const struct smtp_reply *reply)
{
    smtp_session_reset(s);
    return smtp_answer(s, reply);
}

enum smtp_next smtp_cmd_mail(struct smtp_session *s, struct slice args)
{
    const struct smtp_parameter_rules rules = smtp_parameter_rules(s);
    struct cursor c = cur_init(args);

    if (s->bad_transactions > SMTP_BAD_TRANSACTIONS_MAX && s->good_transactions == 0)
        return smtp_say_and_close(s, 550, "5.1.0", "too many refused messages");
    cur_text_nocase(&c, SLICE(" FROM:"), "FROM:");
    if (!smtp_settings(s)->pedantic)
        (void)cur_eat(&c, ' '); /* wrong, and common */
    if (!smtp_path_parse(&s->tx.arena, &c, SMTP_PATH_REVERSE, &s->tx.from))
        return refuse(s, &SMTP_REPLY(451, "4.3.0", "out of memory"));
    struct smtp_reply reply = {0};

    if (cur_ok(&c))
        reply = smtp_mail_parameters(&c, &rules, &s->tx);
    if (s->tx.from.localpart.n > smtp_localpart_max(s))
        cur_reject(&c, "local part");
    if (!cur_ok(&c)) {
        smtp_session_reset(s);
        return smtp_say_syntax(s, &c);
    }
    if (reply.code == 0)
        reply = check_path(s, &s->tx.from);
    if (reply.code != 0)
        return refuse(s, &reply);
    s->tx.given = true;
    return smtp_answer(s, &SMTP_REPLY(250, "2.1.0", "sender ok"));
}
