/* config tlspubkey gen: a key for one device. P-256, because every mail program that knows client
 * certificates takes it; Ed25519 is refused by those built on NSS. The .p12 is in the old form
 * (triple DES, SHA-1), the only one that all of them import: its protection is the passphrase, of a
 * hundred random bits. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "cmd/certificate.h"
#include "cmd/command.h"

#define ROUNDS 2048
#define COMMON_NAME_MAX 64 /* RFC 5280 A.1: ub-common-name */
#define PASSPHRASE (5 * 5) /* five groups of four, and what follows each */

struct device {
    const char *stem;
    EVP_PKEY *key;
    X509 *certificate;
    char passphrase[PASSPHRASE];
};

static int crypto_failed(struct err *err)
{
    return err_set(err, ERR_INTERNAL, "cannot make a key and a certificate");
}

static bool make_passphrase(char out[PASSPHRASE])
{
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
    uint8_t octets[PASSPHRASE];
    bool ok = RAND_priv_bytes(octets, sizeof(octets)) == 1;

    _Static_assert(sizeof(letters) == 32 + 1, "each letter is as likely");
    for (size_t i = 0; i < PASSPHRASE; i++)
        out[i] = i % 5 == 4 ? '-' : letters[octets[i] % 32];
    out[PASSPHRASE - 1] = '\0';
    wipe(octets, sizeof(octets));
    return ok;
}

/* Nothing in it but what X.509 demands; it says that it never ends (RFC 5280 4.1.2.5), since some
 * clients stop using what has expired. */
static X509 *make_certificate(EVP_PKEY *key, const char *name)
{
    X509 *x509 = X509_new();
    X509_NAME *subject = x509 ? X509_get_subject_name(x509) : NULL;

    if (subject && X509_set_version(x509, X509_VERSION_3) == 1 && certificate_set_serial(x509) &&
        ASN1_TIME_set_string_X509(X509_getm_notBefore(x509), "20200101000000Z") == 1 &&
        ASN1_TIME_set_string_X509(X509_getm_notAfter(x509), "99991231235959Z") == 1 &&
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1,
                                   -1, 0) == 1 &&
        X509_set_issuer_name(x509, subject) == 1 && X509_set_pubkey(x509, key) == 1 &&
        X509_sign(x509, key, EVP_sha256()) > 0)
        return x509;
    X509_free(x509);
    return NULL;
}

/* The last part of the path. */
static void common_name(const char *stem, char out[COMMON_NAME_MAX + 1])
{
    const char *slash = strrchr(stem, '/');

    (void)snprintf(out, COMMON_NAME_MAX + 1, "%s", slash ? slash + 1 : stem);
}

static bool write_key(const struct device *d, FILE *to)
{
    return PEM_write_PKCS8PrivateKey(to, d->key, NULL, NULL, 0, NULL, NULL) == 1;
}

static bool write_certificate(const struct device *d, FILE *to)
{
    return PEM_write_X509(to, d->certificate) == 1;
}

static bool write_p12(const struct device *d, FILE *to)
{
    const int nid = NID_pbe_WithSHA1And3_Key_TripleDES_CBC;
    char name[COMMON_NAME_MAX + 1];

    common_name(d->stem, name);
    PKCS12 *p12 =
        PKCS12_create(d->passphrase, name, d->key, d->certificate, NULL, nid, nid, ROUNDS, -1, 0);
    bool ok = p12 && PKCS12_set_mac(p12, d->passphrase, -1, NULL, 0, ROUNDS, EVP_sha1()) == 1 &&
              i2d_PKCS12_fp(to, p12) == 1;

    PKCS12_free(p12);
    return ok;
}

static const struct {
    const char *suffix;
    bool (*write)(const struct device *d, FILE *to);
} files[] = {{".key", write_key}, {".pem", write_certificate}, {".p12", write_p12}};
#define FILES (sizeof(files) / sizeof(files[0]))

static int write_file(const struct device *d, size_t i, struct err *err)
{
    char path[4096];

    if ((size_t)snprintf(path, sizeof(path), "%s%s", d->stem, files[i].suffix) >= sizeof(path))
        return err_set(err, ERR_LIMIT, "the name is too long");
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *to = fd >= 0 ? fdopen(fd, "w") : NULL;

    if (!to) {
        int rc = err_errno(err, errno, "cannot make %s", path);

        (void)fd_close(fd);
        return rc;
    }
    bool ok = files[i].write(d, to) && fflush(to) == 0 && fsync(fd) == 0;

    if (fclose(to) == 0 && ok)
        return 0;
    (void)unlink(path);
    return err_set(err, ERR_IO, "cannot write %s", path);
}

static void remove_files(const struct device *d, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char path[4096];

        (void)snprintf(path, sizeof(path), "%s%s", d->stem, files[i].suffix);
        (void)unlink(path);
    }
}

/* All of them, or none. */
static int write_files(const struct device *d, struct err *err)
{
    for (size_t i = 0; i < FILES; i++) {
        int rc = write_file(d, i, err);

        if (rc < 0) {
            remove_files(d, i);
            return rc;
        }
    }
    return 0;
}

int cmd_tlspubkey_gen(const struct invocation *in, struct err *err)
{
    struct device d = {.stem = in->args[0]};
    char name[COMMON_NAME_MAX + 1];
    int rc = 0;

    common_name(d.stem, name);
    if (name[0] == '\0')
        return err_set(err, ERR_INVALID, "the name must not end with a slash");
    d.key = EVP_EC_gen("P-256");
    d.certificate = d.key ? make_certificate(d.key, name) : NULL;
    if (!d.certificate || !make_passphrase(d.passphrase))
        rc = crypto_failed(err);
    if (rc == 0)
        rc = write_files(&d, err);
    if (rc == 0)
        (void)printf("%s.key  the private key, for programs that take PEM; keep it secret\n"
                     "%s.pem  its certificate\n"
                     "%s.p12  both, to import; passphrase, shown this once: %s\n"
                     "Let it log in: godwit config tlspubkey add ADDRESS \"%s\" < %s.pem\n",
                     d.stem, d.stem, d.stem, d.passphrase, name, d.stem);
    wipe(d.passphrase, sizeof(d.passphrase));
    X509_free(d.certificate);
    EVP_PKEY_free(d.key);
    return rc;
}
