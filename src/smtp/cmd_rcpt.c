/* RCPT (RFC 5321 4.1.1.3): one more recipient. */
#include "smtp/command.h"
#include "smtp/parameters.h"
#include "smtp/session_private.h"

/* RFC 5321 6.1: who took a message for several recipients, and cannot deliver to one of them, has
 * to send a report, and a report to a forged address hits a bystander. So a recipient that does not
 * exist is accepted in appearance only when it is alone: beside others it is refused at once, and
 * nobody joins it. */
static bool has_unknown(const struct smtp_session *s)
{
    return s->tx.recipients_n == 1 && s->tx.recipients[0].unknown;
}

/* RFC 8460 3: reports that TLS fails are taken without it. */
static bool lacks_tls(struct smtp_session *s, const struct smtp_path *path)
{
    const Gw__Resolution *resolution;
    struct err err;

    if (!s->listener->tls_for_mail || conn_tls(s->conn).on)
        return false;
    return smtp_resolve(s, path->address, GW__RESOLVE__USE__USE_RECIPIENT, &resolution, &err) < 0 ||
           !resolution->tls_reports;
}

/* Before the store is asked whose address it is. */
static struct smtp_reply check_path(struct smtp_session *s, const struct smtp_path *path)
{
    /* RFC 6531 3.5, 3.7.1. */
    if (path->u_labels && !s->tx.smtputf8)
        return SMTP_REPLY(501, "5.5.2", "a domain that is not ASCII needs SMTPUTF8");
    if (path->non_ascii && !s->tx.smtputf8)
        return SMTP_REPLY(553, "5.6.7", "a local part that is not ASCII needs SMTPUTF8");
    if (lacks_tls(s, path))
        return SMTP_REPLY(530, "5.7.0", "say STARTTLS first");
    if (s->tx.recipients_n >= SMTP_RECIPIENTS_MAX)
        return SMTP_REPLY(452, "4.5.3", "too many recipients");
    if (has_unknown(s) || (s->tx.recipients_n > 0 && s->tx.from.null))
        return SMTP_REPLY(452, "4.5.3", "one recipient per message, send the others separately");
    if (path->literal && !s->submission)
        return SMTP_REPLY(550, "5.1.1", "no such user");
    if (path->literal)
        return SMTP_REPLY(550, "5.7.1", "relaying to other servers is not available yet");
    return (struct smtp_reply){0};
}

/* The address may be one that takes no mail, for a reason that its owner has written. */
static struct smtp_reply refusal(const Gw__Resolution *resolution)
{
    if (resolution->refusal_code == 0)
        return (struct smtp_reply){0};
    bool for_good = resolution->refusal_code == 550;

    return (struct smtp_reply){for_good ? 550 : 451, for_good ? "5.1.1" : "4.3.0",
                               rpc_slice(resolution->refusal_text)};
}

/* What the store says. Code 0: accepted; said->unknown: in appearance only. */
static struct smtp_reply check_resolution(struct smtp_session *s, const Gw__Resolution *resolution,
                                          struct smtp_recipient *said)
{
    said->canonical = rpc_slice(resolution->canonical);
    switch (resolution->where) {
    case GW__RESOLUTION__WHERE__WHERE_LOCAL:
        return refusal(resolution);
    case GW__RESOLUTION__WHERE__WHERE_ALIAS:
        return (struct smtp_reply){0};
    case GW__RESOLUTION__WHERE__WHERE_UNKNOWN:
        /* On port 25 that is said after DATA, or slowly: asking for many names is expensive. */
        said->unknown = !s->submission && s->tx.recipients_n == 0;
        if (said->unknown)
            return (struct smtp_reply){0};
        if (!s->submission && ++s->unknown > SMTP_UNKNOWN_FREE)
            conn_set_slow(s->conn, !smtp_settings(s)->no_delays);
        return SMTP_REPLY(550, "5.1.1", "no such user");
    case GW__RESOLUTION__WHERE__WHERE_DOMAIN_DISABLED:
        return SMTP_REPLY(450, "4.2.1", "the domain takes no mail now, try again later");
    case GW__RESOLUTION__WHERE__WHERE_REMOTE:
        return s->submission
                   ? SMTP_REPLY(550, "5.7.1", "relaying to other domains is not available yet")
                   : SMTP_REPLY(550, "5.1.1", "not a domain of this server");
    default:
        return SMTP_REPLY(451, "4.3.0", "cannot look up the address now, try again later");
    }
}

static struct smtp_reply check_recipient(struct smtp_session *s, struct smtp_recipient *said)
{
    const struct smtp_path *path = &said->path;
    const Gw__Resolution *resolution;
    struct err err;
    struct smtp_reply reply = check_path(s, path);

    if (reply.code != 0)
        return reply;
    if (smtp_resolve(s, path->address, GW__RESOLVE__USE__USE_RECIPIENT, &resolution, &err) < 0) {
        smtp_log_failure(s, "resolve recipient", &err);
        return SMTP_REPLY(451, "4.3.0", "cannot look up the address now, try again later");
    }
    return check_resolution(s, resolution, said);
}

/* Said twice, in two spellings perhaps, delivered once. */
static bool is_known(const struct smtp_session *s, const struct smtp_recipient *said)
{
    for (size_t i = 0; i < s->tx.recipients_n; i++) {
        const struct smtp_recipient *other = &s->tx.recipients[i];

        if (slice_eq(other->path.address, said->path.address) ||
            (said->canonical.n > 0 && slice_eq(other->canonical, said->canonical)))
            return true;
    }
    return false;
}

static bool keep(struct smtp_session *s, const struct smtp_recipient *said)
{
    struct smtp_recipient *kept = smtp_transaction_add(&s->tx);

    if (kept == NULL || !smtp_path_copy(&s->tx.arena, &said->path, &kept->path))
        return false;
    kept->canonical = arena_copy(&s->tx.arena, said->canonical);
    kept->unknown = said->unknown;
    kept->notify = said->notify;
    kept->orcpt = arena_copy(&s->tx.arena, said->orcpt);
    return !arena_failed(&s->tx.arena);
}

enum smtp_next smtp_cmd_rcpt(struct smtp_session *s, struct slice args)
{
    const struct smtp_parameter_rules rules = smtp_parameter_rules(s);
    struct smtp_recipient said = {.unknown = false};
    struct cursor c = cur_init(args);
    struct smtp_reply reply = {0};

    cur_text_nocase(&c, SLICE(" TO:"), "TO:");
    if (!smtp_settings(s)->pedantic)
        (void)cur_eat(&c, ' '); /* wrong, and common */
    /* Read into memory of this call: refused recipients, however many, take nothing from the
     * transaction. */
    if (!smtp_path_parse(conn_arena(s->conn), &c, SMTP_PATH_FORWARD, &said.path))
        return smtp_say(s, 451, "4.3.0", "out of memory");
    if (cur_ok(&c))
        reply = smtp_rcpt_parameters(&c, &rules, &s->tx, &said);
    if (said.path.localpart.n > smtp_localpart_max(s))
        cur_reject(&c, "local part");
    if (!cur_ok(&c))
        return smtp_say_syntax(s, &c);
    if (reply.code == 0)
        reply = check_recipient(s, &said);
    if (reply.code != 0)
        return smtp_answer(s, &reply);
    if (is_known(s, &said))
        return smtp_answer(s, &SMTP_REPLY(250, "2.1.5", "recipient ok"));
    if (!keep(s, &said))
        return smtp_say_and_close(s, 451, "4.3.0", "out of memory");
    return smtp_answer(s, &SMTP_REPLY(250, "2.1.5", "recipient ok"));
}
