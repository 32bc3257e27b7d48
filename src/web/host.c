#include "web/host.h"

#include "base/ascii.h"
#include "base/cursor.h"
#include "net/addr.h"

static bool is_name_char(int c)
{
    return ascii_is_alnum(c) || c == '-' || c == '.' || c == '_';
}

static bool is_address_char(int c)
{
    return ascii_hex_value(c) >= 0 || c == ':' || c == '.';
}

struct slice host_name(struct slice host)
{
    struct cursor c = cur_init(host);
    struct slice name;

    if (cur_eat(&c, '[')) {
        name = cur_span(&c, is_address_char, 2, "address");
        cur_byte(&c, ']', "]");
    } else {
        name = cur_span(&c, is_name_char, 1, "name");
    }
    if (cur_eat(&c, ':') && !cur_at_end(&c))
        (void)cur_number(&c, 65535, "port");
    cur_end(&c, "end");
    return cur_ok(&c) ? name : SLICE("");
}

bool host_is_ours(struct slice name, struct slice hostname)
{
    struct addr address;
    struct err err;

    if (slice_ends(name, SLICE(".")))
        name.n--;
    return name.n > 0 &&
           (slice_eq_nocase(name, hostname) || slice_eq_nocase(name, SLICE("localhost")) ||
            addr_parse_ip(name, &address, &err) == 0);
}
