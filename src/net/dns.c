/* Every lookup is one or more raw queries, and the records read by dns_wire. */
#include "net/dns.h"

#include "base/builder.h"
#include "base/clock.h"
#include "base/num.h"
#include "net/dns_wire.h"

const char *dns_outcome_name(enum dns_outcome outcome)
{
    static const char *const names[] = {"found", "no-name", "no-data", "temporary", "bogus"};

    return names[outcome];
}

bool dns_name_valid(struct slice name)
{
    size_t label = 0;

    if (name.n == 0 || name.n > DNS_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        uint8_t byte = name.p[i];

        if (byte == '.' && label == 0)
            return false;
        if (byte <= ' ' || byte > '~' || byte == '\\')
            return false;
        label = byte == '.' ? 0 : label + 1;
        if (label > 63)
            return false;
    }
    return label > 0;
}

/* ---- raw queries ---- */

static void fail(struct dns_query *q, const char *reason)
{
    q->answer = (struct dns_answer){.outcome = DNS_TEMPORARY, .name = q->name, .reason = reason};
    q->rdata = NULL;
    q->rdata_n = 0;
}

static void check(struct dns_query *q, const struct dns_call *call)
{
    if (arena_failed(call->arena))
        fail(q, "out of memory");
    else if (q->rdata_n > DNS_RECORDS_MAX)
        fail(q, "too many records");
}

void dns_ask_all(const struct dns_call *call, struct dns_query *v, size_t n)
{
    struct dns_query *asked = ARENA_ARRAY(call->arena, n, struct dns_query);
    int64_t own_end = clock_mono_ns() + DNS_QUERY_TIMEOUT_S * NS_PER_S;
    size_t asked_n = 0;

    for (size_t i = 0; i < n; i++) {
        fail(&v[i], "out of memory");
        if (!dns_name_valid(v[i].name)) {
            v[i].answer.outcome = DNS_NO_NAME;
            v[i].answer.reason = "";
        } else if (asked != NULL) {
            asked[asked_n++] = v[i];
        }
    }
    if (asked_n == 0)
        return;
    call->dns->ask(call->dns, call->arena, asked, asked_n, MIN(own_end, call->deadline_ns));
    for (size_t i = 0, at = 0; i < n; i++) {
        if (!dns_name_valid(v[i].name))
            continue;
        v[i] = asked[at++];
        check(&v[i], call);
    }
}

enum dns_outcome dns_ask(const struct dns_call *call, struct dns_query *query)
{
    dns_ask_all(call, query, 1);
    return query->answer.outcome;
}

/* Room for the records of an answer; NULL when there are none. The answer becomes temporary when
 * there is no memory. */
static void *room(const struct dns_call *call, struct dns_query *q, size_t size)
{
    void *p = q->rdata_n > 0 ? arena_calloc(call->arena, q->rdata_n, size) : NULL;

    if (p == NULL && q->rdata_n > 0)
        fail(q, "out of memory");
    return p;
}

/* ---- addresses ---- */

static void add_addresses(struct dns_address_list *out, const struct dns_query *q)
{
    for (size_t i = 0; i < q->rdata_n; i++) {
        struct cursor c = cur_init(q->rdata[i]);
        struct addr addr = dns_wire_addr(&c, q->type);

        if (cur_ok(&c))
            out->v[out->n++] = addr;
        else
            out->answer.left_out++;
    }
}

/* What both families say together. */
static struct dns_answer merge(const struct dns_answer *a, const struct dns_answer *b)
{
    bool either = a->outcome == DNS_FOUND || b->outcome == DNS_FOUND;
    const struct dns_answer *first = a;

    if (either ? b->outcome == DNS_FOUND && a->outcome != DNS_FOUND
               : dns_is_failure(b->outcome) &&
                     (!dns_is_failure(a->outcome) || b->outcome == DNS_BOGUS))
        first = b;
    struct dns_answer both = *first;

    /* A name that has no record of one family, and none at all for the other: it exists. */
    if (dns_is_absent(both.outcome) && (a->outcome == DNS_NO_DATA || b->outcome == DNS_NO_DATA))
        both.outcome = DNS_NO_DATA;
    both.authentic = a->authentic && b->authentic;
    both.ttl_s = MIN(a->ttl_s, b->ttl_s);
    both.left_out = 0;
    return both;
}

static void take_addresses(const struct dns_call *call, struct dns_query *v6, struct dns_query *v4,
                           struct dns_address_list *out)
{
    struct dns_query *only = v6 != NULL ? v6 : v4;
    size_t n = (v6 ? v6->rdata_n : 0) + (v4 ? v4->rdata_n : 0);

    *out = (struct dns_address_list){.v = ARENA_ARRAY(call->arena, n + 1, struct addr)};
    if (out->v == NULL)
        fail(only, "out of memory");
    out->answer = v6 != NULL && v4 != NULL ? merge(&v6->answer, &v4->answer) : only->answer;
    if (out->v == NULL) {
        out->answer = only->answer;
        return;
    }
    if (v6 != NULL)
        add_addresses(out, v6);
    if (v4 != NULL)
        add_addresses(out, v4);
    if (v6 != NULL && v4 != NULL)
        out->incomplete = dns_is_failure(v6->answer.outcome) || dns_is_failure(v4->answer.outcome);
    if (out->answer.outcome == DNS_FOUND && out->n == 0)
        out->answer.outcome = DNS_NO_DATA;
}

void dns_addresses_all(const struct dns_call *call, const struct slice *names, size_t n,
                       enum dns_family family, struct dns_address_list *out)
{
    size_t per = family == DNS_IP_ANY ? 2 : 1;
    struct dns_query *v = ARENA_ARRAY(call->arena, n * per, struct dns_query);

    for (size_t i = 0; i < n; i++) {
        struct dns_query none = {.name = names[i]};

        fail(&none, "out of memory");
        out[i] = (struct dns_address_list){.answer = none.answer};
    }
    if (v == NULL)
        return;
    for (size_t i = 0; i < n * per; i++) {
        bool v6 = family == DNS_IP_6 || (family == DNS_IP_ANY && i % per == 0);

        v[i] = (struct dns_query){.name = names[i / per], .type = v6 ? DNS_AAAA : DNS_A};
    }
    dns_ask_all(call, v, n * per);
    for (size_t i = 0; i < n; i++) {
        struct dns_query *first = &v[i * per];

        take_addresses(call, family == DNS_IP_4 ? NULL : first,
                       family == DNS_IP_6 ? NULL : &v[i * per + per - 1], &out[i]);
    }
}

enum dns_outcome dns_addresses(const struct dns_call *call, struct slice name,
                               enum dns_family family, struct dns_address_list *out)
{
    dns_addresses_all(call, &name, 1, family, out);
    return out->answer.outcome;
}

/* ---- other records ---- */

/* Behind all others of the same preference: few, and mostly in order. */
static void insert_mx(struct dns_mx_list *list, struct dns_mx mx)
{
    size_t i = list->n++;

    for (; i > 0 && list->v[i - 1].preference > mx.preference; i--)
        list->v[i] = list->v[i - 1];
    list->v[i] = mx;
}

enum dns_outcome dns_mx(const struct dns_call *call, struct slice name, struct dns_mx_list *out)
{
    struct dns_query q = {.name = name, .type = DNS_MX};
    size_t dots = 0;

    (void)dns_ask(call, &q);
    *out = (struct dns_mx_list){.v = room(call, &q, sizeof(*out->v)), .answer = q.answer};
    for (size_t i = 0; i < q.rdata_n; i++) {
        struct cursor c = cur_init(q.rdata[i]);
        struct dns_mx mx = dns_wire_mx(call->arena, &c);

        if (!cur_ok(&c))
            out->answer.left_out++;
        else if (mx.host.n == 0)
            dots++;
        else
            insert_mx(out, mx);
    }
    /* RFC 7505 3: such a record stands alone; beside others it means nothing. */
    out->null_mx = dots == q.rdata_n && dots > 0;
    return out->answer.outcome;
}

enum dns_outcome dns_txt(const struct dns_call *call, struct slice name, struct dns_text_list *out)
{
    struct dns_query q = {.name = name, .type = DNS_TXT};

    (void)dns_ask(call, &q);
    *out = (struct dns_text_list){.v = room(call, &q, sizeof(*out->v)), .answer = q.answer};
    for (size_t i = 0; i < q.rdata_n; i++) {
        struct cursor c = cur_init(q.rdata[i]);
        struct slice text = dns_wire_txt(call->arena, &c);

        if (cur_ok(&c))
            out->v[out->n++] = text;
        else
            out->answer.left_out++;
    }
    return out->answer.outcome;
}

enum dns_outcome dns_names(const struct dns_call *call, struct slice name, enum dns_type type,
                           struct dns_name_list *out)
{
    struct dns_query q = {.name = name, .type = (uint16_t)type};

    (void)dns_ask(call, &q);
    *out = (struct dns_name_list){.v = room(call, &q, sizeof(*out->v)), .answer = q.answer};
    for (size_t i = 0; i < q.rdata_n; i++) {
        struct cursor c = cur_init(q.rdata[i]);
        struct slice target = dns_wire_name(call->arena, &c);

        cur_end(&c, "end of the record");
        if (cur_ok(&c) && target.n > 0)
            out->v[out->n++] = target;
        else
            out->answer.left_out++;
    }
    return out->answer.outcome;
}

enum dns_outcome dns_tlsa(const struct dns_call *call, struct slice name, struct dns_tlsa_list *out)
{
    struct dns_query q = {.name = name, .type = DNS_TLSA};

    (void)dns_ask(call, &q);
    *out = (struct dns_tlsa_list){.v = room(call, &q, sizeof(*out->v)), .answer = q.answer};
    for (size_t i = 0; i < q.rdata_n; i++) {
        struct cursor c = cur_init(q.rdata[i]);
        struct dns_tlsa tlsa = dns_wire_tlsa(&c);

        if (cur_ok(&c))
            out->v[out->n++] = tlsa;
        else
            out->answer.left_out++;
    }
    return out->answer.outcome;
}

/* ---- addresses as names ---- */

static void build_reverse(struct builder *b, const struct addr *ip, struct slice zone)
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = ip->ip_n; i-- > 0;) {
        uint8_t octet = ip->ip[i];

        if (ip->ip_n == 4) {
            build_number(b, octet);
        } else {
            build_byte(b, (uint8_t)hex[octet & 0xf]);
            build_byte(b, '.');
            build_byte(b, (uint8_t)hex[octet >> 4]);
        }
        build_byte(b, '.');
    }
    build_bytes(b, zone);
}

struct slice dns_reverse_in(struct arena *a, const struct addr *ip, struct slice zone)
{
    struct builder b;
    struct slice name = {NULL, 0};

    build_init(&b, DNS_NAME_MAX);
    if (ip->ip_n > 0)
        build_reverse(&b, ip, zone);
    if (build_ok(&b))
        name = arena_copy(a, build_slice(&b));
    build_done(&b);
    return name;
}

struct slice dns_reverse_name(struct arena *a, const struct addr *ip)
{
    return dns_reverse_in(a, ip, ip->ip_n == 4 ? SLICE("in-addr.arpa") : SLICE("ip6.arpa"));
}

enum dns_outcome dns_ptr(const struct dns_call *call, const struct addr *ip,
                         struct dns_name_list *out)
{
    return dns_names(call, dns_reverse_name(call->arena, ip), DNS_PTR, out);
}

void dns_prefetch_ptr(struct dns *dns, const struct addr *ip)
{
    struct arena a;

    arena_init(&a, 1024);
    struct slice name = dns_reverse_name(&a, ip);

    if (dns_name_valid(name))
        dns->prefetch(dns, name, DNS_PTR);
    arena_done(&a);
}
