/* What port 25 asks the DNS before there is a message: whether the client's name and the sender's
 * domain exist. Nothing is asked where this process looks up no names. Each command
 * has SMTP_LOOKUP_TIMEOUT_S for all it asks. */
#include "base/clock.h"
#include "base/num.h"
#include "net/dns.h"
#include "smtp/session_private.h"

#define MX_TARGETS_MAX 20 /* that are looked at: one of them is enough */

static struct dns *resolver(const struct smtp_session *s)
{
    return s->submission ? NULL : conn_env(s->conn)->dns;
}

static struct dns_call begin(const struct smtp_session *s)
{
    return (struct dns_call){resolver(s), conn_arena(s->conn),
                             clock_mono_ns() + SMTP_LOOKUP_TIMEOUT_S * NS_PER_S};
}

static void log_answer(const struct smtp_session *s, const char *what, struct slice name,
                       const struct dns_answer *answer)
{
    log_event(conn_env(s->conn)->log, dns_is_failure(answer->outcome) ? LOG_INFO : LOG_DEBUG,
              "smtp", conn_id(s->conn), what, LOG_SLICE("name", name),
              LOG_STR("outcome", dns_outcome_name(answer->outcome)),
              LOG_STR("reason", answer->reason));
}

struct smtp_reply smtp_check_client_name(struct smtp_session *s, struct slice name)
{
    struct dns_call call = begin(s);
    struct dns_address_list addresses;

    if (call.dns == NULL || slice_at(name, 0) == '[')
        return (struct smtp_reply){0};
    /* When DNS fails, the name may well be good. */
    enum dns_outcome outcome = dns_addresses(&call, name, DNS_IP_ANY, &addresses);

    log_answer(s, "looked up the client's name", name, &addresses.answer);
    if (dns_is_absent(outcome))
        return SMTP_REPLY(550, "5.5.0", "your name does not resolve to an address");
    return (struct smtp_reply){0};
}

/* What was found about a name that should have an address. */
static struct smtp_reply reply_of_address(enum dns_outcome outcome)
{
    if (outcome == DNS_FOUND)
        return (struct smtp_reply){0};
    if (dns_is_failure(outcome))
        return SMTP_REPLY(451, "4.4.0",
                          "the sender's domain cannot be looked up now, try again later");
    return SMTP_REPLY(550, "5.7.27", "the sender's domain takes no mail");
}

/* One target with an address is enough; without any, one that failed leaves it open. */
static struct smtp_reply check_targets(const struct dns_call *call, const struct dns_mx_list *mx)
{
    struct slice names[MX_TARGETS_MAX] = {{NULL, 0}};
    struct dns_address_list lists[MX_TARGETS_MAX];
    size_t n = MIN(mx->n, (size_t)MX_TARGETS_MAX);
    enum dns_outcome best = DNS_NO_NAME;

    for (size_t i = 0; i < n; i++)
        names[i] = mx->v[i].host;
    dns_addresses_all(call, names, n, DNS_IP_ANY, lists);
    for (size_t i = 0; i < n; i++) {
        enum dns_outcome outcome = lists[i].answer.outcome;

        if (outcome == DNS_FOUND || (dns_is_failure(outcome) && best != DNS_FOUND))
            best = outcome;
    }
    return reply_of_address(best);
}

struct smtp_reply smtp_check_sender_domain(struct smtp_session *s, struct slice domain)
{
    struct dns_call call = begin(s);
    struct dns_address_list addresses;
    struct dns_mx_list mx;

    if (call.dns == NULL)
        return (struct smtp_reply){0};
    enum dns_outcome outcome = dns_mx(&call, domain, &mx);

    log_answer(s, "looked up the sender's domain", domain, &mx.answer);
    if (outcome == DNS_FOUND)
        return check_targets(&call, &mx); /* RFC 7505 4.2: a null MX has no target */
    if (outcome != DNS_NO_DATA)
        return reply_of_address(outcome);
    /* RFC 5321 5.1: without MX records, the domain itself takes its mail. */
    return reply_of_address(dns_addresses(&call, domain, DNS_IP_ANY, &addresses));
}

void smtp_expect_reverse_name(const struct smtp_session *s)
{
    struct dns *dns = resolver(s);

    if (dns != NULL)
        dns_prefetch_ptr(dns, smtp_remote(s));
}
