/* Our server against our client (acceptance 114, 116, 117, 120) and against messages that no client
 * of ours writes. */
#include "sasl_fixtures.h"

#include "base/num.h"

static const struct sasl_binding exporter = {SLICE_INIT("tls-exporter"), SLICE_INIT("0123456789")};
static const struct sasl_binding unique = {SLICE_INIT("tls-unique"), SLICE_INIT("abcdefghijkl")};
static const struct sasl_binding other = {SLICE_INIT("tls-exporter"), SLICE_INIT("9876543210")};

#define VERIFIER                                                                                   \
    {                                                                                              \
        .user = "ann@d1.example", .password = "secret word", .salt = "0123456789abcdef",           \
        .iterations = 4096, .nonce = SLICE("server+nonce")                                         \
    }

static enum sasl_step run(const char *mechanism, const char *user, const char *password,
                          const char *authzid, const struct sasl_binding *mine,
                          const struct sasl_binding *theirs, enum sasl_failure *failure)
{
    struct verifier v = VERIFIER;
    struct sasl_login login = {.mechanism = sasl_find(slice_str(mechanism)),
                               .user = slice_str(user),
                               .password = slice_str(password),
                               .authzid = slice_str(authzid),
                               .nonce = SLICE("client+nonce"),
                               .binding = mine,
                               .plus_announced = true};
    struct err err;

    return login_run(&login, &v, theirs, failure, &err);
}

/* All mechanisms, right and wrong, bound in both ways. */
static void s114_loopback(void **state)
{
    enum sasl_failure failure;

    (void)state;
    for (size_t i = 0; i < SASL_MECHANISMS; i++) {
        const char *name = (const char *)sasl_mechanisms[i].name.p;
        const struct sasl_binding *const bindings[] = {&exporter, &unique, NULL};

        for (size_t k = 0; k < ARRAY_SIZE(bindings); k++) {
            const struct sasl_binding *b = bindings[k];

            if (sasl_mechanisms[i].plus && !b)
                continue;
            assert_int_equal(run(name, "ann@d1.example", "secret word", "", b, b, &failure),
                             SASL_DONE);
            if (sasl_mechanisms[i].kind == SASL_EXTERNAL)
                continue;
            assert_int_equal(run(name, "ann@d1.example", "other word", "", b, b, &failure),
                             SASL_FAILED);
            assert_int_equal(failure, SASL_FAIL_WRONG);
            assert_int_equal(run(name, "bob@d1.example", "secret word", "", b, b, &failure),
                             SASL_FAILED);
            assert_int_equal(failure, SASL_FAIL_WRONG);
        }
    }
}

static void s114_authzid(void **state)
{
    static const char *const names[] = {"PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256",
                                        "SCRAM-SHA-256-PLUS"};
    enum sasl_failure failure;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        assert_int_equal(run(names[i], "ann@d1.example", "secret word", "ann@d1.example", &exporter,
                             &exporter, &failure),
                         SASL_DONE);
        assert_int_equal(run(names[i], "ann@d1.example", "secret word", "bob@d1.example", &exporter,
                             &exporter, &failure),
                         SASL_FAILED);
        assert_int_equal(failure, SASL_FAIL_AUTHZID);
    }
}

static void s117_other_channel(void **state)
{
    static const struct {
        const char *name;
        const struct sasl_binding *mine, *theirs;
    } rows[] = {
        {"another connection", &exporter, &other},
        {"another connection, TLS 1.2", &unique, &exporter},
        {"120 tls-exporter on TLS 1.2", &exporter, &unique},
        {"server without TLS", &exporter, NULL},
    };
    enum sasl_failure failure;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        enum sasl_step step = run("SCRAM-SHA-256-PLUS", "ann@d1.example", "secret word", "",
                                  rows[i].mine, rows[i].theirs, &failure);

        if (step != SASL_FAILED || failure != SASL_FAIL_BINDING)
            fail_msg("%s", rows[i].name);
    }
}

/* First messages that are refused at once, or after an error of SCRAM. */
static void first_messages(void **state)
{
    static const struct {
        const char *name, *mechanism;
        struct slice message;
        enum sasl_step step;
        enum sasl_failure failure;
    } rows[] = {
        {"116 y", "SCRAM-SHA-256", SLICE_INIT("y,,n=ann,r=12345678"), SASL_FAILED,
         SASL_FAIL_PROTOCOL},
        {"116 y with PLUS", "SCRAM-SHA-256-PLUS", SLICE_INIT("y,,n=ann,r=12345678"), SASL_FAILED,
         SASL_FAIL_PROTOCOL},
        {"n with PLUS", "SCRAM-SHA-1-PLUS", SLICE_INIT("n,,n=ann,r=12345678"), SASL_FAILED,
         SASL_FAIL_PROTOCOL},
        {"p without PLUS", "SCRAM-SHA-1", SLICE_INIT("p=tls-exporter,,n=ann,r=12345678"),
         SASL_CHALLENGE, SASL_FAIL_NONE},
        {"120 p=foo", "SCRAM-SHA-1-PLUS", SLICE_INIT("p=foo,,n=ann,r=12345678"), SASL_FAILED,
         SASL_FAIL_PROTOCOL},
        {"120 case of the binding", "SCRAM-SHA-1-PLUS",
         SLICE_INIT("p=TLS-EXPORTER,,n=ann,r=12345678"), SASL_FAILED, SASL_FAIL_PROTOCOL},
        {"name not composed", "SCRAM-SHA-1", SLICE_INIT("n,,n=o\xcc\x81,r=12345678"), SASL_FAILED,
         SASL_FAIL_PROTOCOL},
        {"bad data", "SCRAM-SHA-1", SLICE_INIT("bad data"), SASL_FAILED, SASL_FAIL_PROTOCOL},
        {"92 two parts", "PLAIN", SLICE_INIT("ann\0secret"), SASL_FAILED, SASL_FAIL_SYNTAX},
        {"92 four parts", "PLAIN", SLICE_INIT("\0ann\0secret\0"), SASL_FAILED, SASL_FAIL_SYNTAX},
        {"92 nothing", "PLAIN", SLICE_INIT(""), SASL_FAILED, SASL_FAIL_SYNTAX},
        {"PLAIN", "PLAIN", SLICE_INIT("\0ann\0secret"), SASL_VERIFY, SASL_FAIL_NONE},
        {"PLAIN, composed and decomposed", "PLAIN", SLICE_INIT("\xc3\xb3\0o\xcc\x81\0secret"),
         SASL_VERIFY, SASL_FAIL_NONE},
        {"PLAIN, not UTF-8", "PLAIN", SLICE_INIT("\xff\0\xff\0secret"), SASL_FAILED,
         SASL_FAIL_AUTHZID},
        {"96 initial response", "CRAM-MD5", SLICE_INIT("ann 00112233445566778899aabbccddeeff"),
         SASL_FAILED, SASL_FAIL_INITIAL},
        {"EXTERNAL", "EXTERNAL", SLICE_INIT(""), SASL_VERIFY, SASL_FAIL_NONE},
        {"EXTERNAL for somebody", "EXTERNAL", SLICE_INIT("ann"), SASL_VERIFY, SASL_FAIL_NONE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct sasl_server s;

        sasl_server_init(&s, sasl_find(slice_str(rows[i].mechanism)), &exporter);
        enum sasl_step step = sasl_server_take(&s, rows[i].message);

        if (step != rows[i].step || s.failure != rows[i].failure)
            fail_msg("%s: %d, %d", rows[i].name, (int)step, (int)s.failure);
        sasl_server_done(&s);
    }
}

static void s96_cram(void **state)
{
    static const struct {
        const char *name, *message;
        enum sasl_step step;
        enum sasl_failure failure;
    } rows[] = {
        {"digest", "ann 00112233445566778899aabbccddeeff", SASL_VERIFY, SASL_FAIL_NONE},
        {"name with a space", "a b 00112233445566778899aabbccddeeff", SASL_VERIFY, SASL_FAIL_NONE},
        {"only a name", "user", SASL_FAILED, SASL_FAIL_SYNTAX},
        {"31 digits", "ann 00112233445566778899aabbccddeef", SASL_FAILED, SASL_FAIL_SYNTAX},
        {"33 digits", "ann 00112233445566778899aabbccddeefff", SASL_FAILED, SASL_FAIL_SYNTAX},
        {"upper case", "ann 00112233445566778899AABBCCDDEEFF", SASL_FAILED, SASL_FAIL_WRONG},
        {"no digits", "ann zz112233445566778899aabbccddeeff", SASL_FAILED, SASL_FAIL_WRONG},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct sasl_server s;

        sasl_server_init(&s, sasl_find(SLICE("CRAM-MD5")), NULL);
        assert_int_equal(sasl_server_start(&s), SASL_CHALLENGE);
        assert_int_equal(sasl_server_challenge(&s, SLICE("<1.2@host>"), SLICE(""), 0), SASL_SEND);
        assert_true(slice_eq(build_slice(&s.out), SLICE("<1.2@host>")));
        enum sasl_step step = sasl_server_take(&s, slice_str(rows[i].message));

        if (step != rows[i].step || s.failure != rows[i].failure)
            fail_msg("%s: %d, %d", rows[i].name, (int)step, (int)s.failure);
        sasl_server_done(&s);
    }
}

static void s121_final(void **state)
{
    static const char *const rows[] = {"garbage", "c=biws", "c=biws,r=12345678server+nonce,p=!!"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct sasl_server s;

        sasl_server_init(&s, sasl_find(SLICE("SCRAM-SHA-256")), NULL);
        assert_int_equal(sasl_server_take(&s, SLICE("n,,n=ann,r=12345678")), SASL_CHALLENGE);
        assert_int_equal(sasl_server_challenge(&s, SLICE("server+nonce"), SLICE("salt"), 4096),
                         SASL_SEND);
        assert_int_equal(sasl_server_take(&s, slice_str(rows[i])), SASL_FAILED);
        assert_int_equal(s.failure, SASL_FAIL_PROTOCOL);
        sasl_server_done(&s);
    }
}

static void names(void **state)
{
    (void)state;
    for (size_t i = 0; i < SASL_MECHANISMS; i++) {
        assert_ptr_equal(sasl_find(sasl_mechanisms[i].name), &sasl_mechanisms[i]);
        assert_ptr_equal(sasl_find(sasl_mechanisms[i].label), &sasl_mechanisms[i]);
        assert_true(sasl_mechanisms[i].name.n <= SASL_NAME_MAX);
    }
    assert_null(sasl_find(SLICE("FOO")));
    assert_null(sasl_find(SLICE("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s114_loopback),
        cmocka_unit_test(s114_authzid),
        cmocka_unit_test(s117_other_channel),
        cmocka_unit_test(first_messages),
        cmocka_unit_test(s96_cram),
        cmocka_unit_test(s121_final),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
