/* Certificates and keys that cannot be used are refused with a reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "net/tls.h"

enum piece {
    NOTHING,
    JUNK,
    CERT_A,
    CERT_A_THEN_B,
    CERT_A_THEN_JUNK,
    KEY_A,
    KEY_B,
    KEY_LOCKED,
    PIECES
};

static BIO *pieces[PIECES];

static void write_pair(enum piece cert_at, enum piece chain_at, enum piece key_at, EVP_PKEY *key)
{
    X509 *cert = X509_new();

    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_sign(cert, key, EVP_sha256());
    if (cert_at)
        PEM_write_bio_X509(pieces[cert_at], cert);
    if (chain_at)
        PEM_write_bio_X509(pieces[chain_at], cert);
    PEM_write_bio_PrivateKey(pieces[key_at], key, NULL, NULL, 0, NULL, NULL);
    X509_free(cert);
}

static int make_pieces(void **state)
{
    static unsigned char phrase[] = "phrase";
    EVP_PKEY *a = EVP_EC_gen("P-256"), *b = EVP_RSA_gen(2048);

    (void)state;
    for (int i = 0; i < PIECES; i++)
        pieces[i] = BIO_new(BIO_s_mem());
    write_pair(CERT_A, CERT_A_THEN_B, KEY_A, a);
    write_pair(NOTHING, CERT_A_THEN_B, KEY_B, b);
    write_pair(NOTHING, CERT_A_THEN_JUNK, KEY_LOCKED, a);
    (void)BIO_reset(pieces[KEY_LOCKED]);
    PEM_write_bio_PrivateKey(pieces[KEY_LOCKED], a, EVP_aes_128_cbc(), phrase, 6, NULL, NULL);
    BIO_puts(pieces[CERT_A_THEN_JUNK],
             "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    BIO_puts(pieces[JUNK], "not PEM at all\n");
    EVP_PKEY_free(a);
    EVP_PKEY_free(b);
    return 0;
}

static int free_pieces(void **state)
{
    (void)state;
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

static void test_contexts(void **state)
{
    static const struct {
        const char *name;
        enum piece cert, key;
        const char *alpn, *service;
        int expect;
    } rows[] = {
        {"good", CERT_A, KEY_A, "imap", "imaps", 0},
        {"good with chain", CERT_A_THEN_B, KEY_A, NULL, NULL, 0},
        {"no certificate", NOTHING, KEY_A, NULL, "s", -ERR_INVALID},
        {"no key", CERT_A, NOTHING, NULL, "s", -ERR_INVALID},
        {"junk as certificate", JUNK, KEY_A, NULL, "s", -ERR_INVALID},
        {"junk as key", CERT_A, JUNK, NULL, "s", -ERR_INVALID},
        {"damaged chain", CERT_A_THEN_JUNK, KEY_A, NULL, "s", -ERR_INVALID},
        {"the key of another", CERT_A, KEY_B, NULL, "s", -ERR_INVALID},
        {"a key with a pass phrase", CERT_A, KEY_LOCKED, NULL, "s", -ERR_INVALID},
        {"long service", CERT_A, KEY_A, NULL, "0123456789012345678901234567890", 0},
        {"too long service", CERT_A, KEY_A, NULL, "01234567890123456789012345678901", -ERR_LIMIT},
        {"too long protocol", CERT_A, KEY_A, "01234567890123456789012345678901", "s", -ERR_LIMIT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct tls_config config = {.certificate_pem = text_of(rows[i].cert),
                                          .key_pem = text_of(rows[i].key),
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
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contexts),
    };

    return cmocka_run_group_tests(tests, make_pieces, free_pieces);
}
