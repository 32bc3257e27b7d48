/* Reads the private key and the certificates of a client, or makes the certificate. Everything that
 * libcrypto copies out of the input on the way is wiped by it (secure clears of PEM). */
#include "net/tls_identity_private.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/secret.h"

#define CHAIN_MAX 16
#define SEED_OCTETS 32u

struct tls_identity {
    EVP_PKEY *key;
    X509 *chain[CHAIN_MAX]; /* the key's own first */
    size_t chain_n;
};

static int bad(struct err *err, enum err_kind kind, const char *what)
{
    ERR_clear_error();
    return err_set(err, kind, "the client key: %s", what);
}

/* ---- the smallest certificate ---- */

/* RFC 5280 4.1: version, serial, issuer, validity, subject and key cannot be left out. RFC 5280
 * 4.1.2.5: 99991231235959Z says that it does not end. */
static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *x509 = X509_new();
    X509_NAME *subject = x509 ? X509_get_subject_name(x509) : NULL;
    bool hashes_itself = EVP_PKEY_get_id(key) == EVP_PKEY_ED25519;

    if (subject && X509_set_version(x509, X509_VERSION_3) == 1 &&
        ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), (random_u64() >> 1) | 1) == 1 &&
        ASN1_TIME_set_string_X509(X509_getm_notBefore(x509), "20200101000000Z") == 1 &&
        ASN1_TIME_set_string_X509(X509_getm_notAfter(x509), "99991231235959Z") == 1 &&
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"godwit", -1,
                                   -1, 0) == 1 &&
        X509_set_issuer_name(x509, subject) == 1 && X509_set_pubkey(x509, key) == 1 &&
        X509_sign(x509, key, hashes_itself ? NULL : EVP_sha256()) > 0)
        return x509;
    X509_free(x509);
    return NULL;
}

/* ---- reading ---- */

static EVP_PKEY *key_of_der(const char *kind, const unsigned char *der, long n)
{
    const unsigned char *p = der;

    if (strcmp(kind, PEM_STRING_PKCS8INF) == 0 || strcmp(kind, PEM_STRING_ECPRIVATEKEY) == 0 ||
        strcmp(kind, PEM_STRING_RSA) == 0)
        return d2i_AutoPrivateKey(NULL, &p, n);
    return NULL;
}

static int take_block(struct tls_identity *id, const char *kind, const unsigned char *der, long n,
                      struct err *err)
{
    const unsigned char *p = der;

    if (strcmp(kind, "EC PARAMETERS") == 0) /* `openssl ecparam -genkey` puts it before the key */
        return 0;
    if (strcmp(kind, PEM_STRING_X509) == 0) {
        if (id->chain_n == CHAIN_MAX)
            return bad(err, ERR_LIMIT, "too many certificates");
        X509 *x509 = d2i_X509(NULL, &p, n);

        if (!x509)
            return bad(err, ERR_SYNTAX, "a certificate cannot be read");
        id->chain[id->chain_n++] = x509;
        return 0;
    }
    if (strcmp(kind, PEM_STRING_PKCS8) == 0)
        return bad(err, ERR_INVALID, "it is encrypted; nobody is there to type a passphrase");
    if (id->key)
        return bad(err, ERR_SYNTAX, "there is more than one block besides certificates");
    id->key = key_of_der(kind, der, n);
    return id->key ? 0 : bad(err, ERR_SYNTAX, "a block is neither a private key nor a certificate");
}

static int read_blocks(struct tls_identity *id, BIO *bio, struct err *err)
{
    for (;;) {
        char *kind = NULL, *header = NULL;
        unsigned char *der = NULL;
        long n = 0;

        if (PEM_read_bio(bio, &kind, &header, &der, &n) != 1)
            break;
        int rc = header[0] ? bad(err, ERR_INVALID,
                                 "it is encrypted; nobody is there to type a passphrase")
                           : take_block(id, kind, der, n, err);

        OPENSSL_free(kind);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)n);
        if (rc < 0)
            return rc;
    }
    unsigned long last = ERR_peek_last_error();

    if (ERR_GET_LIB(last) != ERR_LIB_PEM || ERR_GET_REASON(last) != PEM_R_NO_START_LINE)
        return bad(err, ERR_SYNTAX, "the PEM text is damaged");
    ERR_clear_error();
    return 0;
}

static int read_pem(struct tls_identity *id, struct slice text, struct err *err)
{
    BIO *bio = text.n <= INT32_MAX ? BIO_new_mem_buf(text.p, (int)text.n) : NULL;
    int rc = bio ? read_blocks(id, bio, err) : err_set(err, ERR_NOMEM, "out of memory");

    BIO_free(bio);
    return rc;
}

static int read_seed(struct tls_identity *id, struct slice text, struct err *err)
{
    struct builder seed;
    struct err unused;

    build_init(&seed, SEED_OCTETS);
    if (decode_base64url(&seed, text, &unused) == 0 && seed.n == SEED_OCTETS)
        id->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed.p, seed.n);
    if (seed.p)
        wipe(seed.p, seed.cap);
    build_done(&seed);
    return id->key ? 0
                   : bad(err, ERR_SYNTAX,
                         "neither PEM nor an Ed25519 seed (32 octets, base64url, no padding)");
}

static int complete(struct tls_identity *id, struct err *err)
{
    if (!id->key)
        return bad(err, ERR_SYNTAX, "there is no private key");
    if (id->chain_n == 0) {
        id->chain[0] = make_certificate(id->key);
        if (!id->chain[0])
            return bad(err, ERR_INVALID, "no certificate can be made for this kind");
        id->chain_n = 1;
    }
    if (X509_check_private_key(id->chain[0], id->key) != 1)
        return bad(err, ERR_INVALID, "it does not belong to the first certificate");
    return 0;
}

int tls_identity_read(struct slice text, struct tls_identity **out, struct err *err)
{
    struct tls_identity *id = calloc(1, sizeof(*id));
    struct slice trimmed = slice_trim(text);
    int rc;

    if (!id)
        return err_set(err, ERR_NOMEM, "out of memory");
    ERR_clear_error();
    if (slice_find(trimmed, SLICE("-----BEGIN ")) != SIZE_MAX)
        rc = read_pem(id, trimmed, err);
    else
        rc = read_seed(id, trimmed, err);
    if (rc == 0)
        rc = complete(id, err);
    if (rc < 0) {
        tls_identity_free(id);
        return rc;
    }
    *out = id;
    return 0;
}

void tls_identity_free(struct tls_identity *id)
{
    if (!id)
        return;
    for (size_t i = 0; i < id->chain_n; i++)
        X509_free(id->chain[i]);
    EVP_PKEY_free(id->key);
    free(id);
}

int tls_identity_use(const struct tls_identity *id, SSL_CTX *ctx, struct err *err)
{
    bool ok = SSL_CTX_use_certificate(ctx, id->chain[0]) == 1 &&
              SSL_CTX_use_PrivateKey(ctx, id->key) == 1;

    for (size_t i = 1; i < id->chain_n && ok; i++)
        ok = SSL_CTX_add1_chain_cert(ctx, id->chain[i]) == 1;
    return ok ? 0 : bad(err, ERR_INVALID, "it cannot be used for TLS");
}
