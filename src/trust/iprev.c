#include "trust/iprev.h"

#include "base/num.h"

const char *iprev_result_name(enum iprev_result result)
{
    static const char *const names[] = {"pass", "fail", "temperror", "permerror"};

    return names[result];
}

static bool contains(const struct dns_address_list *list, const struct addr *ip)
{
    for (size_t i = 0; i < list->n; i++)
        if (slice_eq(addr_ip_octets(&list->v[i]), addr_ip_octets(ip)))
            return true;
    return false;
}

/* In the order of the names, so that the result does not depend on which answer came first. */
static void judge(const struct dns_address_list *lists, const struct addr *ip, struct iprev *out)
{
    out->result = IPREV_FAIL;
    for (size_t i = 0; i < out->names_n; i++) {
        const struct dns_answer *answer = &lists[i].answer;

        out->authentic = out->authentic && answer->authentic;
        if (contains(&lists[i], ip)) {
            out->result = IPREV_PASS;
            out->name = out->names[i];
            out->reason = "";
            return;
        }
        if (dns_is_failure(answer->outcome)) {
            out->result = IPREV_TEMPERROR;
            out->reason = answer->reason;
        }
    }
}

void iprev_check(const struct dns_call *call, const struct addr *ip, struct iprev *out)
{
    struct dns_name_list ptr;
    enum dns_outcome outcome = dns_ptr(call, ip, &ptr);

    *out = (struct iprev){.result = IPREV_PERMERROR,
                          .names = ptr.v,
                          .names_n = MIN(ptr.n, (size_t)IPREV_NAMES_MAX),
                          .authentic = ptr.answer.authentic,
                          .reason = "no record"};
    if (dns_is_failure(outcome)) {
        out->result = IPREV_TEMPERROR;
        out->reason = ptr.answer.reason;
    }
    if (outcome != DNS_FOUND || out->names_n == 0)
        return;
    struct dns_address_list *lists =
        ARENA_ARRAY(call->arena, out->names_n, struct dns_address_list);

    out->reason = "";
    if (lists == NULL) {
        out->result = IPREV_TEMPERROR;
        out->authentic = false;
        out->reason = "out of memory";
        return;
    }
    dns_addresses_all(call, out->names, out->names_n, ip->ip_n == 4 ? DNS_IP_4 : DNS_IP_6, lists);
    judge(lists, ip, out);
}

struct slice iprev_best_name(const struct iprev *iprev)
{
    if (iprev->name.n > 0 || iprev->names_n == 0)
        return iprev->name;
    return iprev->names[0];
}
