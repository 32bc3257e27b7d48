/* The judgement of an incoming message: what is known about it, and what follows from that.
 *
 * Here SPF, DKIM, DMARC and block lists will be asked, at the same time, and their findings
 * written. So far only reverse DNS is, and nothing speaks against a message. */
#include "smtp/judge.h"

#include "base/clock.h"
#include "trust/iprev.h"

#define IPREV_TIMEOUT_S 60

void smtp_judge(const struct smtp_evidence *e, struct smtp_verdict *out)
{
    struct dns_call call = {e->dns, e->arena, clock_mono_ns() + IPREV_TIMEOUT_S * NS_PER_S};
    struct iprev iprev;

    *out = (struct smtp_verdict){0};
    if (e->dns == NULL)
        return;
    iprev_check(&call, e->remote, &iprev);
    out->reverse = iprev_best_name(&iprev);
}
