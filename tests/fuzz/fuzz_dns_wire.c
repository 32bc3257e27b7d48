/* fuzz: dep_net */
/* Data of records. Laws: names are valid or empty and read back as they are; text is no longer than
 * what it came from; whatever fails has an offset inside the input. */
#include <stdlib.h>

#include "net/dns_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_cursor(const struct cursor *c)
{
    if (c->at > c->in.n || (cur_ok(c) && !cur_at_end(c)))
        abort();
}

/* The text in wire form once more. */
static void check_name(struct arena *a, struct slice name)
{
    uint8_t wire[DNS_NAME_MAX + 2];
    size_t length_at = 0, n = 1;

    if (name.n == 0)
        return;
    if (!dns_name_valid(name))
        abort();
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '.') {
            wire[length_at] = (uint8_t)(n - length_at - 1);
            length_at = n++;
        } else {
            wire[n++] = name.p[i];
        }
    }
    wire[length_at] = (uint8_t)(n - length_at - 1);
    wire[n++] = 0;
    struct cursor c = cur_init(slice_of(wire, n));

    if (!slice_eq(dns_wire_name(a, &c), name) || !cur_at_end(&c))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_of(data, size);
    struct arena a;

    arena_init(&a, 1 << 20);
    struct cursor c = cur_init(in);
    struct slice name = dns_wire_name(&a, &c);

    if (cur_ok(&c))
        check_name(&a, name);
    c = cur_init(in);
    struct dns_mx mx = dns_wire_mx(&a, &c);

    check_cursor(&c);
    if (cur_ok(&c))
        check_name(&a, mx.host);
    c = cur_init(in);
    if (dns_wire_txt(&a, &c).n > size)
        abort();
    check_cursor(&c);
    c = cur_init(in);
    (void)dns_wire_tlsa(&c);
    check_cursor(&c);
    c = cur_init(in);
    (void)dns_wire_addr(&c, DNS_AAAA);
    check_cursor(&c);
    arena_done(&a);
    return 0;
}
