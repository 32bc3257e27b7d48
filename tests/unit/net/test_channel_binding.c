/* Both ends get the same, and only where it can be trusted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/ssl.h>
#include <stdbool.h>
#include <string.h>

#include "net/channel_binding.h"

struct ends {
    SSL_CTX *server_ctx, *client_ctx;
    SSL *server, *client;
};

static SSL_CTX *server_context(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();

    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_sign(cert, key, EVP_sha256());
    assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
    X509_free(cert);
    EVP_PKEY_free(key);
    return ctx;
}

static void shake_hands(struct ends *e, SSL_SESSION *session)
{
    BIO *a, *b;
    int done = 0;

    assert_int_equal(BIO_new_bio_pair(&a, 1 << 16, &b, 1 << 16), 1);
    e->server = SSL_new(e->server_ctx);
    e->client = SSL_new(e->client_ctx);
    SSL_set_bio(e->server, a, a);
    SSL_set_bio(e->client, b, b);
    SSL_set_accept_state(e->server);
    SSL_set_connect_state(e->client);
    if (session)
        SSL_set_session(e->client, session);
    assert_null(channel_binding_of(e->server).name);
    for (int i = 0; i < 20 && done != 3; i++)
        done = (SSL_do_handshake(e->client) == 1) | (SSL_do_handshake(e->server) == 1) << 1;
    assert_int_equal(done, 3);
}

static void part(struct ends *e)
{
    SSL_shutdown(e->client);
    SSL_shutdown(e->server);
    SSL_free(e->client);
    SSL_free(e->server);
}

static void both(struct ends *e, const char *name, struct channel_binding *out)
{
    struct channel_binding ours = channel_binding_of(e->server),
                           theirs = channel_binding_of(e->client);

    if (!name) {
        assert_null(ours.name);
        assert_null(theirs.name);
        return;
    }
    assert_non_null(ours.name);
    assert_string_equal(ours.name, name);
    assert_string_equal(theirs.name, name);
    assert_int_equal(ours.n, theirs.n);
    assert_memory_equal(ours.data, theirs.data, ours.n);
    *out = ours;
}

static void ends_agree(void **state)
{
    static const struct {
        const char *label, *full, *resumed;
        int version;
        bool no_extended_secret;
    } rows[] = {
        {"TLS 1.3", "tls-exporter", "tls-exporter", TLS1_3_VERSION, false},
        {"TLS 1.2", "tls-unique", "tls-unique", TLS1_2_VERSION, false},
        {"TLS 1.2 without extended master secret", "tls-unique", NULL, TLS1_2_VERSION, true},
    };

    (void)state;
    assert_null(channel_binding_of(NULL).name);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ends e = {.server_ctx = server_context(),
                         .client_ctx = SSL_CTX_new(TLS_client_method())};
        struct channel_binding first = {0}, second = {0};
        char buf[8];

        SSL_CTX_set_max_proto_version(e.client_ctx, rows[i].version);
        if (rows[i].no_extended_secret)
            SSL_CTX_set_options(e.client_ctx, SSL_OP_NO_EXTENDED_MASTER_SECRET);
        shake_hands(&e, NULL);
        both(&e, rows[i].full, &first);
        /* With TLS 1.3 the tickets come behind the handshake. */
        assert_int_equal(SSL_write(e.server, "x", 1), 1);
        assert_int_equal(SSL_read(e.client, buf, sizeof(buf)), 1);
        SSL_SESSION *session = SSL_get1_session(e.client);

        part(&e);
        shake_hands(&e, session);
        assert_true(SSL_session_reused(e.client));
        both(&e, rows[i].resumed, &second);
        if (second.name)
            assert_memory_not_equal(first.data, second.data, second.n);
        SSL_SESSION_free(session);
        part(&e);
        SSL_CTX_free(e.server_ctx);
        SSL_CTX_free(e.client_ctx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ends_agree)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
