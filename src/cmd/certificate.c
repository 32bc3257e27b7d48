#include "cmd/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define BACKDATE_S 3600
#define VALID_S (3650L * 86400)

static int crypto_failed(struct err *err)
{
    return err_set(err, ERR_INTERNAL, "cannot make a certificate");
}

static bool add_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool ok = extension && X509_add_ext(x509, extension, -1) == 1;

    X509_EXTENSION_free(extension);
    return ok;
}

bool certificate_set_serial(X509 *x509)
{
    unsigned char octets[16];
    BIGNUM *number = NULL;
    bool ok;

    if (RAND_bytes(octets, sizeof(octets)) != 1)
        return false;
    octets[0] &= 0x7f; /* RFC 5280 4.1.2.2: positive */
    number = BN_bin2bn(octets, sizeof(octets), NULL);
    ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509));
    BN_free(number);
    return ok;
}

/* All but the extensions and the signature. */
static X509 *new_certificate(EVP_PKEY *key, const char *name, X509 *issuer)
{
    X509 *x509 = X509_new();
    X509_NAME *subject = x509 ? X509_get_subject_name(x509) : NULL;

    if (subject && X509_set_version(x509, X509_VERSION_3) == 1 && certificate_set_serial(x509) &&
        X509_gmtime_adj(X509_getm_notBefore(x509), -BACKDATE_S) &&
        X509_gmtime_adj(X509_getm_notAfter(x509), VALID_S) &&
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
                                   0) == 1 &&
        X509_set_issuer_name(x509, issuer ? X509_get_subject_name(issuer) : subject) == 1 &&
        X509_set_pubkey(x509, key) == 1)
        return x509;
    X509_free(x509);
    return NULL;
}

static X509 *new_authority(EVP_PKEY *key)
{
    X509 *x509 = new_certificate(key, "godwit localserve", NULL);

    if (x509 && add_extension(x509, x509, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
        add_extension(x509, x509, NID_key_usage, "critical,keyCertSign,cRLSign") &&
        add_extension(x509, x509, NID_subject_key_identifier, "hash") &&
        X509_sign(x509, key, EVP_sha256()) > 0)
        return x509;
    X509_free(x509);
    return NULL;
}

static X509 *new_leaf(EVP_PKEY *key, X509 *authority, EVP_PKEY *authority_key, const char *ip)
{
    X509 *x509 = new_certificate(key, "localhost", authority);
    char names[160];

    (void)snprintf(names, sizeof(names), "DNS:localhost,IP:127.0.0.1,IP:::1%s%s", ip ? ",IP:" : "",
                   ip ? ip : "");
    if (x509 && add_extension(x509, authority, NID_basic_constraints, "critical,CA:FALSE") &&
        add_extension(x509, authority, NID_key_usage, "critical,digitalSignature") &&
        add_extension(x509, authority, NID_ext_key_usage, "serverAuth") &&
        add_extension(x509, authority, NID_subject_alt_name, names) &&
        add_extension(x509, authority, NID_subject_key_identifier, "hash") &&
        add_extension(x509, authority, NID_authority_key_identifier, "keyid") &&
        X509_sign(x509, authority_key, EVP_sha256()) > 0)
        return x509;
    X509_free(x509);
    return NULL;
}

static int write_pem(const char *directory, const char *name, X509 *x509, EVP_PKEY *key,
                     struct err *err)
{
    BIO *bio = BIO_new(key ? BIO_s_secmem() : BIO_s_mem());
    char path[4096], *text = NULL;
    bool ok = bio && (key ? PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1
                          : PEM_write_bio_X509(bio, x509) == 1);

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    _cleanup_fd_ int fd =
        open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, key ? 0600 : 0644);
    int rc = fd < 0 ? err_errno(err, errno, "cannot write %s", path) : 0;
    long n = ok ? BIO_get_mem_data(bio, &text) : 0;

    if (rc == 0 && (!ok || write(fd, text, (size_t)n) != n))
        rc = err_set(err, ERR_IO, "cannot write %s", path);
    BIO_free(bio);
    return rc;
}

int certificate_write(const char *directory, const char *ip, struct err *err)
{
    EVP_PKEY *authority_key = EVP_EC_gen("P-256");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *authority = authority_key ? new_authority(authority_key) : NULL;
    X509 *leaf = authority && key ? new_leaf(key, authority, authority_key, ip) : NULL;
    int rc = leaf ? 0 : crypto_failed(err);

    if (rc == 0)
        rc = write_pem(directory, "ca.key", NULL, authority_key, err);
    if (rc == 0)
        rc = write_pem(directory, "ca.pem", authority, NULL, err);
    if (rc == 0)
        rc = write_pem(directory, "localhost.key", NULL, key, err);
    if (rc == 0)
        rc = write_pem(directory, "localhost.pem", leaf, NULL, err);
    X509_free(leaf);
    X509_free(authority);
    EVP_PKEY_free(key);
    EVP_PKEY_free(authority_key);
    return rc;
}
