/* Certificates and private keys of the configuration, in memory that nobody can change any more and
 * that is in no process's address space: descriptors of it go to those who read them. */
#pragma once

#include "base/err.h"
#include "keys/private_key.h"
#include "supervisor/config.h"

struct tls_pair {
    const struct config_tls *files; /* the configuration's */
    int certificate_fd;             /* PEM: the certificate, then its chain */
    int key_fd;                     /* PEM */
    uint8_t id[PRIVATE_KEY_ID_OCTETS];
};

struct tls_files {
    struct tls_pair pair[CONFIG_TLS_MAX];
    size_t n;
};

/* Every pair that the listeners name, each once. Checks that certificate and key belong together.
 * fails: ERR_INVALID and what reading can give; the text names the file. */
int tls_files_read(const struct config *config, struct tls_files *out, struct err *err) WARN_UNUSED;
void tls_files_done(struct tls_files *tls);

/* Which pair it is, from 1; 0: none. */
size_t tls_files_find(const struct tls_files *tls, const struct config_tls *files);
