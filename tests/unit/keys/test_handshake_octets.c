/* What may be signed, and what is close to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "base/builder.h"
#include "keys/handshake_octets.h"

#define ECDSA_P256 0x0403
#define RSA_PSS 0x0804
#define RSA_PKCS1 0x0401
#define ED25519 0x0807

static void fill(struct builder *b, size_t n, uint8_t octet)
{
    for (size_t i = 0; i < n; i++)
        build_byte(b, octet);
}

static void expect(const char *name, const struct builder *b, uint16_t scheme, bool allowed)
{
    struct err err = {0};
    int rc = handshake_octets_check(build_slice(b), scheme, &err);

    assert_true(build_ok(b));
    if (rc != (allowed ? 0 : -ERR_DENIED))
        fail_msg("%s: %d %s", name, rc, err.text);
    assert_int_equal(err.text[0] != '\0', !allowed);
}

static void test_certificate_verify(void **state)
{
    static const struct {
        const char *name;
        size_t spaces;
        uint8_t space;
        const char *context; /* followed by a NUL */
        size_t hash;
        uint16_t scheme;
        bool allowed;
    } rows[] = {
        {"SHA-256", 64, ' ', "TLS 1.3, server CertificateVerify", 32, ECDSA_P256, true},
        {"SHA-384", 64, ' ', "TLS 1.3, server CertificateVerify", 48, ECDSA_P256, true},
        {"RSA-PSS", 64, ' ', "TLS 1.3, server CertificateVerify", 32, RSA_PSS, true},
        {"Ed25519", 64, ' ', "TLS 1.3, server CertificateVerify", 48, ED25519, true},
        {"PKCS #1", 64, ' ', "TLS 1.3, server CertificateVerify", 32, RSA_PKCS1, false},
        {"hash of 31", 64, ' ', "TLS 1.3, server CertificateVerify", 31, ECDSA_P256, false},
        {"hash of 33", 64, ' ', "TLS 1.3, server CertificateVerify", 33, ECDSA_P256, false},
        {"hash of 47", 64, ' ', "TLS 1.3, server CertificateVerify", 47, ECDSA_P256, false},
        {"hash of 49", 64, ' ', "TLS 1.3, server CertificateVerify", 49, ECDSA_P256, false},
        {"SHA-512", 64, ' ', "TLS 1.3, server CertificateVerify", 64, ECDSA_P256, false},
        {"no hash", 64, ' ', "TLS 1.3, server CertificateVerify", 0, ECDSA_P256, false},
        {"63 spaces", 63, ' ', "TLS 1.3, server CertificateVerify", 32, ECDSA_P256, false},
        {"65 spaces", 65, ' ', "TLS 1.3, server CertificateVerify", 32, ECDSA_P256, false},
        {"tabs", 64, '\t', "TLS 1.3, server CertificateVerify", 32, ECDSA_P256, false},
        {"of a client", 64, ' ', "TLS 1.3, client CertificateVerify", 32, ECDSA_P256, false},
        {"other version", 64, ' ', "TLS 1.4, server CertificateVerify", 32, ECDSA_P256, false},
        {"longer", 64, ' ', "TLS 1.3, server CertificateVerify ", 31, ECDSA_P256, false},
        {"shorter", 64, ' ', "TLS 1.3, server CertificateVerif", 33, ECDSA_P256, false},
        {"exporter", 64, ' ', "Exported Authenticator", 32, ECDSA_P256, false},
        {"only spaces", 64, ' ', "", 0, ECDSA_P256, false},
        {"nothing", 0, ' ', "", 0, ECDSA_P256, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct builder b;

        build_init(&b, 1024);
        fill(&b, rows[i].spaces, rows[i].space);
        build_text(&b, rows[i].context);
        build_byte(&b, 0);
        fill(&b, rows[i].hash, 0xaa);
        expect(rows[i].name, &b, rows[i].scheme, rows[i].allowed);
        build_done(&b);
    }
}

static void test_server_key_exchange(void **state)
{
    static const struct {
        const char *name;
        size_t randoms;
        uint8_t type, group_high, group, length, form;
        size_t point; /* with form */
        uint16_t scheme;
        bool allowed;
    } rows[] = {
        {"P-256", 64, 3, 0, 23, 65, 4, 65, ECDSA_P256, true},
        {"P-384", 64, 3, 0, 24, 97, 4, 97, ECDSA_P256, true},
        {"P-521", 64, 3, 0, 25, 133, 4, 133, ECDSA_P256, true},
        {"X25519", 64, 3, 0, 29, 32, 9, 32, ED25519, true},
        {"X448", 64, 3, 0, 30, 56, 9, 56, RSA_PSS, true},
        {"PKCS #1", 64, 3, 0, 29, 32, 9, 32, RSA_PKCS1, true},
        {"compressed point", 64, 3, 0, 23, 65, 2, 65, ECDSA_P256, false},
        {"short compressed point", 64, 3, 0, 23, 33, 2, 33, ECDSA_P256, false},
        {"explicit prime curve", 64, 1, 0, 23, 65, 4, 65, ECDSA_P256, false},
        {"explicit binary curve", 64, 2, 0, 23, 65, 4, 65, ECDSA_P256, false},
        {"secp256k1", 64, 3, 0, 22, 65, 4, 65, ECDSA_P256, false},
        {"brainpool", 64, 3, 0, 26, 65, 4, 65, ECDSA_P256, false},
        {"ffdhe2048", 64, 3, 1, 0, 65, 4, 65, ECDSA_P256, false},
        {"group in the wrong octet", 64, 3, 23, 0, 65, 4, 65, ECDSA_P256, false},
        {"length says less", 64, 3, 0, 23, 64, 4, 65, ECDSA_P256, false},
        {"length says more", 64, 3, 0, 23, 66, 4, 65, ECDSA_P256, false},
        {"an octet less", 64, 3, 0, 23, 65, 4, 64, ECDSA_P256, false},
        {"an octet more", 64, 3, 0, 23, 65, 4, 66, ECDSA_P256, false},
        {"length of another group", 64, 3, 0, 29, 65, 4, 65, ECDSA_P256, false},
        {"63 octets of random", 63, 3, 0, 23, 65, 4, 65, ECDSA_P256, false},
        {"65 octets of random", 65, 3, 0, 23, 65, 4, 65, ECDSA_P256, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct builder b;

        build_init(&b, 1024);
        fill(&b, rows[i].randoms, 0x5a);
        build_byte(&b, rows[i].type);
        build_byte(&b, rows[i].group_high);
        build_byte(&b, rows[i].group);
        build_byte(&b, rows[i].length);
        build_byte(&b, rows[i].form);
        fill(&b, rows[i].point - 1, 0x77);
        expect(rows[i].name, &b, rows[i].scheme, rows[i].allowed);
        build_done(&b);
    }
}

/* Every beginning of something that is allowed is not. */
static void test_cut_off(void **state)
{
    struct builder b;
    struct err err;

    (void)state;
    build_init(&b, 1024);
    fill(&b, 64, ' ');
    build_byte(&b, 3);
    build_byte(&b, 0);
    build_byte(&b, 29);
    build_byte(&b, 32);
    fill(&b, 32, 1);
    struct slice all = build_slice(&b);

    for (size_t n = 0; n < all.n; n++)
        assert_int_equal(handshake_octets_check(slice_sub(all, 0, n), ED25519, &err), -ERR_DENIED);
    assert_int_equal(handshake_octets_check(all, ED25519, &err), 0);
    build_done(&b);
}

/* What such a key would sign elsewhere. */
static void test_other_uses(void **state)
{
    static const char *const texts[] = {
        "from:a@example.org\r\ndkim-signature:v=1; a=ed25519-sha256; d=example.org; b=",
        "eyJhbGciOiJFUzI1NiJ9.eyJ0ZXJtc09mU2VydmljZUFncmVlZCI6dHJ1ZX0AAAAAAAAAAAAAAAAAAAAAAAA",
        "SSH-2.0 session identifier and then more than sixty-four octets of something",
    };
    struct err err;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(handshake_octets_check(slice_str(texts[i]), ECDSA_P256, &err),
                         -ERR_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificate_verify),
        cmocka_unit_test(test_server_key_exchange),
        cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_other_uses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
