#include "net/dns_wire.h"

#include "base/ascii.h"

#define LABEL_MAX 63

static uint8_t octet(struct cursor *c, const char *rule)
{
    return (uint8_t)slice_at(cur_take(c, 1, rule), 0);
}

static uint16_t number16(struct cursor *c, const char *rule)
{
    struct slice s = cur_take(c, 2, rule);

    return cur_ok(c) ? (uint16_t)((unsigned)s.p[0] << 8 | s.p[1]) : 0;
}

static bool is_label_octet(int byte)
{
    return ascii_is_alnum(byte) || byte == '-' || byte == '_';
}

/* Into text[0…]; n is what stands there already. */
static size_t put_label(struct cursor *c, uint8_t text[DNS_NAME_MAX], size_t n, struct slice label)
{
    size_t dot = n > 0 ? 1 : 0;

    if (n + dot + label.n > DNS_NAME_MAX) {
        cur_reject(c, "length of a name");
        return n;
    }
    if (dot)
        text[n++] = '.';
    for (size_t i = 0; i < label.n; i++) {
        if (!is_label_octet(label.p[i]))
            cur_reject(c, "octets of a label");
        text[n++] = (uint8_t)ascii_lower(label.p[i]);
    }
    return n;
}

struct slice dns_wire_name(struct arena *a, struct cursor *c)
{
    uint8_t text[DNS_NAME_MAX];
    size_t n = 0;

    for (;;) {
        uint8_t length = octet(c, "length of a label");

        if (length > LABEL_MAX)
            cur_reject(c, "a name without compression");
        struct slice label = cur_take(c, length, "label");

        if (!cur_ok(c) || length == 0)
            break;
        n = put_label(c, text, n, label);
    }
    if (!cur_ok(c))
        return (struct slice){NULL, 0};
    struct slice name = arena_copy(a, slice_of(text, n));

    if (name.n != n)
        cur_reject(c, "memory");
    return name;
}

struct dns_mx dns_wire_mx(struct arena *a, struct cursor *c)
{
    struct dns_mx mx = {.preference = number16(c, "preference")};

    mx.host = dns_wire_name(a, c);
    cur_end(c, "end of the record");
    return mx;
}

struct slice dns_wire_txt(struct arena *a, struct cursor *c)
{
    size_t max = cur_rest(c).n, n = 0;
    uint8_t *text = arena_alloc(a, max);

    if (text == NULL)
        cur_reject(c, "memory");
    if (max == 0)
        cur_reject(c, "string");
    while (cur_ok(c) && !cur_at_end(c)) {
        struct slice string = cur_take(c, octet(c, "length of a string"), "string");

        if (string.n > 0)
            memcpy(text + n, string.p, string.n);
        n += string.n;
    }
    return cur_ok(c) ? slice_of(text, n) : (struct slice){NULL, 0};
}

struct dns_tlsa dns_wire_tlsa(struct cursor *c)
{
    struct dns_tlsa tlsa = {.usage = octet(c, "usage")};

    tlsa.selector = octet(c, "selector");
    tlsa.match = octet(c, "matching type");
    tlsa.data = cur_take(c, cur_rest(c).n, "data");
    return tlsa;
}

struct addr dns_wire_addr(struct cursor *c, uint16_t type)
{
    struct addr addr = {.ip_n = type == DNS_AAAA ? 16 : 4};
    struct slice octets = cur_take(c, addr.ip_n, "address");

    cur_end(c, "end of the record");
    if (!cur_ok(c))
        return (struct addr){.ip_n = 0};
    memcpy(addr.ip, octets.p, octets.n);
    return addr;
}
