/* Certificates and keys that cannot be used are refused with a reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "local_signer.h"
#include "net/tls_private.h"

enum piece { NOTHING, JUNK, CERT_A, CERT_A_THEN_B, CERT_A_THEN_JUNK, CERT_ED448, PIECES };

static BIO *pieces[PIECES];
static EVP_PKEY *key_a;
static struct tls_signer signer_a;

static void write_certificate(enum piece at, enum piece chain_at, EVP_PKEY *key)
{
    X509 *cert = X509_new();

    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_sign(cert, key, EVP_PKEY_get_base_id(key) == EVP_PKEY_ED448 ? NULL : EVP_sha256());
    PEM_write_bio_X509(pieces[at], cert);
    if (chain_at)
        PEM_write_bio_X509(pieces[chain_at], cert);
    X509_free(cert);
}

static int make_pieces(void **state)
{
    EVP_PKEY *b = EVP_RSA_gen(2048), *ed448 = EVP_PKEY_Q_keygen(NULL, NULL, "ED448");

    (void)state;
    key_a = EVP_EC_gen("P-256");
    signer_a = local_signer(key_a);
    for (int i = 0; i < PIECES; i++)
        pieces[i] = BIO_new(BIO_s_mem());
    write_certificate(CERT_A, CERT_A_THEN_B, key_a);
    write_certificate(CERT_A_THEN_B, NOTHING, b);
    write_certificate(CERT_A_THEN_JUNK, NOTHING, key_a);
    write_certificate(CERT_ED448, NOTHING, ed448);
    BIO_puts(pieces[CERT_A_THEN_JUNK],
             "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    BIO_puts(pieces[JUNK], "not PEM at all\n");
    EVP_PKEY_free(b);
    EVP_PKEY_free(ed448);
    return 0;
}

static int free_pieces(void **state)
{
    (void)state;
    EVP_PKEY_free(key_a);
    for (int i = 0; i < PIECES; i++)
        BIO_free(pieces[i]);
    return 0;
}

static struct slice text_of(enum piece piece)
{
    char *p;
    long n = BIO_get_mem_data(pieces[piece], &p);

    return slice_of(p, (size_t)n);
}

static struct tls_certificate *identity_of(enum piece piece)
{
    struct tls_certificate *identity;
    struct err err;

    assert_int_equal(tls_certificate_new(text_of(piece), &signer_a, &identity, &err), 0);
    return identity;
}

static void test_identities(void **state)
{
    static const struct {
        const char *name;
        enum piece cert;
        int expect;
    } rows[] = {
        {"good", CERT_A, 0},
        {"good with chain", CERT_A_THEN_B, 0},
        {"no certificate", NOTHING, -ERR_INVALID},
        {"junk", JUNK, -ERR_INVALID},
        {"damaged chain", CERT_A_THEN_JUNK, -ERR_INVALID},
        {"a key of a kind that is not signed with", CERT_ED448, -ERR_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tls_certificate *identity = NULL;
        struct err err = {0};
        int rc = tls_certificate_new(text_of(rows[i].cert), &signer_a, &identity, &err);

        if (rc != rows[i].expect)
            fail_msg("%s: %d (%s: %s)", rows[i].name, rc, err.text, err.detail);
        assert_int_equal(identity != NULL, rc == 0);
        assert_int_equal(err.text[0] != '\0', rc < 0);
        tls_certificate_free(identity);
    }
}

static void test_contexts(void **state)
{
    static const struct {
        const char *name;
        bool certificate;
        const char *alpn, *service;
        int expect;
    } rows[] = {
        {"good", true, "imap", "imaps", 0},
        {"any protocol", true, NULL, NULL, 0},
        {"no identity", false, NULL, "s", -ERR_INVALID},
        {"long service", true, NULL, "0123456789012345678901234567890", 0},
        {"too long service", true, NULL, "01234567890123456789012345678901", -ERR_LIMIT},
        {"too long protocol", true, "01234567890123456789012345678901", "s", -ERR_LIMIT},
    };
    struct tls_certificate *identity = identity_of(CERT_A);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct tls_config config = {.certificate = rows[i].certificate ? identity : NULL,
                                          .alpn = rows[i].alpn,
                                          .service = rows[i].service};
        struct tls_context *ctx = NULL;
        struct err err = {0};
        int rc = tls_context_new(&config, &ctx, &err);

        if (rc != rows[i].expect)
            fail_msg("%s: %d (%s: %s)", rows[i].name, rc, err.text, err.detail);
        assert_int_equal(ctx != NULL, rc == 0);
        assert_int_equal(err.text[0] != '\0', rc < 0);
        tls_context_free(ctx);
    }
    tls_certificate_free(identity);
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    SSL_SESSION **kept = SSL_get_app_data(ssl);

    SSL_SESSION_free(*kept);
    *kept = session;
    return 1;
}

/* One connection in memory. The session it ends with replaces *session; whether it was resumed. */
static bool connect_with(SSL_CTX *client_ctx, const struct tls_context *server_ctx,
                         SSL_SESSION **session)
{
    SSL *client = SSL_new(client_ctx), *server = SSL_new(server_ctx->ssl);
    BIO *client_end, *server_end;
    char byte = 0;

    assert_int_equal(BIO_new_bio_pair(&client_end, 1 << 16, &server_end, 1 << 16), 1);
    SSL_set_bio(client, client_end, client_end);
    SSL_set_bio(server, server_end, server_end);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    SSL_set_app_data(client, session);
    if (*session)
        assert_int_equal(SSL_set_session(client, *session), 1);
    for (int i = 0; i < 10; i++) {
        (void)SSL_do_handshake(client);
        (void)SSL_do_handshake(server);
    }
    assert_true(SSL_is_init_finished(client) && SSL_is_init_finished(server));
    (void)SSL_write(server, "x", 1);
    assert_int_equal(SSL_read(client, &byte, 1), 1);
    bool reused = SSL_session_reused(client);

    (void)SSL_shutdown(client);
    SSL_free(client);
    SSL_free(server);
    return reused;
}

/* Spec 3.1: a new key each day, the current and seven old ones; tickets only where they are on. */
static void test_ticket_keys_rotate(void **state)
{
    static const struct {
        int64_t hours_later;
        bool resumed;
    } steps[] = {{0, true},      {0, true},       {23, true}, {2, true},
                 {24 * 6, true}, {24 * 9, false}, {0, true}};
    struct clock clock = {.frozen_ns = INT64_C(1700000000) * NS_PER_S};
    struct tls_certificate *identity = identity_of(CERT_A);
    struct tls_config config = {.certificate = identity, .tickets = true, .clock = &clock};
    struct tls_context *ctx, *other, *without;
    SSL_CTX *client = SSL_CTX_new(TLS_client_method());
    SSL_SESSION *session = NULL;
    struct err err;

    (void)state;
    SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(client, keep_session);
    assert_int_equal(tls_context_new(&config, &ctx, &err), 0);
    assert_int_equal(tls_context_new(&config, &other, &err), 0);
    config.tickets = false;
    assert_int_equal(tls_context_new(&config, &without, &err), 0);
    assert_false(connect_with(client, ctx, &session));
    assert_non_null(session);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        clock.frozen_ns += steps[i].hours_later * 3600 * NS_PER_S;
        if (connect_with(client, ctx, &session) != steps[i].resumed)
            fail_msg("step %zu", i);
    }
    /* Each listening socket has keys of its own. */
    assert_false(connect_with(client, other, &session));
    SSL_SESSION_free(session);
    session = NULL;
    assert_false(connect_with(client, without, &session));
    assert_null(session);
    SSL_CTX_free(client);
    tls_context_free(ctx);
    tls_context_free(other);
    tls_context_free(without);
    tls_certificate_free(identity);
}

static void test_minimum_version(void **state)
{
    const struct clock clock = {0};
    struct tls_certificate *identity = identity_of(CERT_A);
    struct tls_config config = {
        .certificate = identity, .minimum = TLS1_3_VERSION, .clock = &clock};
    struct tls_context *ctx;
    struct err err;

    (void)state;
    assert_int_equal(tls_context_new(&config, &ctx, &err), 0);
    assert_int_equal(SSL_CTX_get_min_proto_version(ctx->ssl), TLS1_3_VERSION);
    tls_context_free(ctx);
    config.minimum = 0;
    assert_int_equal(tls_context_new(&config, &ctx, &err), 0);
    assert_int_equal(SSL_CTX_get_min_proto_version(ctx->ssl), TLS1_2_VERSION);
    tls_context_free(ctx);
    tls_certificate_free(identity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identities),
        cmocka_unit_test(test_contexts),
        cmocka_unit_test(test_ticket_keys_rotate),
        cmocka_unit_test(test_minimum_version),
    };

    return cmocka_run_group_tests(tests, make_pieces, free_pieces);
}
