/* The judgement of an incoming message: what is known about it, and what follows from that.
 *
 * Here reverse DNS, SPF, DKIM, DMARC and block lists will be asked, at the same time, and their
 * findings written. So far nothing is asked, and nothing speaks against a message. */
#include "smtp/judge.h"

void smtp_judge(const struct smtp_evidence *e, struct smtp_verdict *out)
{
    (void)e;
    *out = (struct smtp_verdict){0};
}
