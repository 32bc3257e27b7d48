/* godwit-store: owns the mail.
 *
 *   reads                requests of the other processes; its own files; orders of the supervisor
 *   may call             nothing outside
 *   holds                databases, bodies, credentials
 *   an intruder could    read and change all mail; but reach no network and no file outside the
 * data directory. So it parses no mail, no TLS, no HTTP: only records with bounds. */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "rpc/call.h"
#include "rpc/role.h"
#include "runtime/sandbox.h"
#include "store/serve.h"

/* Channels of all edge threads, and the command line. */
#define CHANNELS_MAX 1024
#define GROUP_CHANNELS_MAX 256
#define STORE_DRAIN_MS 3000

struct store_process {
    struct role *control;
    struct loop *loop;
    struct store *store;
    struct serve *serve;
    /* Channels of the group that is arriving. */
    int channels[GROUP_CHANNELS_MAX];
    size_t channels_n;
    uint32_t group;
};

static enum store_role role_of(Gw__Channels__Role role)
{
    switch (role) {
    case GW__CHANNELS__ROLE__ROLE_MX:
        return STORE_MX;
    case GW__CHANNELS__ROLE__ROLE_ACCESS:
        return STORE_ACCESS;
    case GW__CHANNELS__ROLE__ROLE_WEB:
        return STORE_WEB;
    case GW__CHANNELS__ROLE__ROLE_ADMIN:
        return STORE_ADMIN;
    default:
        return 0;
    }
}

/* Collects the descriptors of a group; the last record completes it. */
static void take_channels(void *owner, const Gw__Channels *what, const int *fds, size_t n)
{
    struct store_process *p = owner;
    enum store_role role = role_of(what->role);
    struct err err;

    if (what->group != p->group) {
        for (size_t i = 0; i < p->channels_n; i++)
            (void)fd_close(p->channels[i]);
        p->channels_n = 0;
    }
    p->group = what->group;
    for (size_t i = 0; i < n; i++) {
        if (role && p->channels_n < GROUP_CHANNELS_MAX)
            p->channels[p->channels_n++] = fds[i];
        else
            (void)fd_close(fds[i]);
    }
    if (what->first + n < what->total || p->channels_n == 0)
        return;
    if (serve_add_channels(p->serve, role, what->group, p->channels, p->channels_n, &err) < 0)
        log_err(role_env(p->control)->log, LOG_ERROR, "store", 0, "cannot take channels", &err);
    p->channels_n = 0;
}

static int start(struct store_process *p, struct err *err)
{
    const Gw__RoleConfig *config = role_config(p->control);
    const struct env *env = role_env(p->control);
    _cleanup_free_ char *directory =
        strndup((const char *)config->data_directory.data, config->data_directory.len);
    struct sandbox_config sandbox = {.role = SANDBOX_STORE, .directory = directory};

    if (!directory)
        return err_set(err, ERR_NOMEM, "out of memory");
#ifdef GODWIT_SANITIZED
    sandbox.log_only = true;
#endif
    (void)OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
    /* The door first: opening the databases starts their writers. */
    int rc = sandbox_enter(&sandbox, env, err);

    if (rc == 0)
        rc = loop_new(env, config->threads, CHANNELS_MAX, &p->loop, err);
    if (rc < 0)
        return rc;
    const struct store_config store = {
        .directory = directory,
        .hostname = rpc_slice(config->hostname),
        .shards = config->shards,
        .threads = loop_threads(p->loop),
        .commit_wait_us = config->commit_wait_us,
    };

    rc = store_open(&store, env, &p->store, err);
    if (rc == 0)
        rc = serve_new(p->store, p->loop, env, &p->serve, err);
    return rc == 0 ? loop_start(p->loop, err) : rc;
}

int main(void)
{
    static struct store_process p;
    struct err err;

    if (role_begin("store", &p.control, &err) < 0)
        return 1;
    if (start(&p, &err) < 0) {
        log_err(role_env(p.control)->log, LOG_ERROR, "store", 0, "cannot start", &err);
        return 1;
    }
    role_ready(p.control);
    role_run(p.control, &(struct role_handler){.owner = &p, .channels = take_channels});
    serve_stop(p.serve);
    (void)loop_drain(p.loop, 0, STORE_DRAIN_MS);
    loop_stop(p.loop);
    serve_free(p.serve);
    store_close(p.store);
    return 0;
}
