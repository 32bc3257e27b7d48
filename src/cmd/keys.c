/* godwit-keys: holds the private keys of TLS.
 *
 *   reads                keys from the supervisor; requests of the edges, which are small records
 *   may call             nothing outside
 *   holds                private keys, in memory that is locked and not dumped
 *   an intruder could    read the keys; but reach no network and no file, and so tell nobody but an
 *                        edge
 *
 * It signs what a TLS server signs in a handshake (src/keys/handshake_octets.h) and nothing else.
 */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "keys/private_key.h"
#include "keys/serve.h"
#include "rpc/role.h"
#include "runtime/sandbox.h"

#define CHANNELS_MAX 4096

struct keys_process {
    struct role *control;
    struct loop *loop;
    struct keyring *ring;
    struct keys_serve *serve;
};

static void take_channels(void *owner, const Gw__Channels *what, const int *fds, size_t n)
{
    struct keys_process *p = owner;
    struct err err;

    (void)what;
    for (size_t i = 0; i < n; i++)
        if (keys_serve_add(p->serve, fds[i], &err) < 0)
            log_err(role_env(p->control)->log, LOG_ERROR, "keys", 0, "cannot take a channel", &err);
}

static int read_key(struct keys_process *p, int fd, uint32_t generation, struct err *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || st.st_size <= 0 || st.st_size > PRIVATE_KEY_FILE_MAX)
        return err_set(err, ERR_INVALID, "no key");
    size_t n = (size_t)st.st_size;
    uint8_t *pem = OPENSSL_secure_malloc(n);
    int rc = !pem ? err_set(err, ERR_NOMEM, "out of memory")
             : pread(fd, pem, n, 0) != (ssize_t)n
                 ? err_set(err, ERR_IO, "the key cannot be read")
                 : keyring_add(p->ring, slice_of(pem, n), generation, err);

    OPENSSL_secure_clear_free(pem, n);
    return rc;
}

static void take_key(void *owner, const Gw__Key *what, int fd)
{
    struct keys_process *p = owner;
    struct err err;

    if (read_key(p, fd, what->generation, &err) < 0)
        log_err(role_env(p->control)->log, LOG_ERROR, "keys", 0, "cannot take a key", &err);
}

static void forget_keys(void *owner, const Gw__ForgetKeys *what)
{
    struct keys_process *p = owner;

    keyring_forget(p->ring, what->before);
}

static int start(struct keys_process *p, struct err *err)
{
    const struct env *env = role_env(p->control);
    struct sandbox_config sandbox = {.role = SANDBOX_KEYS};

#ifdef GODWIT_SANITIZED
    sandbox.log_only = true;
#endif
    (void)OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
    int rc = sandbox_enter(&sandbox, env, err);

    if (rc == 0)
        rc = loop_new(env, role_config(p->control)->threads, CHANNELS_MAX, &p->loop, err);
    if (rc == 0 && !(p->ring = keyring_new()))
        rc = err_set(err, ERR_NOMEM, "out of memory");
    if (rc == 0)
        rc = keys_serve_new(p->ring, p->loop, env, &p->serve, err);
    return rc == 0 ? loop_start(p->loop, err) : rc;
}

int main(void)
{
    static struct keys_process p;
    struct err err;

    private_key_memory();
    if (role_begin("keys", &p.control, &err) < 0)
        return 1;
    if (start(&p, &err) < 0) {
        log_err(role_env(p.control)->log, LOG_ERROR, "keys", 0, "cannot start", &err);
        return 1;
    }
    role_ready(p.control);
    role_run(p.control, &(struct role_handler){.owner = &p,
                                               .channels = take_channels,
                                               .key = take_key,
                                               .forget_keys = forget_keys});
    loop_wake_all(p.loop, LOOP_STOP);
    (void)loop_drain(p.loop, 0, 1000);
    loop_stop(p.loop);
    keys_serve_free(p.serve);
    keyring_free(p.ring);
    return 0;
}
