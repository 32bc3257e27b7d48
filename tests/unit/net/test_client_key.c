/* Public keys of client certificates: made here, written as PEM, read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/num.h"
#include "net/client_key.h"

/* A self-signed certificate with the key; caller frees. */
static X509 *certificate_of(EVP_PKEY *key, const char *common_name)
{
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);
    bool plain = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;

    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), 0xabc), 1);
    if (common_name)
        assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                                    (const unsigned char *)common_name, -1, -1, 0),
                         1);
    /* Long over: nobody looks. */
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x), -2000));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x), -1000));
    assert_int_equal(X509_set_pubkey(x, key), 1);
    assert_true(X509_sign(x, key, plain ? NULL : EVP_sha256()) > 0);
    return x;
}

static EVP_PKEY *make_key(const char *kind)
{
    if (strncmp(kind, "rsa-", 4) == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)atoi(kind + 4));
    if (strcmp(kind, "ed25519") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind);
}

static struct slice pem_of(BIO *out, X509 *certificate, EVP_PKEY *key)
{
    char *text;

    if (certificate)
        assert_int_equal(PEM_write_bio_X509(out, certificate), 1);
    if (key)
        assert_int_equal(PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL), 1);
    long n = BIO_get_mem_data(out, &text);

    return slice_of(text, (size_t)n);
}

static void test_kinds(void **state)
{
    static const struct {
        const char *kind, *type, *name, *expected;
        int rc;
    } rows[] = {
        {"P-256", "ecdsa-p256", "phone", "phone", 0},
        {"P-384", "ecdsa-p384", " spaced ", "spaced", 0},
        {"P-521", "ecdsa-p521", "\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9", 0},
        {"ed25519", "ed25519", NULL, "serial 0abc", 0},
        {"rsa-2048", "rsa-2048", "a\nb", "serial 0abc", 0},
        {"rsa-1024", NULL, "x", NULL, -ERR_INVALID},
        {"secp256k1", NULL, "x", NULL, -ERR_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        EVP_PKEY *key = make_key(rows[i].kind);
        X509 *x = certificate_of(key, rows[i].name);
        BIO *out = BIO_new(BIO_s_mem());
        struct client_key read = {.type = SLICE("")};
        struct arena a;
        struct err err;

        arena_init(&a, 1 << 20);
        int rc = client_key_read(&a, pem_of(out, x, NULL), &read, &err);

        if (rc != rows[i].rc || (rc == 0 && (!slice_eq(read.type, slice_str(rows[i].type)) ||
                                             !slice_eq(read.name, slice_str(rows[i].expected)))))
            fail_msg("%s: %d %.*s", rows[i].kind, rc, SLICE_FMT(read.name));
        arena_done(&a);
        BIO_free(out);
        X509_free(x);
        EVP_PKEY_free(key);
    }
}

/* The fingerprint is of the key, not of the certificate. */
static void test_fingerprint(void **state)
{
    struct client_key one, two;
    EVP_PKEY *key = make_key("P-256");
    struct arena a;
    struct err err;

    (void)state;
    arena_init(&a, 1 << 20);
    for (int i = 0; i < 2; i++) {
        X509 *x = certificate_of(key, i ? "one" : "two");
        BIO *out = BIO_new(BIO_s_mem());

        assert_int_equal(client_key_read(&a, pem_of(out, x, NULL), i ? &two : &one, &err), 0);
        BIO_free(out);
        X509_free(x);
    }
    assert_memory_equal(one.fingerprint, two.fingerprint, CLIENT_KEY_FINGERPRINT);
    assert_false(slice_eq(one.certificate, two.certificate));
    arena_done(&a);
    EVP_PKEY_free(key);
}

static void test_texts(void **state)
{
    EVP_PKEY *key = make_key("P-256");
    X509 *x = certificate_of(key, "x");
    BIO *good = BIO_new(BIO_s_mem()), *twice = BIO_new(BIO_s_mem()), *both = BIO_new(BIO_s_mem()),
        *private_key = BIO_new(BIO_s_mem());
    struct client_key read;
    struct arena a;
    struct err err;

    (void)state;
    arena_init(&a, 1 << 20);
    struct slice pem = pem_of(good, x, NULL);

    (void)pem_of(twice, x, NULL);
    const struct slice bad[] = {
        pem_of(twice, x, NULL),
        pem_of(both, x, key),
        pem_of(private_key, NULL, key),
        SLICE(""),
        SLICE("-----BEGIN"),
        slice_sub(pem, 0, pem.n / 2),
        slice_sub(pem, 1, pem.n),
        slice_of("\0", 1),
        SLICE("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
    };

    assert_int_equal(client_key_read(&a, pem, &read, &err), 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (client_key_read(&a, bad[i], &read, &err) != -ERR_SYNTAX)
            fail_msg("row %zu", i);
    arena_done(&a);
    BIO_free(good);
    BIO_free(twice);
    BIO_free(both);
    BIO_free(private_key);
    X509_free(x);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_fingerprint),
        cmocka_unit_test(test_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
