/* Acceptance 115: a server that asks for what is not safe, or cannot prove itself. Faults 44: a
 * thousand million iterations. */
#include "sasl_fixtures.h"

#include "base/num.h"

static const struct sasl_login login = {
    .user = SLICE_INIT("ann"), .password = SLICE_INIT("secret"), .nonce = SLICE_INIT("12345678")};

static void s115_unsafe(void **state)
{
    static const struct {
        const char *name, *server_first;
    } rows[] = {
        {"one iteration", "r=1234567887654321,s=AAAA,i=1"},
        {"one too few", "r=1234567887654321,s=AAAA,i=2047"},
        {"a million and one", "r=1234567887654321,s=AAAA,i=1000001"},
        {"10^9 iterations", "r=1234567887654321,s=AAAA,i=1000000000"},
        {"four characters of the server", "r=123456788765,s=AAAA,i=4096"},
        {"another nonce", "r=0234567887654321,s=AAAA,i=4096"},
        {"mandatory extension", "m=x,r=1234567887654321,s=AAAA,i=4096"},
        {"error", "e=other-error"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct sasl_client c;
        struct sasl_login l = login;

        l.mechanism = sasl_find(SLICE("SCRAM-SHA-256"));
        sasl_client_init(&c, &l);
        assert_int_equal(sasl_client_start(&c), SASL_CLIENT_SEND);
        if (sasl_client_take(&c, slice_str(rows[i].server_first)) != SASL_CLIENT_FAILED)
            fail_msg("%s", rows[i].name);
        assert_false(sasl_client_satisfied(&c));
        sasl_client_done(&c);
    }
}

static void short_nonce(void **state)
{
    struct sasl_client c;
    struct sasl_login l = login;

    (void)state;
    l.mechanism = sasl_find(SLICE("SCRAM-SHA-1"));
    l.nonce = SLICE("short");
    sasl_client_init(&c, &l);
    assert_int_equal(sasl_client_start(&c), SASL_CLIENT_FAILED);
    assert_int_equal(c.err.kind, ERR_INVALID);
    sasl_client_done(&c);
}

/* A server that says yes without having proved anything. */
static void false_server(void **state)
{
    struct sasl_client c;
    struct sasl_login l = login;

    (void)state;
    l.mechanism = sasl_find(SLICE("SCRAM-SHA-256"));
    sasl_client_init(&c, &l);
    assert_int_equal(sasl_client_start(&c), SASL_CLIENT_SEND);
    assert_int_equal(sasl_client_take(&c, SLICE("r=1234567887654321,s=AAAA,i=4096")),
                     SASL_CLIENT_SEND);
    assert_int_equal(sasl_client_take(&c, SLICE("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")),
                     SASL_CLIENT_FAILED);
    assert_int_equal(c.err.kind, ERR_DENIED);
    assert_false(sasl_client_satisfied(&c));
    sasl_client_done(&c);
}

/* RFC 5802 6: what the client says of channel binding. */
static void flags(void **state)
{
    static const struct sasl_binding binding = {SLICE_INIT("tls-exporter"), SLICE_INIT("data")};
    static const struct {
        const char *mechanism;
        const struct sasl_binding *binding;
        bool plus_announced;
        const char *start;
    } rows[] = {
        {"SCRAM-SHA-256", NULL, false, "n,,n=ann,r=12345678"},
        {"SCRAM-SHA-256", NULL, true, "n,,n=ann,r=12345678"},
        {"SCRAM-SHA-256", &binding, false, "y,,n=ann,r=12345678"},
        {"SCRAM-SHA-256", &binding, true, "n,,n=ann,r=12345678"},
        {"SCRAM-SHA-256-PLUS", &binding, true, "p=tls-exporter,,n=ann,r=12345678"},
        {"SCRAM-SHA-256-PLUS", NULL, true, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct sasl_client c;
        struct sasl_login l = login;

        l.mechanism = sasl_find(slice_str(rows[i].mechanism));
        l.binding = rows[i].binding;
        l.plus_announced = rows[i].plus_announced;
        sasl_client_init(&c, &l);
        enum sasl_client_step step = sasl_client_start(&c);

        assert_int_equal(step, rows[i].start ? SASL_CLIENT_SEND : SASL_CLIENT_FAILED);
        if (rows[i].start)
            assert_true(slice_eq(build_slice(&c.out), slice_str(rows[i].start)));
        sasl_client_done(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(s115_unsafe), cmocka_unit_test(short_nonce),
                                       cmocka_unit_test(false_server), cmocka_unit_test(flags)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
