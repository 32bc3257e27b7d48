/* Which mechanism is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>

#include "sasl/choose.h"

static const struct {
    const char *name, *offered, *only;
    bool tls, bound, password, certificate, reveal;
    const char *want; /* NULL: none */
    bool binding;     /* the login knows of the channel */
} rows[] = {
    {"all, TLS, certificate", "EXTERNAL SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN", NULL, true, true,
     true, true, false, "EXTERNAL", true},
    {"certificate, but EXTERNAL is not offered", "SCRAM-SHA-256 PLAIN", NULL, true, true, true,
     true, false, "SCRAM-SHA-256", true},
    {"certificate alone", "SCRAM-SHA-256 PLAIN", NULL, true, true, false, true, false, NULL, false},
    {"certificate, no TLS", "EXTERNAL PLAIN", NULL, false, false, false, true, false, NULL, false},
    {"PLUS", "SCRAM-SHA-1-PLUS SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN", NULL, true, true, true,
     false, false, "SCRAM-SHA-256-PLUS", true},
    {"PLUS offered, nothing to bind to", "SCRAM-SHA-256-PLUS SCRAM-SHA-256", NULL, true, false,
     true, false, false, "SCRAM-SHA-256", false},
    {"SHA-256 comes before SHA-1-PLUS", "SCRAM-SHA-1-PLUS SCRAM-SHA-256", NULL, true, true, true,
     false, false, "SCRAM-SHA-256", true},
    {"CRAM before PLAIN", "PLAIN LOGIN CRAM-MD5", NULL, true, true, true, false, false, "CRAM-MD5",
     true},
    {"PLAIN under TLS", "LOGIN PLAIN", NULL, true, true, true, false, false, "PLAIN", true},
    {"PLAIN in clear", "LOGIN PLAIN", NULL, false, false, true, false, false, NULL, false},
    {"PLAIN in clear, allowed", "LOGIN PLAIN", NULL, false, false, true, false, true, "PLAIN",
     false},
    {"LOGIN at last", "LOGIN", NULL, true, true, true, false, false, "LOGIN", true},
    {"only one, offered", "SCRAM-SHA-256-PLUS PLAIN SCRAM-SHA-1", "SCRAM-SHA-1", true, true, true,
     false, false, "SCRAM-SHA-1", false},
    {"only one, not offered", "PLAIN", "SCRAM-SHA-1", true, true, true, false, false, NULL, false},
    {"only PLAIN, in clear", "PLAIN", "PLAIN", false, false, true, false, false, NULL, false},
    {"nothing offered", "", NULL, true, true, true, true, false, NULL, false},
};

static unsigned offered(struct slice names)
{
    unsigned mask = 0;

    while (names.n > 0) {
        size_t n = slice_find_byte(names, ' ');

        mask |= 1u << (sasl_find(slice_sub(names, 0, n)) - sasl_mechanisms);
        names = n == SIZE_MAX ? SLICE("") : slice_from(names, n + 1);
    }
    return mask;
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct sasl_credentials have = {
            .user = SLICE("u"),
            .has_password = rows[i].password,
            .certificate = rows[i].certificate,
            .reveal_in_clear = rows[i].reveal,
            .only = rows[i].only ? sasl_find(slice_str(rows[i].only)) : NULL};
        const struct sasl_channel on = {.tls = rows[i].tls,
                                        .binding_name =
                                            rows[i].bound ? SLICE("tls-exporter") : SLICE(""),
                                        .binding_data = SLICE("data"),
                                        .offered = offered(slice_str(rows[i].offered))};
        const struct sasl_mechanism *m = sasl_choose(&have, &on);
        struct sasl_attempt attempt;

        if (!slice_eq(m ? m->name : SLICE(""), slice_str(rows[i].want)))
            fail_msg("%s: %.*s", rows[i].name, SLICE_FMT(m ? m->name : SLICE("none")));
        if (!m)
            continue;
        sasl_attempt_init(&attempt, &have, &on, m);
        if ((attempt.login.binding != NULL) != rows[i].binding)
            fail_msg("%s: binding", rows[i].name);
        assert_true(attempt.login.nonce.n >= 32);
    }
}

/* RFC 5802 6: the flag that lets a server notice that its PLUS was hidden. */
static void test_plus_seen(void **state)
{
    const struct sasl_credentials have = {.user = SLICE("u"), .has_password = true};
    struct sasl_channel on = {.tls = true,
                              .binding_name = SLICE("tls-exporter"),
                              .offered = offered(SLICE("SCRAM-SHA-256 SCRAM-SHA-1-PLUS"))};
    struct sasl_attempt attempt;

    (void)state;
    sasl_attempt_init(&attempt, &have, &on, sasl_choose(&have, &on));
    assert_false(attempt.login.plus_announced);
    assert_non_null(attempt.login.binding);
    on.offered = offered(SLICE("SCRAM-SHA-256 SCRAM-SHA-256-PLUS"));
    sasl_attempt_init(&attempt, &have, &on, sasl_find(SLICE("SCRAM-SHA-256")));
    assert_true(attempt.login.plus_announced);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_plus_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
