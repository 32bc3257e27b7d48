#include "supervisor/tls_files.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "supervisor/files.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int check_pair(const struct config_tls *files, struct slice certificate, struct slice key,
                      uint8_t *id_out, struct err *err)
{
    BIO *bio = BIO_new_mem_buf(certificate.p, (int)certificate.n);
    X509 *x509 = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    EVP_PKEY *pkey = NULL;
    int rc = x509 ? private_key_read(key, &pkey, err)
                  : err_set(err, ERR_INVALID, "%s holds no certificate (PEM)", files->certificate);

    if (x509 && rc < 0)
        rc = err_prefix(err, "%s", files->key);
    if (rc == 0 && X509_check_private_key(x509, pkey) != 1)
        rc = err_set(err, ERR_INVALID, "%s does not belong to the certificate %s", files->key,
                     files->certificate);
    if (rc == 0)
        rc = private_key_id(pkey, id_out, err);
    ERR_clear_error();
    EVP_PKEY_free(pkey);
    X509_free(x509);
    BIO_free(bio);
    return rc;
}

static int to_memory(const char *name, struct slice text, int *out, struct err *err)
{
    _cleanup_fd_ int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || pwrite(fd, text.p, text.n, 0) != (ssize_t)text.n ||
        fcntl(fd, F_ADD_SEALS, SEALS) < 0)
        return err_errno(err, errno, "cannot keep a certificate in memory");
    *out = TAKE_FD(fd);
    return 0;
}

static int read_pair(struct tls_pair *pair, struct err *err)
{
    const struct config_tls *files = pair->files;
    struct builder certificate, key;
    int rc;

    build_init(&certificate, PRIVATE_KEY_FILE_MAX);
    build_init(&key, PRIVATE_KEY_FILE_MAX);
    /* All at once: growing would leave copies behind. */
    (void)build_reserve(&key, PRIVATE_KEY_FILE_MAX);
    rc = files_text_read(files->certificate, &certificate, err);
    if (rc == 0)
        rc = files_text_read(files->key, &key, err);
    if (rc == 0)
        rc = check_pair(files, build_slice(&certificate), build_slice(&key), pair->id, err);
    if (rc == 0)
        rc = to_memory("certificate", build_slice(&certificate), &pair->certificate_fd, err);
    if (rc == 0)
        rc = to_memory("key", build_slice(&key), &pair->key_fd, err);
    if (key.p)
        wipe(key.p, key.cap);
    build_done(&key);
    build_done(&certificate);
    return rc;
}

size_t tls_files_find(const struct tls_files *tls, const struct config_tls *files)
{
    for (size_t i = 0; files->certificate && i < tls->n; i++)
        if (config_tls_same(tls->pair[i].files, files))
            return i + 1;
    return 0;
}

int tls_files_read(const struct config *config, struct tls_files *out, struct err *err)
{
    int rc = 0;

    out->n = 0;
    for (size_t i = 0; i < config->listener_n && rc == 0; i++) {
        const struct config_tls *files = &config->listener[i].tls;

        if (!files->certificate || tls_files_find(out, files) > 0)
            continue;
        out->pair[out->n] = (struct tls_pair){.files = files, .certificate_fd = -1, .key_fd = -1};
        rc = read_pair(&out->pair[out->n++], err);
    }
    if (rc < 0)
        tls_files_done(out);
    return rc;
}

void tls_files_done(struct tls_files *tls)
{
    for (size_t i = 0; i < tls->n; i++) {
        (void)fd_close(tls->pair[i].certificate_fd);
        (void)fd_close(tls->pair[i].key_fd);
    }
    tls->n = 0;
}
