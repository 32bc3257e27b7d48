#include "net/client_key.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/cleanup.h"

#define DER_SEQUENCE 0x30

static void x509_freep(X509 **x)
{
    X509_free(*x);
}

static void bio_freep(BIO **b)
{
    (void)BIO_free(*b);
}

/* The octets of the only block. */
static int read_block(struct arena *a, struct slice pem, struct slice *out, struct err *err)
{
    _cleanup_(bio_freep) BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
    char *name = NULL, *header = NULL;
    uint8_t *data = NULL;
    long n = 0;
    int rc = 0;

    if (!in)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (PEM_read_bio(in, &name, &header, &data, &n) != 1)
        return err_set(err, ERR_SYNTAX, "there is no PEM block in it");
    if (strcmp(name, PEM_STRING_X509) != 0)
        rc = err_set(err, ERR_SYNTAX, "it must be a CERTIFICATE; private keys stay at home");
    else
        *out = arena_copy(a, slice_of(data, (size_t)n));
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, (size_t)n);
    if (rc == 0 && PEM_read_bio(in, &name, &header, &data, &n) == 1) {
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(data, (size_t)n);
        return err_set(err, ERR_SYNTAX, "there is more than one PEM block");
    }
    return rc;
}

static int type_of(struct arena *a, EVP_PKEY *key, struct slice *out, struct err *err)
{
    char group[32] = "";

    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_ED25519:
        *out = SLICE("ed25519");
        return 0;
    case EVP_PKEY_RSA:
        if (EVP_PKEY_get_bits(key) < CLIENT_KEY_RSA_MIN)
            return err_set(err, ERR_INVALID, "RSA keys have at least %d bits", CLIENT_KEY_RSA_MIN);
        *out = arena_printf(a, "rsa-%d", EVP_PKEY_get_bits(key));
        return 0;
    case EVP_PKEY_EC:
        (void)EVP_PKEY_get_group_name(key, group, sizeof(group), NULL);
        if (strcmp(group, "prime256v1") == 0)
            *out = SLICE("ecdsa-p256");
        else if (strcmp(group, "secp384r1") == 0)
            *out = SLICE("ecdsa-p384");
        else if (strcmp(group, "secp521r1") == 0)
            *out = SLICE("ecdsa-p521");
        else
            return err_set(err, ERR_INVALID, "the curve must be P-256, P-384 or P-521");
        return 0;
    default:
        return err_set(err, ERR_INVALID, "the key must be ECDSA, Ed25519 or RSA");
    }
}

static struct slice common_name(struct arena *a, const X509 *certificate)
{
    const X509_NAME *subject = X509_get_subject_name(certificate);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    uint8_t *utf8 = NULL;
    int n = at < 0 ? -1
                   : ASN1_STRING_to_UTF8(
                         &utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    struct slice name = n > 0 ? arena_copy(a, slice_trim(slice_of(utf8, (size_t)n))) : SLICE("");

    OPENSSL_free(utf8);
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] < 0x20 || name.p[i] == 0x7f)
            return SLICE("");
    return slice_sub(name, 0, 200);
}

static struct slice serial_name(struct arena *a, const X509 *certificate)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *hex = number ? BN_bn2hex(number) : NULL;
    struct slice name = arena_printf(a, "serial %.200s", hex ? hex : "0");

    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] >= 'A' && name.p[i] <= 'F')
            ((uint8_t *)name.p)[i] = (uint8_t)(name.p[i] + 32);
    OPENSSL_free(hex);
    BN_free(number);
    return name;
}

bool client_key_fingerprint(X509 *certificate, uint8_t out[CLIENT_KEY_FINGERPRINT])
{
    uint8_t *der = NULL;
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    bool ok = n > 0 && EVP_Digest(der, (size_t)n, out, NULL, EVP_sha256(), NULL) == 1;

    OPENSSL_free(der);
    return ok;
}

int client_key_read(struct arena *a, struct slice in, struct client_key *out, struct err *err)
{
    struct client_key key = {.type = SLICE("")};
    int rc = 0;

    if (in.n > CLIENT_KEY_INPUT_MAX)
        return err_set(err, ERR_LIMIT, "too long for a certificate");
    if (in.n == 0)
        return err_set(err, ERR_SYNTAX, "there is no certificate");
    if (slice_at(in, 0) == DER_SEQUENCE)
        key.certificate = arena_copy(a, in);
    else
        rc = read_block(a, in, &key.certificate, err);
    if (rc < 0)
        return rc;
    const uint8_t *at = key.certificate.p;
    _cleanup_(x509_freep) X509 *certificate = d2i_X509(NULL, &at, (long)key.certificate.n);
    EVP_PKEY *pkey = certificate ? X509_get0_pubkey(certificate) : NULL;

    if (!pkey || at != key.certificate.p + key.certificate.n)
        return err_set(err, ERR_SYNTAX, "the certificate cannot be read");
    rc = type_of(a, pkey, &key.type, err);
    if (rc == 0 && !client_key_fingerprint(certificate, key.fingerprint))
        rc = err_set(err, ERR_NOMEM, "out of memory");
    if (rc < 0)
        return rc;
    key.name = common_name(a, certificate);
    if (key.name.n == 0)
        key.name = serial_name(a, certificate);
    *out = key;
    return 0;
}
