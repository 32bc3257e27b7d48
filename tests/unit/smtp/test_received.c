#include "smtp/received.h"
#include "unit.h"

#define BASE                                                                                       \
    .from = {.ascii = SLICE("example.org")}, .from_ip = SLICE("127.0.0.10"),                       \
    .by = {.ascii = SLICE("d1.example")}, .by_ip = SLICE("::1"),                                   \
    .id = SLICE("0123456789012345678901"), .unix_s = 1136239445

static void writes(void **state)
{
    const struct {
        struct smtp_trace trace;
        const char *out;
    } rows[] = {
        {{BASE, .recipient = SLICE("ann@d1.example")},
         "Received: from example.org ([127.0.0.10]) by d1.example ([IPv6:::1])\r\n"
         "\tvia tcp with SMTP id 0123456789012345678901 for <ann@d1.example>;\r\n"
         "\t2 Jan 2006 22:04:05 +0000\r\n"},
        {{BASE, .extended = true, .tls_version = "TLS1.3", .tls_cipher = "TLS_AES_128_GCM_SHA256"},
         "Received: from example.org ([127.0.0.10]) by d1.example ([IPv6:::1])\r\n"
         "\tvia tcp with ESMTPS id 0123456789012345678901\r\n"
         "\t(TLS1.3 TLS_AES_128_GCM_SHA256); 2 Jan 2006 22:04:05 +0000\r\n"},
        {{.from = {.ascii = SLICE("d1.example")},
          .by = {.ascii = SLICE("d1.example")},
          .by_ip = SLICE("10.0.0.1"),
          .extended = true,
          .authenticated = true,
          .id = SLICE("x"),
          .unix_s = 0},
         "Received: from d1.example by d1.example ([10.0.0.1]) via tcp with ESMTPA id x;\r\n"
         "\t1 Jan 1970 00:00:00 +0000\r\n"},
        {{.from = {.ascii = SLICE("d1.example")},
          .by = {.ascii = SLICE("d1.example")},
          .by_ip = SLICE("10.0.0.1"),
          .extended = true,
          .authenticated = true,
          .tls_version = "TLS1.2",
          .tls_cipher = "C",
          .id = SLICE("x"),
          .recipient = SLICE("b@d1.example"),
          .unix_s = 0},
         "Received: from d1.example by d1.example ([10.0.0.1]) via tcp with ESMTPSA id x\r\n"
         "\t(TLS1.2 C) for <b@d1.example>; 1 Jan 1970 00:00:00 +0000\r\n"},
        /* Acceptance 260: what DNS says of the client, and what the message asks for. */
        {{BASE, .reverse = SLICE("host.example.net"), .extended = true, .smtputf8 = true,
          .require_tls = true, .tls_version = "TLS1.3", .tls_cipher = "C"},
         "Received: from example.org (host.example.net [127.0.0.10]) by d1.example\r\n"
         "\t([IPv6:::1]) via tcp with UTF8SMTPS (requiretls) id\r\n"
         "\t0123456789012345678901 (TLS1.3 C); 2 Jan 2006 22:04:05 +0000\r\n"},
        {{BASE, .reverse = SLICE("Example.org")},
         "Received: from example.org ([127.0.0.10]) by d1.example ([IPv6:::1])\r\n"
         "\tvia tcp with SMTP id 0123456789012345678901; 2 Jan 2006 22:04:05 +0000\r\n"},
        {{.from = {SLICE("xn--mx-fka.example"), SLICE("m\xc3\xb6x.example")},
          .from_ip = SLICE("127.0.0.10"),
          .by = {SLICE("xn--d1-a.example"), SLICE("d1\xc3\xa4.example")},
          .by_ip = SLICE("10.0.0.1"),
          .extended = true,
          .smtputf8 = true,
          .authenticated = true,
          .id = SLICE("x")},
         "Received: from m\xc3\xb6x.example ([127.0.0.10]) (xn--mx-fka.example) by\r\n"
         "\td1\xc3\xa4.example ([10.0.0.1]) (xn--d1-a.example) via tcp with UTF8SMTPA id\r\n"
         "\tx; 1 Jan 1970 00:00:00 +0000\r\n"},
        /* HELO has no extensions, whatever else is on. */
        {{BASE, .smtputf8 = true, .authenticated = true, .tls_version = "TLS1.2",
          .tls_cipher = "C"},
         "Received: from example.org ([127.0.0.10]) by d1.example ([IPv6:::1])\r\n"
         "\tvia tcp with SMTP id 0123456789012345678901 (TLS1.2 C);\r\n"
         "\t2 Jan 2006 22:04:05 +0000\r\n"},
    };
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_slice(smtp_received(&a, &rows[i].trace), slice_str(rows[i].out), "Received");
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(writes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
