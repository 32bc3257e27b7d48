/* Channels: slot i belongs to loop thread i alone, but for `fresh`, where the control thread leaves
 * a new channel after the store was restarted; the owner takes it at its next call.
 *
 * Lock order: hub before the loop's slot locks; `fresh_mu` is a leaf. */
#include "edge/edge.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "edge/hub.h"

#define STORE_RESTART_WAIT_MS 1000

struct edge_channel {
    struct rpc_client *client; /* NULL before the first channel; the thread's own */
    int fresh;                 /* -1: none. GUARDED_BY(fresh_mu) */
};

struct edge {
    const struct env *env;
    const struct edge_settings *settings;
    struct loop *loop;
    struct hub *hub;
    void (*lost)(void *owner);
    void *owner;
    _Atomic int64_t asked_ns; /* when `lost` was called last */
    pthread_mutex_t fresh_mu;
    pthread_cond_t fresh_cond;
    uint32_t channels_n;
    struct edge_channel channels[];
};

int edge_new(const struct env *env, const struct edge_settings *settings, struct loop *loop,
             struct edge **out, struct err *err)
{
    size_t n = loop_threads(loop);
    struct edge *e = calloc(1, sizeof(*e) + n * sizeof(e->channels[0]));
    struct hub *hub = hub_new(loop, env);
    pthread_condattr_t attr;

    if (!e || !hub) {
        free(e);
        hub_free(hub);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    e->env = env;
    e->settings = settings;
    e->loop = loop;
    e->hub = hub;
    e->channels_n = (uint32_t)n;
    for (size_t i = 0; i < n; i++)
        e->channels[i].fresh = -1;
    pthread_mutex_init(&e->fresh_mu, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&e->fresh_cond, &attr);
    pthread_condattr_destroy(&attr);
    *out = e;
    return 0;
}

void edge_free(struct edge *e)
{
    if (!e)
        return;
    for (uint32_t i = 0; i < e->channels_n; i++) {
        rpc_client_free(e->channels[i].client);
        (void)fd_close(e->channels[i].fresh);
    }
    hub_free(e->hub);
    pthread_cond_destroy(&e->fresh_cond);
    pthread_mutex_destroy(&e->fresh_mu);
    free(e);
}

const struct edge_settings *edge_settings(const struct edge *e)
{
    return e->settings;
}

const struct env *edge_env(const struct edge *e)
{
    return e->env;
}

int edge_set_channels(struct edge *e, const int *fds, size_t n, struct err *err)
{
    if (n != (size_t)e->channels_n + 1) {
        for (size_t i = 0; i < n; i++)
            (void)fd_close(fds[i]);
        return err_set(err, ERR_INVALID, "expected %u channels to the store, got %zu",
                       e->channels_n + 1, n);
    }
    pthread_mutex_lock(&e->fresh_mu);
    for (uint32_t i = 0; i < e->channels_n; i++) {
        (void)fd_close(e->channels[i].fresh);
        e->channels[i].fresh = fds[i];
    }
    pthread_cond_broadcast(&e->fresh_cond);
    pthread_mutex_unlock(&e->fresh_mu);
    return hub_set_channel(e->hub, fds[n - 1], err);
}

/* Waits until the control thread leaves a channel, at most so long. */
static int wait_for_fresh(struct edge *e, struct edge_channel *ch, unsigned wait_ms)
{
    struct timespec until;
    int rc = 0;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += wait_ms % 1000 * NS_PER_MS;
    if (until.tv_nsec >= NS_PER_S) {
        until.tv_sec++;
        until.tv_nsec -= NS_PER_S;
    }
    pthread_mutex_lock(&e->fresh_mu);
    while (ch->fresh < 0 && rc == 0 && wait_ms > 0)
        rc = pthread_cond_timedwait(&e->fresh_cond, &e->fresh_mu, &until);
    int fd = TAKE_FD(ch->fresh);

    pthread_mutex_unlock(&e->fresh_mu);
    return fd;
}

void edge_on_loss(struct edge *e, void (*lost)(void *owner), void *owner)
{
    e->lost = lost;
    e->owner = owner;
}

/* A store that lives on does not know that we miss something: a channel breaks also when one of
 * the two is short of descriptors, or when an answer took too long. */
static void ask_for_channels(struct edge *e)
{
    int64_t now = clock_mono_ns(), last = atomic_load(&e->asked_ns);

    if (e->lost && now - last >= NS_PER_S &&
        atomic_compare_exchange_strong(&e->asked_ns, &last, now))
        e->lost(e->owner);
}

/* The thread's client with a channel that is not known to be dead. */
static struct rpc_client *live_client(struct edge *e, struct edge_channel *ch)
{
    bool alive = ch->client && rpc_client_alive(ch->client);
    int fd = wait_for_fresh(e, ch, alive ? 0 : STORE_RESTART_WAIT_MS);

    if (fd < 0) {
        if (!alive)
            ask_for_channels(e);
        return alive ? ch->client : NULL;
    }
    if (ch->client)
        rpc_client_set_channel(ch->client, fd);
    else
        ch->client = rpc_client_channel(fd);
    return ch->client;
}

int edge_call(struct edge *e, struct conn *c, Gw__Request *request, const int *fds, size_t fds_n,
              const Gw__Response **out, struct channel_record *fds_out, struct err *err)
{
    struct rpc_client *client = live_client(e, &e->channels[conn_thread(c)]);

    if (!client)
        return err_set(err, ERR_UNAVAILABLE, "the mail store is not available, try again later");
    request->cid = conn_id(c);
    return rpc_call(client, request, fds, fds_n, conn_arena(c), out, fds_out, err);
}

static int tell_store(struct edge *e, struct conn *c, uint64_t session, bool on, struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__Watch watch = GW__WATCH__INIT;
    const Gw__Response *response;

    watch.on = on;
    request.session = session;
    request.call_case = GW__REQUEST__CALL_WATCH;
    request.watch = &watch;
    return edge_call(e, c, &request, NULL, 0, &response, NULL, err);
}

int edge_watch(struct edge *e, struct conn *c, uint64_t session, uint64_t account, struct err *err)
{
    /* First the hub, then the store: an event that comes at once must find its connection. */
    if (!hub_add(e->hub, account, conn_ref(c)))
        return err_set(err, ERR_NOMEM, "out of memory");
    int rc = tell_store(e, c, session, true, err);

    if (rc < 0)
        hub_remove(e->hub, account, conn_ref(c));
    return rc;
}

void edge_unwatch(struct edge *e, struct conn *c, uint64_t session, uint64_t account)
{
    struct err err;

    /* When the store does not answer it has forgotten the watch with the channel. */
    if (hub_remove(e->hub, account, conn_ref(c)))
        (void)!tell_store(e, c, session, false, &err);
}
