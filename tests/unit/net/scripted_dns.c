#include "scripted_dns.h"

#include <stdlib.h>

#include "base/ascii.h"
#include "base/builder.h"
#include "base/encode.h"
#include "base/num.h"

#define ALIASES_MAX 8

struct line {
    struct slice name, type, data;
    bool plain; /* not authentic */
};

static const struct {
    const char *name;
    uint16_t type;
} types[] = {{"A", DNS_A},   {"NS", DNS_NS},   {"CNAME", DNS_CNAME}, {"PTR", DNS_PTR},
             {"MX", DNS_MX}, {"TXT", DNS_TXT}, {"AAAA", DNS_AAAA},   {"TLSA", DNS_TLSA}};

static struct slice word(struct slice *rest)
{
    size_t n = slice_find_byte(*rest, ' ');
    struct slice first = slice_sub(*rest, 0, n);

    *rest = n == SIZE_MAX ? (struct slice){NULL, 0} : slice_trim(slice_from(*rest, n));
    return first;
}

static bool next_line(struct slice *text, struct line *out)
{
    while (text->n > 0) {
        size_t n = slice_find_byte(*text, '\n');
        struct slice line = slice_trim(slice_sub(*text, 0, n));

        *text = n == SIZE_MAX ? (struct slice){NULL, 0} : slice_from(*text, n + 1);
        if (line.n == 0 || line.p[0] == '#')
            continue;
        out->plain = line.p[0] == '-';
        line = slice_from(line, out->plain ? 1 : 0);
        out->name = word(&line);
        out->type = word(&line);
        out->data = line;
        return true;
    }
    return false;
}

static bool type_is(struct slice name, uint16_t type)
{
    if (slice_eq(name, SLICE("*")))
        return true;
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (types[i].type == type)
            return slice_eq(name, slice_str(types[i].name));
    return false;
}

/* ---- data in wire form ---- */

static void put_name(struct builder *b, struct slice name)
{
    while (name.n > 0 && !slice_eq(name, SLICE("."))) {
        size_t n = slice_find_byte(name, '.');
        struct slice label = slice_sub(name, 0, n);

        build_byte(b, (uint8_t)label.n);
        build_bytes(b, label);
        name = n == SIZE_MAX ? (struct slice){NULL, 0} : slice_from(name, n + 1);
    }
    build_byte(b, 0);
}

static uint64_t number(struct slice *data)
{
    uint64_t n = 0;

    if (!num_parse(word(data), UINT16_MAX, &n))
        abort();
    return n;
}

static void put_hex(struct builder *b, struct slice hex)
{
    for (size_t i = 0; i + 1 < hex.n; i += 2) {
        char pair[3] = {(char)hex.p[i], (char)hex.p[i + 1], '\0'};

        build_byte(b, (uint8_t)strtoul(pair, NULL, 16));
    }
}

static void put_data(struct builder *b, uint16_t type, struct slice data)
{
    struct addr addr;
    struct err err;

    switch (type) {
    case DNS_A:
    case DNS_AAAA:
        if (addr_parse_ip(data, &addr, &err) < 0)
            abort();
        build_bytes(b, addr_ip_octets(&addr));
        break;
    case DNS_MX: {
        uint64_t preference = number(&data);

        build_byte(b, (uint8_t)(preference >> 8));
        build_byte(b, (uint8_t)preference);
        put_name(b, data);
        break;
    }
    case DNS_TXT:
        do {
            struct slice piece = slice_sub(data, 0, 255);

            build_byte(b, (uint8_t)piece.n);
            build_bytes(b, piece);
            data = slice_from(data, piece.n);
        } while (data.n > 0);
        break;
    case DNS_TLSA:
        for (int i = 0; i < 3; i++)
            build_byte(b, (uint8_t)number(&data));
        put_hex(b, data);
        break;
    default:
        put_name(b, data);
    }
}

/* ---- answers ---- */

static void add(struct dns_query *q, struct arena *a, struct slice data)
{
    struct slice *grown = ARENA_ARRAY(a, q->rdata_n + 1, struct slice);
    struct builder b;

    build_init(&b, 70000);
    put_data(&b, q->type, data);
    struct slice copy = arena_copy(a, build_slice(&b));

    build_done(&b);
    if (grown == NULL)
        return;
    if (q->rdata_n > 0)
        memcpy(grown, q->rdata, q->rdata_n * sizeof(*grown));
    grown[q->rdata_n++] = copy;
    q->rdata = grown;
}

static void failed(struct dns_query *q, enum dns_outcome outcome)
{
    q->answer.outcome = outcome;
    q->answer.authentic = false;
    q->answer.reason = outcome == DNS_BOGUS ? "signature expired" : "SERVFAIL";
    q->rdata_n = 0;
}

/* One step: the records at answer.name. The target of an alias that is to be followed, or nothing.
 */
static struct slice step(const struct scripted_dns *s, struct arena *a, struct dns_query *q)
{
    struct slice text = slice_str(s->zone), target = {NULL, 0};
    struct line line;
    bool exists = false, plain = !s->authentic;

    while (next_line(&text, &line)) {
        if (!slice_eq_nocase(line.name, q->answer.name))
            continue;
        exists = true;
        bool wanted = type_is(line.type, q->type);
        bool alias = !wanted && slice_eq(line.type, SLICE("CNAME"));

        if (!wanted && !alias)
            continue;
        plain = plain || line.plain;
        if (slice_starts(line.data, SLICE("!"))) {
            failed(q, slice_eq(line.data, SLICE("!bogus")) ? DNS_BOGUS : DNS_TEMPORARY);
            return target;
        }
        if (alias)
            target = line.data;
        else if (line.data.n > 0)
            add(q, a, line.data);
    }
    q->answer.authentic = q->answer.authentic && !plain;
    if (target.n == 0)
        q->answer.outcome = q->rdata_n > 0 ? DNS_FOUND : exists ? DNS_NO_DATA : DNS_NO_NAME;
    return target;
}

static void answer(const struct scripted_dns *s, struct arena *a, struct dns_query *q)
{
    q->rdata_n = 0;
    q->rdata = NULL;
    q->answer = (struct dns_answer){
        .authentic = true, .name = q->name, .reason = "", .ttl_s = 60, .outcome = DNS_TEMPORARY};
    for (int i = 0; i <= ALIASES_MAX; i++) {
        struct slice target = step(s, a, q);

        if (target.n == 0)
            break;
        q->answer.alias = true;
        q->answer.name = target;
        if (i == ALIASES_MAX)
            failed(q, DNS_TEMPORARY);
    }
    if (q->answer.outcome != DNS_FOUND) {
        q->answer.alias = false;
        q->answer.name = q->name;
    }
}

static void ask(struct dns *dns, struct arena *a, struct dns_query *v, size_t n,
                int64_t deadline_ns)
{
    struct scripted_dns *s = (struct scripted_dns *)dns;

    (void)deadline_ns;
    s->asked += (unsigned)n;
    for (size_t i = 0; i < n; i++)
        answer(s, a, &v[i]);
}

static void prefetch(struct dns *dns, struct slice name, uint16_t type)
{
    (void)name;
    (void)type;
    ((struct scripted_dns *)dns)->prefetched++;
}

static void stop(struct dns *dns)
{
    ((struct scripted_dns *)dns)->stopped = true;
}

void scripted_dns_init(struct scripted_dns *s, const char *zone)
{
    *s = (struct scripted_dns){
        .dns = {.ask = ask, .prefetch = prefetch, .stop = stop}, .zone = zone, .authentic = true};
}
