/* The examples of RFC 5802 5 and RFC 7677 3, through our server (acceptance 110 to 112) and our
 * client (113, 115). */
#include "sasl_fixtures.h"

#include "base/encode.h"
#include "base/num.h"

static const struct vector {
    const char *mechanism, *salt64, *client_first, *server_first, *client_final, *server_final;
    struct slice client_nonce, server_nonce;
} vectors[] = {
    {"SCRAM-SHA-1", "QSXCR+Q6sek8bf92", "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
     "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
     "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
     "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", SLICE_INIT("fyko+d2lbbFgONRv9qkxdawL"),
     SLICE_INIT("3rfcNHYJY1ZVvWVs7j")},
    {"SCRAM-SHA-256", "W22ZaJ0SNY7soEsUEjb6gQ==", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
     "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
     "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
     "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
     "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", SLICE_INIT("rOprNGfwEbeRWgbNEkqO"),
     SLICE_INIT("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")},
};

/* The server's final message for the vector's client; salted with `rounds` and `password`. */
static void serve(const struct vector *v, const char *password, uint32_t rounds,
                  struct slice server_nonce, const char *want)
{
    struct sasl_server s;
    struct builder salt;
    uint8_t salted[SCRAM_KEY_MAX], signature[SCRAM_KEY_MAX];
    struct scram_keys keys;
    struct err err;

    build_init(&salt, 64);
    assert_int_equal(decode_base64(&salt, slice_str(v->salt64), &err), 0);
    sasl_server_init(&s, sasl_find(slice_str(v->mechanism)), NULL);
    assert_int_equal(sasl_server_take(&s, slice_str(v->client_first)), SASL_CHALLENGE);
    assert_true(slice_eq(s.user, SLICE("user")));
    assert_int_equal(sasl_server_challenge(&s, server_nonce, build_slice(&salt), 4096), SASL_SEND);
    if (slice_eq(server_nonce, v->server_nonce))
        assert_true(slice_eq(build_slice(&s.out), slice_str(v->server_first)));
    enum sasl_step step = sasl_server_take(&s, slice_str(v->client_final));

    if (step == SASL_VERIFY) {
        enum sasl_hash hash = s.mechanism->hash;

        assert_int_equal(
            scram_salted(hash, slice_str(password), build_slice(&salt), rounds, salted, &err), 0);
        assert_int_equal(scram_keys_of(hash, salted, &keys, &err), 0);
        assert_int_equal(scram_signature(hash, keys.server, s.message, signature, &err), 0);
        step = sasl_server_verified(&s, scram_proof_matches(hash, keys.stored, s.message, s.proof),
                                    slice_of(signature, scram_key_size(hash)));
    }
    assert_int_equal(step, SASL_SEND);
    assert_true(slice_eq(build_slice(&s.out), slice_str(want)));
    bool good = slice_eq(slice_str(want), slice_str(v->server_final));

    assert_int_equal(sasl_server_take(&s, SLICE("")), good ? SASL_DONE : SASL_FAILED);
    assert_int_equal(s.failure, good ? SASL_FAIL_NONE : SASL_FAIL_WRONG);
    sasl_server_done(&s);
    build_done(&salt);
}

static void s110_s111_server(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++)
        serve(&vectors[i], "pencil", 4096, vectors[i].server_nonce, vectors[i].server_final);
}

static void s112_invalid_proof(void **state)
{
    const struct vector *v = &vectors[1];

    (void)state;
    serve(v, "marker", 4096, v->server_nonce, "e=invalid-proof");
    serve(v, "pencil", 2048, v->server_nonce, "e=invalid-proof");
    serve(v, "pencil", 4096, SLICE("another nonce"), "e=invalid-proof");
}

static void s113_client(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        const struct vector *v = &vectors[i];
        struct sasl_login login = {.mechanism = sasl_find(slice_str(v->mechanism)),
                                   .user = SLICE("user"),
                                   .password = SLICE("pencil"),
                                   .nonce = v->client_nonce};
        struct sasl_client c;

        sasl_client_init(&c, &login);
        assert_int_equal(sasl_client_start(&c), SASL_CLIENT_SEND);
        assert_true(slice_eq(build_slice(&c.out), slice_str(v->client_first)));
        assert_int_equal(sasl_client_take(&c, slice_str(v->server_first)), SASL_CLIENT_SEND);
        assert_true(slice_eq(build_slice(&c.out), slice_str(v->client_final)));
        assert_false(sasl_client_satisfied(&c));
        assert_int_equal(sasl_client_take(&c, slice_str(v->server_final)), SASL_CLIENT_DONE);
        assert_true(sasl_client_satisfied(&c));
        assert_int_equal(sasl_client_take(&c, SLICE("")), SASL_CLIENT_FAILED);
        sasl_client_done(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(s110_s111_server),
                                       cmocka_unit_test(s112_invalid_proof),
                                       cmocka_unit_test(s113_client)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
