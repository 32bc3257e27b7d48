#include "net/proxy.h"

#include <string.h>

#include "base/cursor.h"
#include "base/num.h"

/* The shortest headers of both versions: "PROXY UNKNOWN\r\n", and the fixed part. */
#define V1_MIN 15
#define V2_FIXED 16
#define V2_IPV4 12 /* octets of addresses and ports */
#define V2_IPV6 36

enum { V2_LOCAL = 0x20, V2_PROXY = 0x21 };      /* version and command */
enum { V2_UNSPEC, V2_INET, V2_INET6, V2_UNIX }; /* family */
enum { V2_STREAM = 1 };

static const uint8_t v2_signature[12] = "\r\n\r\n\0\r\nQUIT\n";
static const uint8_t v1_signature[6] = "PROXY ";

static bool may_begin_with(struct slice in, const uint8_t *signature, size_t n)
{
    return memcmp(in.p, signature, MIN(in.n, n)) == 0;
}

static int bad(struct err *err, const char *what)
{
    return err_set(err, ERR_SYNTAX, "bad PROXY header: %s", what);
}

/* ---- version 1: a line ---- */

static bool is_token(int byte)
{
    return byte > ' ' && byte <= '~';
}

static void v1_ip(struct cursor *c, bool v6, struct addr *out)
{
    struct slice text = cur_span(c, is_token, 2, "address");
    struct err err;

    if (!cur_ok(c))
        return;
    if ((slice_find_byte(text, ':') != SIZE_MAX) != v6 || addr_parse_ip(text, out, &err) < 0)
        cur_reject(c, "address of the family");
    cur_byte(c, ' ', "space");
}

static uint16_t v1_port(struct cursor *c)
{
    bool zero = cur_peek(c) == '0';
    size_t from = c->at;
    uint16_t port = (uint16_t)cur_number(c, UINT16_MAX, "port");

    if (zero && c->at - from > 1)
        cur_reject(c, "port without leading zeros");
    return port;
}

static int v1_parse(struct slice line, struct proxy_header *out, struct err *err)
{
    struct cursor c = cur_init(slice_from(line, sizeof(v1_signature)));
    struct proxy_header h = {.known = true};

    if (cur_eat_text(&c, SLICE("UNKNOWN"))) {
        *out = (struct proxy_header){.known = false};
        return 0;
    }
    bool v6 = cur_eat_text(&c, SLICE("TCP6 "));

    if (!v6 && !cur_eat_text(&c, SLICE("TCP4 ")))
        return bad(err, "neither TCP4 nor TCP6");
    v1_ip(&c, v6, &h.source);
    v1_ip(&c, v6, &h.destination);
    h.source.port = v1_port(&c);
    cur_byte(&c, ' ', "space");
    h.destination.port = v1_port(&c);
    cur_end(&c, "end of line");
    if (!cur_ok(&c))
        return bad(err, c.rule);
    *out = h;
    return 0;
}

static int v1_read(struct slice in, struct proxy_header *out, size_t *missing_out, struct err *err)
{
    size_t lf = slice_find_byte(in, '\n');

    if (lf != SIZE_MAX) {
        *missing_out = 0;
        if (lf + 1 != in.n || in.p[lf - 1] != '\r')
            return bad(err, "line end");
        return v1_parse(slice_sub(in, 0, lf - 1), out, err);
    }
    if (in.n >= PROXY_V1_MAX)
        return err_set(err, ERR_LIMIT, "PROXY header too long");
    *missing_out = in.p[in.n - 1] == '\r' ? 1 : 2;
    return 0;
}

/* ---- version 2: octets ---- */

static struct addr v2_addr(struct slice ip, struct slice port)
{
    struct sockaddr_storage ss = {0};

    if (ip.n == 4) {
        struct sockaddr_in in = {.sin_family = AF_INET};

        memcpy(&in.sin_addr, ip.p, 4);
        memcpy(&in.sin_port, port.p, 2);
        memcpy(&ss, &in, sizeof(in));
    } else {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

        memcpy(&in6.sin6_addr, ip.p, 16);
        memcpy(&in6.sin6_port, port.p, 2);
        memcpy(&ss, &in6, sizeof(in6));
    }
    return addr_of_sockaddr(&ss);
}

static int v2_parse(struct slice in, struct proxy_header *out, struct err *err)
{
    unsigned family = in.p[13] >> 4, transport = in.p[13] & 0xf;
    struct slice rest = slice_from(in, V2_FIXED);
    size_t ip = family == V2_INET ? 4 : 16;

    *out = (struct proxy_header){.known = false};
    if (in.p[12] == V2_LOCAL || family == V2_UNSPEC || family == V2_UNIX)
        return 0;
    if (family > V2_UNIX || transport != V2_STREAM)
        return bad(err, "family or transport");
    if (rest.n < (family == V2_INET ? V2_IPV4 : V2_IPV6))
        return bad(err, "addresses are cut off");
    *out = (struct proxy_header){
        .known = true,
        .source = v2_addr(slice_sub(rest, 0, ip), slice_sub(rest, 2 * ip, 2)),
        .destination = v2_addr(slice_sub(rest, ip, ip), slice_sub(rest, 2 * ip + 2, 2)),
    };
    return 0;
}

static int v2_read(struct slice in, struct proxy_header *out, size_t *missing_out, struct err *err)
{
    if (in.n > 12 && in.p[12] != V2_LOCAL && in.p[12] != V2_PROXY)
        return bad(err, "version or command");
    if (in.n < V2_FIXED) {
        *missing_out = V2_FIXED - in.n;
        return 0;
    }
    size_t total = V2_FIXED + ((size_t)in.p[14] << 8 | in.p[15]);

    if (total > PROXY_HEADER_MAX)
        return err_set(err, ERR_LIMIT, "PROXY header too long");
    if (in.n > total)
        return bad(err, "octets behind it");
    *missing_out = total - in.n;
    return *missing_out > 0 ? 0 : v2_parse(in, out, err);
}

int proxy_parse(struct slice in, struct proxy_header *out, size_t *missing_out, struct err *err)
{
    if (in.n == 0) {
        *missing_out = V1_MIN;
        return 0;
    }
    bool v1 = may_begin_with(in, v1_signature, sizeof(v1_signature));

    if (!v1 && !may_begin_with(in, v2_signature, sizeof(v2_signature)))
        return bad(err, "signature");
    if (in.n < V1_MIN) {
        *missing_out = V1_MIN - in.n;
        return 0;
    }
    return v1 ? v1_read(in, out, missing_out, err) : v2_read(in, out, missing_out, err);
}
