/* Certificates of clients as they are registered: what is taken, what is refused, what is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/dsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "net/client_key.h"

enum form { PEM, DER, TWO_BLOCKS, WITH_KEY, PRIVATE_KEY, CUT, BEHIND, NOTHING, WORDS };

static EVP_PKEY *make_key(const char *type)
{
    if (strcmp(type, "ed25519") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (strcmp(type, "ed448") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED448");
    if (strncmp(type, "rsa-", 4) == 0)
        return EVP_RSA_gen((unsigned)atoi(type + 4));
    return EVP_EC_gen(type);
}

static X509 *make_certificate(EVP_PKEY *key, const char *name)
{
    X509 *x = X509_new();

    ASN1_INTEGER_set(X509_get_serialNumber(x), 0xbeef);
    if (name)
        X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                                   (const uint8_t *)name, -1, -1, 0);
    X509_gmtime_adj(X509_getm_notBefore(x), -7200);
    X509_gmtime_adj(X509_getm_notAfter(x), -3600); /* has expired: it does not matter */
    X509_set_pubkey(x, key);
    X509_sign(x, key,
              EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ||
                      EVP_PKEY_get_base_id(key) == EVP_PKEY_ED448
                  ? NULL
                  : EVP_sha256());
    return x;
}

static void write_form(BIO *to, enum form form, X509 *x, EVP_PKEY *key)
{
    switch (form) {
    case PEM:
        PEM_write_bio_X509(to, x);
        break;
    case DER:
        i2d_X509_bio(to, x);
        break;
    case TWO_BLOCKS:
        PEM_write_bio_X509(to, x);
        PEM_write_bio_X509(to, x);
        break;
    case WITH_KEY:
        PEM_write_bio_X509(to, x);
        PEM_write_bio_PrivateKey(to, key, NULL, NULL, 0, NULL, NULL);
        break;
    case PRIVATE_KEY:
        PEM_write_bio_PrivateKey(to, key, NULL, NULL, 0, NULL, NULL);
        break;
    case CUT:
        BIO_write(to, "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", 58);
        break;
    case BEHIND:
        i2d_X509_bio(to, x);
        BIO_write(to, "x", 1);
        break;
    case NOTHING:
        break;
    case WORDS:
        BIO_write(to, "Hello.", 6);
    }
}

static void test_registration(void **state)
{
    static const struct {
        const char *name, *key;
        enum form form;
        const char *common_name;
        int rc;
        const char *type, *expected_name;
    } rows[] = {
        {"P-256", "P-256", PEM, "phone", 0, "ecdsa-p256", "phone"},
        {"P-384", "P-384", PEM, "phone", 0, "ecdsa-p384", "phone"},
        {"P-521", "P-521", PEM, "phone", 0, "ecdsa-p521", "phone"},
        {"Ed25519", "ed25519", PEM, "phone", 0, "ed25519", "phone"},
        {"RSA 2048", "rsa-2048", PEM, "phone", 0, "rsa-2048", "phone"},
        {"DER", "P-256", DER, "phone", 0, "ecdsa-p256", "phone"},
        {"no name", "P-256", PEM, NULL, 0, "ecdsa-p256", "serial beef"},
        {"control characters in the name", "P-256", PEM, "a\nb", 0, "ecdsa-p256", "serial beef"},
        {"spaces around the name", "P-256", PEM, " phone ", 0, "ecdsa-p256", "phone"},
        {"name in UTF-8", "P-256", PEM, "Ann\xe2\x80\x99s", 0, "ecdsa-p256", "Ann\xe2\x80\x99s"},
        {"72: RSA 1024", "rsa-1024", PEM, "phone", -ERR_INVALID, NULL, NULL},
        {"RSA 2047", "rsa-2047", PEM, "phone", -ERR_INVALID, NULL, NULL},
        {"another curve", "secp256k1", PEM, "phone", -ERR_INVALID, NULL, NULL},
        {"Ed448", "ed448", PEM, "phone", -ERR_INVALID, NULL, NULL},
        {"72: two blocks", "P-256", TWO_BLOCKS, "phone", -ERR_SYNTAX, NULL, NULL},
        {"72: a private key", "P-256", PRIVATE_KEY, "phone", -ERR_SYNTAX, NULL, NULL},
        {"with its private key", "P-256", WITH_KEY, "phone", -ERR_SYNTAX, NULL, NULL},
        {"not a certificate in it", "P-256", CUT, "phone", -ERR_SYNTAX, NULL, NULL},
        {"octets behind it", "P-256", BEHIND, "phone", -ERR_SYNTAX, NULL, NULL},
        {"nothing", "P-256", NOTHING, "phone", -ERR_SYNTAX, NULL, NULL},
        {"words", "P-256", WORDS, "phone", -ERR_SYNTAX, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        EVP_PKEY *key = make_key(rows[i].key);
        X509 *x = make_certificate(key, rows[i].common_name);
        BIO *text = BIO_new(BIO_s_mem());
        struct client_key out;
        struct arena a;
        struct err err;
        char *p;

        write_form(text, rows[i].form, x, key);
        long n = BIO_get_mem_data(text, &p);

        arena_init(&a, 1u << 20);
        int rc = client_key_read(&a, slice_of(p, (size_t)n), &out, &err);

        if (rc != rows[i].rc)
            fail_msg("%s: %d", rows[i].name, rc);
        if (rc == 0) {
            uint8_t fingerprint[CLIENT_KEY_FINGERPRINT];

            assert_true(slice_eq(out.type, slice_str(rows[i].type)));
            if (!slice_eq(out.name, slice_str(rows[i].expected_name)))
                fail_msg("%s: named %.*s", rows[i].name, SLICE_FMT(out.name));
            assert_true(client_key_fingerprint(x, fingerprint));
            assert_memory_equal(out.fingerprint, fingerprint, sizeof(fingerprint));
        }
        arena_done(&a);
        BIO_free(text);
        X509_free(x);
        EVP_PKEY_free(key);
    }
}

/* Row 72. */
static void test_dsa(void **state)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "DSA", NULL);
    EVP_PKEY *parameters = NULL, *key = NULL;
    struct client_key out;
    struct arena a;
    struct err err;
    uint8_t *der = NULL;

    (void)state;
    assert_int_equal(EVP_PKEY_paramgen_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_dsa_paramgen_bits(ctx, 1024), 1);
    assert_int_equal(EVP_PKEY_paramgen(ctx, &parameters), 1);
    EVP_PKEY_CTX_free(ctx);
    ctx = EVP_PKEY_CTX_new(parameters, NULL);
    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    assert_int_equal(EVP_PKEY_keygen(ctx, &key), 1);
    X509 *x = make_certificate(key, "phone");
    int n = i2d_X509(x, &der);

    assert_true(n > 0);
    arena_init(&a, 1u << 20);
    assert_int_equal(client_key_read(&a, slice_of(der, (size_t)n), &out, &err), -ERR_INVALID);
    arena_done(&a);
    OPENSSL_free(der);
    X509_free(x);
    EVP_PKEY_free(key);
    EVP_PKEY_free(parameters);
    EVP_PKEY_CTX_free(ctx);
}

/* The fingerprint is that of the standard tools: SHA-256 of SubjectPublicKeyInfo. */
static void test_fingerprint(void **state)
{
    EVP_PKEY *key = make_key("P-256");
    X509 *x = make_certificate(key, "phone");
    uint8_t fingerprint[CLIENT_KEY_FINGERPRINT], expected[CLIENT_KEY_FINGERPRINT];
    uint8_t *der = NULL;
    int n = i2d_PUBKEY(key, &der);

    (void)state;
    assert_true(client_key_fingerprint(x, fingerprint));
    assert_int_equal(EVP_Digest(der, (size_t)n, expected, NULL, EVP_sha256(), NULL), 1);
    assert_memory_equal(fingerprint, expected, sizeof(expected));
    OPENSSL_free(der);
    X509_free(x);
    EVP_PKEY_free(key);
}

static void test_too_long(void **state)
{
    static uint8_t octets[CLIENT_KEY_INPUT_MAX + 1];
    struct client_key out;
    struct arena a;
    struct err err;

    (void)state;
    arena_init(&a, 1u << 20);
    assert_int_equal(client_key_read(&a, slice_of(octets, sizeof(octets)), &out, &err), -ERR_LIMIT);
    assert_int_equal(client_key_read(&a, slice_of(octets, sizeof(octets) - 1), &out, &err),
                     -ERR_SYNTAX);
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registration),
        cmocka_unit_test(test_dsa),
        cmocka_unit_test(test_fingerprint),
        cmocka_unit_test(test_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
