/* Recognising servers, and showing a key to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "net/tls_connect.h"
#include "script.h"

static struct slice text_of(BIO *bio)
{
    char *p;
    long n = BIO_get_mem_data(bio, &p);

    return slice_of(p, (size_t)n);
}

static void pin_of(EVP_PKEY *key, uint8_t out[TLS_PIN_OCTETS])
{
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(key, &der);

    EVP_Digest(der, (size_t)n, out, NULL, EVP_sha256(), NULL);
    OPENSSL_free(der);
}

/* ---- servers ---- */

static const struct {
    const char *name;
    enum tls_verify verify;
    bool trusted, pinned;
    const char *host;
    int want;
} rows[] = {
    {"trusted, the right name", TLS_VERIFY_NAME, true, false, "localhost", 0},
    {"trusted, another name", TLS_VERIFY_NAME, true, false, "other.example", -ERR_DENIED},
    {"trusted, an address", TLS_VERIFY_NAME, true, false, "127.0.0.1", -ERR_DENIED},
    {"not trusted", TLS_VERIFY_NAME, false, false, "localhost", -ERR_DENIED},
    {"the pinned key, another name", TLS_VERIFY_PIN, false, true, "other.example", 0},
    {"another key than the pinned", TLS_VERIFY_PIN, true, false, "localhost", -ERR_DENIED},
    {"opportunistic", TLS_VERIFY_NONE, false, false, "other.example", 0},
};

static void test_servers(void **state)
{
    static const char *const steps[] = {"T", "C hello", "S welcome", NULL};
    EVP_PKEY *key = EVP_EC_gen("P-256");

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct script script = {.tls = script_tls(key, "localhost")};
        struct tls_connector_config config = {.verify = rows[i].verify};
        int64_t deadline_ns = clock_mono_ns() + 20 * NS_PER_S;
        BIO *pem = BIO_new(BIO_s_mem());
        struct tls_connector *connector;
        struct channel_binding binding;
        struct err err = {0};

        PEM_write_bio_X509(pem, SSL_CTX_get0_certificate(script.tls));
        if (rows[i].trusted)
            config.authorities_pem = text_of(pem);
        if (rows[i].pinned)
            pin_of(key, config.pin);
        assert_int_equal(tls_connector_new(&config, &connector, &err), 0);
        struct stream *s = script_start(&script, steps);
        int rc = stream_start_tls(s, connector, rows[i].host, deadline_ns, &err);

        if (rc != rows[i].want)
            fail_msg("%s: %d %s", rows[i].name, rc, err.text);
        assert_int_equal(stream_tls(s, &binding), rc == 0);
        if (rc == 0) {
            assert_string_equal(binding.name, "tls-exporter");
            assert_int_equal(stream_write(s, SLICE("hello\r\n"), deadline_ns, &err), 0);
        }
        stream_free(s);
        script_end(&script);
        SSL_CTX_free(script.tls);
        tls_connector_free(connector);
        BIO_free(pem);
    }
    EVP_PKEY_free(key);
}

/* ---- our own key ---- */

enum form { PEM_KEY, PEM_KEY_CERT, PEM_CERT_KEY, PEM_OTHER_CERT, PEM_TWO_KEYS, PEM_LOCKED, SEED };

static const struct {
    const char *name, *type;
    enum form form;
    int want;
} forms[] = {
    {"Ed25519 key", "ED25519", PEM_KEY, 0},
    {"P-256 key", "P-256", PEM_KEY, 0},
    {"P-384 key", "P-384", PEM_KEY, 0},
    {"key, then certificate", "P-256", PEM_KEY_CERT, 0},
    {"certificate, then key", "P-256", PEM_CERT_KEY, 0},
    {"seed", "ED25519", SEED, 0},
    {"a certificate of another key", "P-256", PEM_OTHER_CERT, -ERR_INVALID},
    {"two keys", "P-256", PEM_TWO_KEYS, -ERR_SYNTAX},
    {"encrypted", "P-256", PEM_LOCKED, -ERR_INVALID},
};

static EVP_PKEY *new_key(const char *type)
{
    return strcmp(type, "ED25519") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                                        : EVP_EC_gen(type);
}

static void write_form(BIO *to, enum form form, EVP_PKEY *key)
{
    SSL_CTX *ctx = form == PEM_KEY || form == SEED ? NULL : script_tls(key, "me");
    EVP_PKEY *other = EVP_EC_gen("P-256");
    SSL_CTX *other_ctx = script_tls(other, "me");
    unsigned char raw[32], phrase[] = "phrase";
    size_t raw_n = sizeof(raw);
    struct builder seed;

    if (form == PEM_CERT_KEY)
        PEM_write_bio_X509(to, SSL_CTX_get0_certificate(ctx));
    if (form == PEM_LOCKED)
        PEM_write_bio_PKCS8PrivateKey(to, key, EVP_aes_128_cbc(), (char *)phrase, 6, NULL, NULL);
    else if (form != SEED)
        PEM_write_bio_PrivateKey(to, key, NULL, NULL, 0, NULL, NULL);
    if (form == PEM_KEY_CERT)
        PEM_write_bio_X509(to, SSL_CTX_get0_certificate(ctx));
    if (form == PEM_OTHER_CERT)
        PEM_write_bio_X509(to, SSL_CTX_get0_certificate(other_ctx));
    if (form == PEM_TWO_KEYS)
        PEM_write_bio_PrivateKey(to, other, NULL, NULL, 0, NULL, NULL);
    if (form == SEED) {
        assert_int_equal(EVP_PKEY_get_raw_private_key(key, raw, &raw_n), 1);
        build_init(&seed, 64);
        encode_base64url(&seed, slice_of(raw, raw_n));
        BIO_printf(to, "%.*s\n", (int)seed.n, (const char *)seed.p);
        build_done(&seed);
    }
    SSL_CTX_free(ctx);
    SSL_CTX_free(other_ctx);
    EVP_PKEY_free(other);
}

static int take_any(X509_STORE_CTX *x, void *seen)
{
    EVP_PKEY *key = X509_get_pubkey(X509_STORE_CTX_get0_cert(x));

    pin_of(key, seen);
    EVP_PKEY_free(key);
    return 1;
}

static void show(EVP_PKEY *key, const struct tls_identity *identity)
{
    static const char *const steps[] = {"T", "C hello", "S welcome", NULL};
    const struct tls_connector_config config = {.verify = TLS_VERIFY_NONE, .identity = identity};
    int64_t deadline_ns = clock_mono_ns() + 20 * NS_PER_S;
    EVP_PKEY *server = EVP_EC_gen("P-256");
    struct script script = {.tls = script_tls(server, "localhost")};
    uint8_t want[TLS_PIN_OCTETS], seen[TLS_PIN_OCTETS] = {0};
    struct tls_connector *connector;
    struct err err;

    SSL_CTX_set_verify(script.tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(script.tls, take_any, seen);
    assert_int_equal(tls_connector_new(&config, &connector, &err), 0);
    assert_true(tls_connector_has_identity(connector));
    struct stream *s = script_start(&script, steps);

    assert_int_equal(stream_start_tls(s, connector, "localhost", deadline_ns, &err), 0);
    assert_int_equal(stream_write(s, SLICE("hello\r\n"), deadline_ns, &err), 0);
    stream_free(s);
    script_end(&script);
    pin_of(key, want);
    assert_memory_equal(seen, want, sizeof(want));
    tls_connector_free(connector);
    SSL_CTX_free(script.tls);
    EVP_PKEY_free(server);
}

static void test_identities(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        EVP_PKEY *key = new_key(forms[i].type);
        BIO *text = BIO_new(BIO_s_mem());
        struct tls_identity *identity = NULL;
        struct err err = {0};

        write_form(text, forms[i].form, key);
        int rc = tls_identity_read(text_of(text), &identity, &err);

        if (rc != forms[i].want)
            fail_msg("%s: %d %s", forms[i].name, rc, err.text);
        if (rc == 0)
            show(key, identity);
        tls_identity_free(identity);
        BIO_free(text);
        EVP_PKEY_free(key);
    }
}

static void test_no_identity(void **state)
{
    static const char *const texts[] = {
        "",
        "not a key",
        "AAAA",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA",
        "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct tls_identity *identity;
        struct err err;

        assert_int_equal(tls_identity_read(slice_str(texts[i]), &identity, &err), -ERR_SYNTAX);
        assert_null(strstr(err.text, "AAAA"));
        assert_null(strstr(err.text, "not a"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_servers),
        cmocka_unit_test(test_identities),
        cmocka_unit_test(test_no_identity),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
