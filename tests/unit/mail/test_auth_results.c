#include "mail/auth_results.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/num.h"

#define P(t, n, v)                                                                                 \
    {                                                                                              \
        .type = (t), .property = (n), .value = SLICE_INIT(v)                                       \
    }
#define HOST                                                                                       \
    {                                                                                              \
        .ascii = SLICE_INIT("mx.example")                                                          \
    }

static const struct auth_property address = {.type = "smtp",
                                             .property = "mailfrom",
                                             .value = SLICE_INIT("ann@d1.example"),
                                             .is_address = true};
static const struct auth_property null_address = {
    .type = "smtp", .property = "mailfrom", .is_address = true};
static const struct auth_property injected = {.type = "smtp",
                                              .property = "mailfrom",
                                              .value = SLICE_INIT("a@b\r\nBcc: x"),
                                              .is_address = true};
/* Acceptance 390. */
static const struct auth_property idn = {.type = "header",
                                         .property = "d",
                                         .value = SLICE_INIT("m\xc3\xb6x.example"),
                                         .comment = SLICE_INIT("xn--mx-fka.example")};
static const struct auth_property odd = P("header", "b", "a/b\"c\\d\re");
static const struct auth_property plain = P("header", "s", "selector");

static const struct {
    const char *name;
    struct auth_name host;
    struct auth_method methods[2];
    size_t n;
    const char *out;
} rows[] = {
    {"none", HOST, {{0}}, 0, "Authentication-Results: mx.example; none\r\n"},
    {"submission",
     HOST,
     {{.method = "auth", .result = "pass", .properties = &address, .properties_n = 1}},
     1,
     "Authentication-Results: mx.example;\r\n\tauth=pass smtp.mailfrom=ann@d1.example\r\n"},
    {"null sender",
     HOST,
     {{.method = "auth", .result = "pass", .properties = &null_address, .properties_n = 1}},
     1,
     "Authentication-Results: mx.example;\r\n\tauth=pass smtp.mailfrom=\"\"\r\n"},
    {"line ends in an address",
     HOST,
     {{.method = "spf", .result = "fail", .properties = &injected, .properties_n = 1}},
     1,
     "Authentication-Results: mx.example;\r\n\tspf=fail smtp.mailfrom=\"a@b  Bcc: x\"\r\n"},
    {"390 idn",
     {.ascii = SLICE_INIT("xn--mx-fka.example"), .unicode = SLICE_INIT("m\xc3\xb6x.example")},
     {{.method = "dkim", .result = "pass", .properties = &idn, .properties_n = 1}},
     1,
     "Authentication-Results: (xn--mx-fka.example) m\xc3\xb6x.example;\r\n"
     "\tdkim=pass header.d=m\xc3\xb6x.example (xn--mx-fka.example)\r\n"},
    {"two methods, comment, reason, quoted value",
     HOST,
     {{.method = "dkim",
       .result = "fail",
       .comment = SLICE_INIT("2048 bits (no\ndnssec)"),
       .reason = SLICE_INIT("body hash differs"),
       .properties = &odd,
       .properties_n = 1},
      {.method = "spf", .result = "none", .comment = SLICE_INIT("left out"), .properties = NULL}},
     2,
     "Authentication-Results: mx.example;\r\n"
     "\tdkim=fail (2048 bits \\(no dnssec\\)) reason=\"body hash differs\"\r\n"
     "\theader.b=\"a/b\\\"c\\\\d e\";\r\n\tspf=none\r\n"},
    {"a comment before a property",
     HOST,
     {{.method = "dkim",
       .result = "pass",
       .comment = SLICE_INIT("256 bits"),
       .properties = &plain,
       .properties_n = 1}},
     1,
     "Authentication-Results: mx.example;\r\n\tdkim=pass (256 bits) header.s=selector\r\n"},
};

static void writes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct arena a;

        arena_init(&a, 1 << 16);
        struct slice got = mail_auth_results(&a, &rows[i].host, rows[i].methods, rows[i].n);

        if (!slice_eq(got, slice_str(rows[i].out)))
            fail_msg("%s: got\n%.*swant\n%s", rows[i].name, SLICE_FMT(got), rows[i].out);
        arena_done(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(writes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
