/* Keys come, sign with every scheme of theirs, and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "keys/keyring.h"

static const struct slice octets =
    SLICE_INIT("                                                                "
               "TLS 1.3, server CertificateVerify\0"
               "0123456789abcdef0123456789abcdef");
static const struct slice octets_12 =
    SLICE_INIT("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
               "\3\0\35\40"
               "0123456789abcdef0123456789abcdef");

static EVP_PKEY *new_key(const char *kind)
{
    if (strncmp(kind, "RSA", 3) == 0)
        return EVP_RSA_gen((unsigned)strtoul(kind + 3, NULL, 10));
    if (kind[0] == 'P' || kind[0] == 's')
        return EVP_EC_gen(kind);
    return EVP_PKEY_Q_keygen(NULL, NULL, kind);
}

static int add(struct keyring *r, EVP_PKEY *key, uint32_t generation, struct err *err)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *p;

    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    long n = BIO_get_mem_data(bio, &p);
    int rc = keyring_add(r, slice_of(p, (size_t)n), generation, err);

    BIO_free(bio);
    return rc;
}

static int sign(struct keyring *r, EVP_PKEY *key, uint32_t scheme, struct slice what, uint8_t *out,
                size_t *n_out)
{
    uint8_t id[PRIVATE_KEY_ID_OCTETS];
    struct err err;

    assert_int_equal(private_key_id(key, id, &err), 0);
    return keyring_sign(r, slice_of(id, sizeof(id)), scheme, what, out, n_out, &err);
}

static bool verifies(EVP_PKEY *key, const char *digest, bool pss, struct slice what,
                     const uint8_t *signature, size_t n)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_ctx;
    bool ok = EVP_DigestVerifyInit_ex(ctx, &key_ctx, digest, NULL, NULL, key, NULL) == 1;

    if (ok && pss)
        ok = EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING) == 1;
    ok = ok && EVP_DigestVerify(ctx, signature, n, what.p, what.n) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

static void test_schemes(void **state)
{
    static const struct {
        const char *kind;
        uint32_t scheme;
        const char *digest;
        bool pss, v12;
        int expect;
    } rows[] = {
        {"P-256", 0x0403, "SHA256", false, false, 0},
        {"P-256", 0x0503, "SHA384", false, true, 0},
        {"P-384", 0x0503, "SHA384", false, false, 0},
        {"P-521", 0x0603, "SHA512", false, false, 0},
        {"ED25519", 0x0807, NULL, false, false, 0},
        {"RSA2048", 0x0804, "SHA256", true, false, 0},
        {"RSA2048", 0x0805, "SHA384", true, false, 0},
        {"RSA2048", 0x0806, "SHA512", true, true, 0},
        {"RSA2048", 0x0401, "SHA256", false, true, 0},
        {"RSA2048", 0x0501, "SHA384", false, true, 0},
        {"RSA2048", 0x0601, "SHA512", false, true, 0},
        {"RSA2048", 0x0401, NULL, false, false, -ERR_DENIED}, /* PKCS #1 in TLS 1.3 */
        {"RSA2048", 0x0201, NULL, false, true, -ERR_DENIED},  /* SHA-1 */
        {"RSA2048", 0x0403, NULL, false, false, -ERR_DENIED},
        {"P-256", 0x0203, NULL, false, true, -ERR_DENIED},
        {"P-256", 0x0804, NULL, false, false, -ERR_DENIED},
        {"P-256", 0x0807, NULL, false, false, -ERR_DENIED},
        {"P-256", 0x10403, NULL, false, false, -ERR_DENIED},
        {"ED25519", 0x0403, NULL, false, false, -ERR_DENIED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EVP_PKEY *key = new_key(rows[i].kind);
        struct keyring *r = keyring_new();
        struct slice what = rows[i].v12 ? octets_12 : octets;
        uint8_t signature[KEYRING_SIGNATURE_MAX];
        struct err err;
        size_t n = 0;

        assert_int_equal(add(r, key, 0, &err), 0);
        int rc = sign(r, key, rows[i].scheme, what, signature, &n);

        if (rc != rows[i].expect)
            fail_msg("row %zu: %d", i, rc);
        if (rc == 0 && !verifies(key, rows[i].digest, rows[i].pss, what, signature, n))
            fail_msg("row %zu: the signature is wrong", i);
        assert_int_equal(sign(r, key, rows[i].scheme, SLICE("something else"), signature, &n),
                         -ERR_DENIED);
        keyring_free(r);
        EVP_PKEY_free(key);
    }
}

static void test_kinds(void **state)
{
    static const struct {
        const char *kind;
        int expect;
    } rows[] = {{"P-256", 0},
                {"P-384", 0},
                {"P-521", 0},
                {"ED25519", 0},
                {"RSA2048", 0},
                {"RSA1024", -ERR_INVALID},
                {"ED448", -ERR_INVALID},
                {"secp256k1", -ERR_INVALID},
                {"X25519", -ERR_INVALID}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EVP_PKEY *key = new_key(rows[i].kind);
        struct keyring *r = keyring_new();
        struct err err = {0};

        if (add(r, key, 0, &err) != rows[i].expect)
            fail_msg("%s: %s", rows[i].kind, err.text);
        keyring_free(r);
        EVP_PKEY_free(key);
    }
}

static void test_not_keys(void **state)
{
    static const char locked[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                                 "MIGjMA==\n-----END ENCRYPTED PRIVATE KEY-----\n";
    struct keyring *r = keyring_new();
    struct err err;

    (void)state;
    assert_int_equal(keyring_add(r, SLICE("not PEM"), 0, &err), -ERR_INVALID);
    assert_int_equal(keyring_add(r, (struct slice){NULL, 0}, 0, &err), -ERR_INVALID);
    assert_int_equal(keyring_add(r, slice_str(locked), 0, &err), -ERR_INVALID);
    keyring_free(r);
}

static void test_generations(void **state)
{
    EVP_PKEY *old = new_key("P-256"), *fresh = new_key("ED25519"), *both = new_key("P-384");
    struct keyring *r = keyring_new();
    uint8_t signature[KEYRING_SIGNATURE_MAX];
    struct err err;
    size_t n;

    (void)state;
    assert_int_equal(add(r, old, 0, &err), 0);
    assert_int_equal(add(r, both, 0, &err), 0);
    assert_int_equal(add(r, fresh, 1, &err), 0);
    assert_int_equal(add(r, both, 1, &err), 0);
    keyring_forget(r, 0);
    assert_int_equal(sign(r, old, 0x0403, octets, signature, &n), 0);
    keyring_forget(r, 1);
    assert_int_equal(sign(r, old, 0x0403, octets, signature, &n), -ERR_NOT_FOUND);
    assert_int_equal(sign(r, both, 0x0503, octets, signature, &n), 0);
    assert_int_equal(sign(r, fresh, 0x0807, octets, signature, &n), 0);
    keyring_free(r);
    EVP_PKEY_free(old);
    EVP_PKEY_free(fresh);
    EVP_PKEY_free(both);
}

static void test_limit(void **state)
{
    struct keyring *r = keyring_new();
    struct err err;

    (void)state;
    for (int i = 0; i <= KEYRING_MAX; i++) {
        EVP_PKEY *key = new_key("ED25519");

        assert_int_equal(add(r, key, 0, &err), i < KEYRING_MAX ? 0 : -ERR_LIMIT);
        EVP_PKEY_free(key);
    }
    keyring_free(r);
}

struct shared {
    struct keyring *ring;
    EVP_PKEY *key;
};

static void *sign_often(void *arg)
{
    const struct shared *shared = arg;
    uint8_t signature[KEYRING_SIGNATURE_MAX];
    size_t n, signed_n = 0;

    for (int i = 0; i < 200; i++)
        signed_n += sign(shared->ring, shared->key, 0x0403, octets, signature, &n) == 0;
    return (void *)signed_n;
}

/* A key that goes while it signs finishes that signature. */
static void test_threads(void **state)
{
    struct shared shared = {keyring_new(), new_key("P-256")};
    pthread_t threads[4];
    struct err err;

    (void)state;
    assert_int_equal(add(shared.ring, shared.key, 1, &err), 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_often, &shared), 0);
    for (uint32_t i = 2; i < 50; i++) {
        assert_int_equal(add(shared.ring, shared.key, i, &err), 0);
        keyring_forget(shared.ring, i);
    }
    for (size_t i = 0; i < 4; i++) {
        void *signed_n;

        assert_int_equal(pthread_join(threads[i], &signed_n), 0);
        assert_int_equal((size_t)signed_n, 200);
    }
    keyring_free(shared.ring);
    EVP_PKEY_free(shared.key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schemes),  cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_not_keys), cmocka_unit_test(test_generations),
        cmocka_unit_test(test_limit),    cmocka_unit_test(test_threads),
    };

    private_key_memory();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
