/* Handshakes whose signatures come from elsewhere: every kind of key, both versions, SNI, and a
 * signer that fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "local_signer.h"
#include "net/tls_private.h"

static X509 *new_certificate(EVP_PKEY *key, const char *name)
{
    X509 *cert = X509_new();
    char names[128];

    (void)snprintf(names, sizeof(names), "DNS:%s", name);
    X509_set_version(cert, X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);

    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
    X509_sign(cert, key, EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256());
    return cert;
}

static struct tls_certificate *new_identity(EVP_PKEY *key, const struct tls_signer *signer,
                                            const char *name)
{
    X509 *cert = new_certificate(key, name);
    BIO *bio = BIO_new(BIO_s_mem());
    struct tls_certificate *identity = NULL;
    struct err err;
    char *p;

    PEM_write_bio_X509(bio, cert);
    long n = BIO_get_mem_data(bio, &p);

    if (tls_certificate_new(slice_of(p, (size_t)n), signer, &identity, &err) < 0)
        fail_msg("%s: %s", err.text, err.detail);
    BIO_free(bio);
    X509_free(cert);
    return identity;
}

/* The server's name in the certificate that a client gets, or "failed: N" with the alert's number
 * that it gets. */
static void handshake(const struct tls_context *ctx, int version, const char *sni,
                      const char *sigalgs, char *out, size_t size)
{
    SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
    BIO *client_end, *server_end;

    SSL_CTX_set_min_proto_version(client_ctx, version);
    SSL_CTX_set_max_proto_version(client_ctx, version);
    if (sigalgs)
        assert_int_equal(SSL_CTX_set1_sigalgs_list(client_ctx, sigalgs), 1);
    SSL *client = SSL_new(client_ctx), *server = SSL_new(ctx->ssl);

    assert_int_equal(BIO_new_bio_pair(&client_end, 1 << 16, &server_end, 1 << 16), 1);
    SSL_set_bio(client, client_end, client_end);
    SSL_set_bio(server, server_end, server_end);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    if (sni)
        SSL_set_tlsext_host_name(client, sni);
    for (int i = 0; i < 10; i++) {
        ERR_clear_error();
        (void)SSL_do_handshake(server);
        ERR_clear_error();
        if (SSL_do_handshake(client) != 1 && SSL_get_error(client, -1) == SSL_ERROR_SSL)
            break;
    }
    X509 *got = SSL_get0_peer_certificate(client);

    if (SSL_is_init_finished(client) && SSL_is_init_finished(server)) {
        GENERAL_NAMES *names = X509_get_ext_d2i(got, NID_subject_alt_name, NULL, NULL);
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, 0);

        (void)snprintf(out, size, "%s", ASN1_STRING_get0_data(name->d.dNSName));
        GENERAL_NAMES_free(names);
    } else {
        (void)snprintf(out, size, "failed: %d",
                       ERR_GET_REASON(ERR_peek_error()) - SSL_AD_REASON_OFFSET);
    }
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(client_ctx);
}

static struct tls_context *new_context(const struct tls_certificate *identity,
                                       const struct tls_certificate *const *others, size_t others_n)
{
    const struct tls_config config = {
        .certificate = identity, .others = others, .others_n = others_n, .service = "test"};
    struct tls_context *ctx;
    struct err err;

    assert_int_equal(tls_context_new(&config, &ctx, &err), 0);
    return ctx;
}

static EVP_PKEY *new_key(const char *kind)
{
    if (strcmp(kind, "RSA") == 0)
        return EVP_RSA_gen(2048);
    if (strcmp(kind, "ED25519") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, kind);
    return EVP_EC_gen(kind);
}

static void test_every_kind_of_key(void **state)
{
    static const struct {
        const char *kind;
        int version;
        const char *sigalgs; /* of the client; NULL: what it always offers */
    } rows[] = {
        {"P-256", TLS1_3_VERSION, NULL},
        {"P-256", TLS1_2_VERSION, NULL},
        {"P-256", TLS1_2_VERSION, "ECDSA+SHA384"},
        {"P-384", TLS1_3_VERSION, NULL},
        {"P-384", TLS1_2_VERSION, NULL},
        {"P-521", TLS1_3_VERSION, NULL},
        {"P-521", TLS1_2_VERSION, NULL},
        {"ED25519", TLS1_3_VERSION, NULL},
        {"ED25519", TLS1_2_VERSION, NULL},
        {"RSA", TLS1_3_VERSION, NULL},
        {"RSA", TLS1_3_VERSION, "RSA-PSS+SHA384"},
        {"RSA", TLS1_3_VERSION, "RSA-PSS+SHA512"},
        {"RSA", TLS1_2_VERSION, NULL},
        {"RSA", TLS1_2_VERSION, "RSA+SHA256"},
        {"RSA", TLS1_2_VERSION, "RSA+SHA512"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EVP_PKEY *key = new_key(rows[i].kind);
        const struct tls_signer signer = local_signer(key);
        struct tls_certificate *identity = new_identity(key, &signer, "mail.example.org");
        struct tls_context *ctx = new_context(identity, NULL, 0);
        char got[64];

        /* Twice: a context is used over and over. */
        for (int k = 0; k < 2; k++) {
            handshake(ctx, rows[i].version, NULL, rows[i].sigalgs, got, sizeof(got));
            if (strcmp(got, "mail.example.org") != 0)
                fail_msg("row %zu, %s: %s", i, rows[i].kind, got);
        }
        tls_context_free(ctx);
        tls_certificate_free(identity);
        EVP_PKEY_free(key);
    }
}

/* Spec 3.1: an unknown name gets the listener's own certificate. */
static void test_server_names(void **state)
{
    static const struct {
        const char *sni, *expect;
    } rows[] = {
        {NULL, "a.example.org"},
        {"a.example.org", "a.example.org"},
        {"b.example.org", "b.example.org"},
        {"B.EXAMPLE.ORG", "b.example.org"},
        {"x.c.example.org", "*.c.example.org"},
        {"y.x.c.example.org", "a.example.org"},
        {"unknown.example.org", "a.example.org"},
    };
    static const char *const names[] = {"a.example.org", "b.example.org", "*.c.example.org"};
    static const char *const kinds[] = {"P-256", "RSA", "ED25519"};
    struct tls_certificate *identities[3];
    struct tls_signer signers[3];
    EVP_PKEY *keys[3];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        keys[i] = new_key(kinds[i]);
        signers[i] = local_signer(keys[i]);
        identities[i] = new_identity(keys[i], &signers[i], names[i]);
    }
    struct tls_context *ctx =
        new_context(identities[0], (const struct tls_certificate *const *)identities, 3);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
            char got[64];

            handshake(ctx, version, rows[i].sni, NULL, got, sizeof(got));
            if (strcmp(got, rows[i].expect) != 0)
                fail_msg("%s: %s", rows[i].sni ? rows[i].sni : "none", got);
        }
    tls_context_free(ctx);
    for (size_t i = 0; i < 3; i++) {
        tls_certificate_free(identities[i]);
        EVP_PKEY_free(keys[i]);
    }
}

static int sign_nothing(void *owner, struct slice key, uint16_t scheme, struct slice octets,
                        uint8_t *out, size_t *n_out, struct err *err)
{
    unsigned *calls = owner;

    (void)key;
    (void)scheme;
    (void)octets;
    (void)out;
    (void)n_out;
    ++*calls;
    return err_set(err, ERR_UNAVAILABLE, "gone");
}

static void test_signer_that_fails(void **state)
{
    unsigned calls = 0;
    const struct tls_signer signer = {&calls, sign_nothing};
    EVP_PKEY *key = new_key("P-256");
    struct tls_certificate *identity = new_identity(key, &signer, "mail.example.org");
    struct tls_context *ctx = new_context(identity, NULL, 0);
    char got[64];

    (void)state;
    handshake(ctx, TLS1_3_VERSION, NULL, NULL, got, sizeof(got));
    assert_string_equal(got, "failed: 80");
    handshake(ctx, TLS1_2_VERSION, NULL, NULL, got, sizeof(got));
    assert_string_equal(got, "failed: 80");
    assert_int_equal(calls, 2);
    tls_context_free(ctx);
    tls_certificate_free(identity);
    EVP_PKEY_free(key);
}

/* The rest of libcrypto goes on as before once the provider is there. */
static void test_ordinary_keys_still_work(void **state)
{
    static const char *const kinds[] = {"P-256", "RSA", "ED25519"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        EVP_PKEY *key = new_key(kinds[i]);
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        const char *digest = strcmp(kinds[i], "ED25519") == 0 ? NULL : "SHA256";
        uint8_t signature[512];
        size_t n = sizeof(signature);

        assert_non_null(key);
        assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, digest, NULL, NULL, key, NULL), 1);
        assert_int_equal(EVP_DigestSign(ctx, signature, &n, (const uint8_t *)"x", 1), 1);
        EVP_MD_CTX_free(ctx);
        EVP_PKEY_free(key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_of_key),
        cmocka_unit_test(test_server_names),
        cmocka_unit_test(test_signer_that_fails),
        cmocka_unit_test(test_ordinary_keys_still_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
