#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "net/proxy.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4                                                                                         \
    "\xc0\0\2\1"                                                                                   \
    "\xc6\x33\x64\2"                                                                               \
    "\x30\x39"                                                                                     \
    "\0\x19"
#define ROW(text) (text), sizeof(text) - 1

static const struct {
    const char *name;
    const char *in;
    size_t n;
    int expect;        /* 0 or an error; */
    const char *known; /* source, port, destination, port; NULL: none given */
} rows[] = {
    {"v1 tcp4", ROW("PROXY TCP4 192.0.2.1 198.51.100.2 12345 25\r\n"), 0,
     "192.0.2.1 12345 198.51.100.2 25"},
    {"v1 tcp6", ROW("PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n"), 0,
     "2001:db8::1 0 2001:db8::2 65535"},
    {"v1 mapped", ROW("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n"), 0, "192.0.2.1 1 ::1 2"},
    {"v1 unknown", ROW("PROXY UNKNOWN\r\n"), 0, NULL},
    {"v1 unknown with more", ROW("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), 0, NULL},
    {"v1 family", ROW("PROXY TCP4 ::1 ::1 1 2\r\n"), -ERR_SYNTAX, NULL},
    {"v1 other family", ROW("PROXY TCP6 192.0.2.1 ::1 1 2\r\n"), -ERR_SYNTAX, NULL},
    {"v1 udp", ROW("PROXY UDP4 192.0.2.1 192.0.2.1 1 2\r\n"), -ERR_SYNTAX, NULL},
    {"v1 port", ROW("PROXY TCP4 192.0.2.1 192.0.2.1 1 65536\r\n"), -ERR_SYNTAX, NULL},
    {"v1 leading zero", ROW("PROXY TCP4 192.0.2.1 192.0.2.1 01 2\r\n"), -ERR_SYNTAX, NULL},
    {"v1 two spaces", ROW("PROXY TCP4  192.0.2.1 192.0.2.1 1 2\r\n"), -ERR_SYNTAX, NULL},
    {"v1 trailing", ROW("PROXY TCP4 192.0.2.1 192.0.2.1 1 2 \r\n"), -ERR_SYNTAX, NULL},
    {"v1 bare lf", ROW("PROXY TCP4 192.0.2.1 192.0.2.1 1 2\n"), -ERR_SYNTAX, NULL},
    {"v1 lower case", ROW("proxy TCP4 192.0.2.1 192.0.2.1 1 2\r\n"), -ERR_SYNTAX, NULL},
    {"v1 too long",
     ROW("PROXY UNKNOWN "
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
     -ERR_LIMIT, NULL},
    {"smtp", ROW("EHLO client.example\r\n"), -ERR_SYNTAX, NULL},
    {"tls", ROW("\x16\3\1\2\0\1\0\1\xfc\3\3abcdefg"), -ERR_SYNTAX, NULL},
    {"v2 ipv4", ROW(SIGNATURE "\x21\x11\0\x0c" V4), 0, "192.0.2.1 12345 198.51.100.2 25"},
    {"v2 ipv4 with extensions", ROW(SIGNATURE "\x21\x11\0\x10" V4 "\1\0\1x"), 0,
     "192.0.2.1 12345 198.51.100.2 25"},
    {"v2 ipv6",
     ROW(SIGNATURE "\x21\x21\0\x24"
                   "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
                   "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\2"
                   "\1\0\0\x19"),
     0, "2001:db8::1 256 2001:db8::2 25"},
    {"v2 mapped",
     ROW(SIGNATURE "\x21\x21\0\x24"
                   "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1"
                   "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"
                   "\1\0\0\x19"),
     0, "192.0.2.1 256 ::1 25"},
    {"v2 local", ROW(SIGNATURE "\x20\0\0\0"), 0, NULL},
    {"v2 local with addresses", ROW(SIGNATURE "\x20\x11\0\x0c" V4), 0, NULL},
    {"v2 unspecified", ROW(SIGNATURE "\x21\0\0\2xx"), 0, NULL},
    {"v2 unix", ROW(SIGNATURE "\x21\x31\0\2xx"), 0, NULL},
    {"v2 datagram", ROW(SIGNATURE "\x21\x12\0\x0c" V4), -ERR_SYNTAX, NULL},
    {"v2 family", ROW(SIGNATURE "\x21\x41\0\x0c" V4), -ERR_SYNTAX, NULL},
    {"v2 addresses cut off", ROW(SIGNATURE "\x21\x11\0\x0bxxxxxxxxxxx"), -ERR_SYNTAX, NULL},
    {"v2 ipv6 cut off", ROW(SIGNATURE "\x21\x21\0\x0c" V4), -ERR_SYNTAX, NULL},
    {"v2 version", ROW(SIGNATURE "\x11\x11\0\x0c" V4), -ERR_SYNTAX, NULL},
    {"v2 command", ROW(SIGNATURE "\x22\x11\0\x0c" V4), -ERR_SYNTAX, NULL},
    {"v2 too long", ROW(SIGNATURE "\x21\x11\x07\xf1" V4), -ERR_LIMIT, NULL}, /* 2049 */
};

/* As a connection reads it: never more than is said to be missing, here octet by octet too. */
static int feed(struct slice all, size_t at_once, struct proxy_header *out, size_t *used_out)
{
    size_t have = 0, missing = 0;
    struct err err;

    for (;;) {
        int rc = proxy_parse(slice_sub(all, 0, have), out, &missing, &err);

        *used_out = have;
        if (rc < 0 || missing == 0)
            return rc;
        if (have == all.n)
            return 1;
        size_t n = missing < at_once ? missing : at_once;

        have += n < all.n - have ? n : all.n - have;
    }
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t at_once = 1; at_once <= 4096; at_once *= 64) {
            /* What follows the header must stay unread. */
            char in[512] = "", text[160] = "", a[ADDR_TEXT_MAX], b[ADDR_TEXT_MAX];
            struct proxy_header h = {0};
            size_t used;

            memcpy(in, rows[i].in, rows[i].n);
            memset(in + rows[i].n, 'E', 20);
            int rc = feed(slice_of(in, rows[i].n + 20), at_once, &h, &used);

            if (rc != rows[i].expect)
                fail_msg("%s: %d", rows[i].name, rc);
            if (rc < 0)
                continue;
            if (used != rows[i].n)
                fail_msg("%s: read %zu of %zu", rows[i].name, used, rows[i].n);
            if (h.known)
                (void)snprintf(text, sizeof(text), "%s %u %s %u", addr_ip_text(&h.source, a),
                               h.source.port, addr_ip_text(&h.destination, b), h.destination.port);
            if (strcmp(text, rows[i].known ? rows[i].known : "") != 0)
                fail_msg("%s: %s", rows[i].name, text);
        }
    }
}

/* Every beginning of a good header waits for more. */
static void test_beginnings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].expect < 0)
            continue;
        for (size_t n = 0; n < rows[i].n; n++) {
            struct proxy_header h;
            size_t used;

            if (feed(slice_of(rows[i].in, n), 4096, &h, &used) != 1)
                fail_msg("%s: ends after %zu", rows[i].name, n);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_beginnings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
