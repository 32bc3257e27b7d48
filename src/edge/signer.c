/* A pool: whoever signs takes a channel that is free, and brings it back. The one brought back last
 * goes out first: the other side's thread may still be awake. A channel that failed is closed; a
 * group that was replaced meanwhile is not taken back. */
#include "edge/signer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "keys.pb-c.h"
#include "rpc/call.h"

#define ANSWER_TIMEOUT_S 2 /* an RSA signature takes milliseconds */
#define RESTART_WAIT_MS 250
#define DECODE_MAX (8u * 1024)

struct edge_signer {
    struct tls_signer tls;
    const struct env *env;
    void (*lost)(void *owner);
    void *owner;
    pthread_mutex_t mu;
    pthread_cond_t freed;
    int64_t asked_ns;    /* GUARDED_BY(mu), as the rest: when `lost` was called last */
    uint32_t generation; /* of the group */
    size_t open_n;       /* channels of the group, free or not */
    size_t free_n;
    size_t max;
    int free[];
};

struct lease {
    int fd;
    uint32_t generation;
};

/* At most RESTART_WAIT_MS from now. */
static struct timespec wait_end(void)
{
    struct timespec end;

    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_nsec += RESTART_WAIT_MS * NS_PER_MS;
    end.tv_sec += end.tv_nsec / NS_PER_S;
    end.tv_nsec %= NS_PER_S;
    return end;
}

/* False: there is none, and none came. */
static bool take(struct edge_signer *s, struct lease *out)
{
    const struct timespec end = wait_end();
    int rc = 0;

    (void)pthread_mutex_lock(&s->mu);
    while (s->free_n == 0 && rc == 0)
        rc = pthread_cond_timedwait(&s->freed, &s->mu, &end);
    bool found = s->free_n > 0;

    if (found)
        *out = (struct lease){s->free[--s->free_n], s->generation};
    int64_t now = clock_mono_ns();
    bool ask = !found && s->open_n == 0 && now - s->asked_ns >= NS_PER_S;

    if (ask)
        s->asked_ns = now;
    (void)pthread_mutex_unlock(&s->mu);
    if (ask && s->lost)
        s->lost(s->owner);
    return found;
}

static void bring_back(struct edge_signer *s, struct lease lease, bool good)
{
    (void)pthread_mutex_lock(&s->mu);
    bool current = lease.generation == s->generation;

    if (current && good) {
        s->free[s->free_n++] = lease.fd;
        (void)pthread_cond_signal(&s->freed);
    } else if (current) {
        s->open_n--;
    }
    (void)pthread_mutex_unlock(&s->mu);
    if (!current || !good)
        (void)fd_close(lease.fd);
}

/* A failure of the channel is -ERR_UNAVAILABLE; every other error is the answer. */
static int exchange(int fd, const Gw__SignRequest *request, struct arena *a, uint8_t *buf,
                    const Gw__SignResponse **out, struct err *err)
{
    struct channel_record record;
    ProtobufCMessage *message;
    size_t n;
    int rc = rpc_encode(&request->base, buf, &n, err);

    if (rc < 0)
        return rc;
    if (channel_send(fd, slice_of(buf, n), NULL, 0, /* wait= */ false, err) < 0 ||
        channel_receive(fd, buf, &record, /* timeout_ms= */ -1, err) < 0)
        return err_set(err, ERR_UNAVAILABLE, "the keys process does not answer");
    channel_record_done(&record);
    if (rpc_decode(&gw__sign_response__descriptor, slice_of(buf, record.n), a, &message, err) < 0)
        return err_set(err, ERR_UNAVAILABLE, "the keys process sent nonsense");
    *out = (const Gw__SignResponse *)(const void *)message;
    return 0;
}

static int take_signature(const Gw__SignResponse *response, uint8_t *out, size_t *n_out,
                          struct err *err)
{
    struct slice signature = rpc_slice(response->signature);

    if (response->kind != 0)
        return err_set(
            err, response->kind < ERR_KIND_COUNT ? (enum err_kind)response->kind : ERR_INTERNAL,
            "%.*s", SLICE_FMT(rpc_slice(response->text)));
    if (signature.n == 0 || signature.n > TLS_SIGNATURE_MAX)
        return err_set(err, ERR_INTERNAL, "the keys process sent no signature");
    memcpy(out, signature.p, signature.n);
    *n_out = signature.n;
    return 0;
}

static int sign(void *owner, struct slice key, uint16_t scheme, struct slice octets, uint8_t *out,
                size_t *n_out, struct err *err)
{
    struct edge_signer *s = owner;
    Gw__SignRequest request = GW__SIGN_REQUEST__INIT;
    _cleanup_free_ uint8_t *buf = malloc(CHANNEL_RECORD_MAX);
    const Gw__SignResponse *response;
    struct lease lease;
    struct arena a;

    if (!buf)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!take(s, &lease))
        return err_set(err, ERR_UNAVAILABLE, "the keys process is not there");
    request.key = rpc_bytes(key);
    request.scheme = scheme;
    request.octets = rpc_bytes(octets);
    arena_init(&a, DECODE_MAX);
    int rc = exchange(lease.fd, &request, &a, buf, &response, err);

    bring_back(s, lease, rc == 0);
    if (rc == 0)
        rc = take_signature(response, out, n_out, err);
    arena_done(&a);
    if (rc < 0)
        log_err(s->env->log, LOG_WARN, "edge", 0, "no signature for a handshake", err);
    return rc;
}

struct edge_signer *edge_signer_new(const struct env *env, unsigned channels)
{
    struct edge_signer *s = calloc(1, sizeof(*s) + channels * sizeof(s->free[0]));
    pthread_condattr_t attr;

    if (!s)
        return NULL;
    s->tls = (struct tls_signer){s, sign};
    s->env = env;
    s->max = channels;
    (void)pthread_mutex_init(&s->mu, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->freed, &attr);
    (void)pthread_condattr_destroy(&attr);
    return s;
}

void edge_signer_free(struct edge_signer *s)
{
    if (!s)
        return;
    edge_signer_set(s, NULL, 0);
    (void)pthread_cond_destroy(&s->freed);
    (void)pthread_mutex_destroy(&s->mu);
    free(s);
}

const struct tls_signer *edge_signer_tls(struct edge_signer *s)
{
    return &s->tls;
}

void edge_signer_set(struct edge_signer *s, const int *fds, size_t n)
{
    struct err err;

    (void)pthread_mutex_lock(&s->mu);
    for (size_t i = 0; i < s->free_n; i++)
        (void)fd_close(s->free[i]);
    s->generation++;
    s->free_n = s->open_n = MIN(n, s->max);
    for (size_t i = 0; i < n; i++) {
        if (i >= s->max) {
            (void)fd_close(fds[i]);
            continue;
        }
        (void)!channel_set_timeout(fds[i], ANSWER_TIMEOUT_S, &err);
        s->free[i] = fds[i];
    }
    (void)pthread_cond_broadcast(&s->freed);
    (void)pthread_mutex_unlock(&s->mu);
}

void edge_signer_on_loss(struct edge_signer *s, void (*lost)(void *owner), void *owner)
{
    s->lost = lost;
    s->owner = owner;
}
