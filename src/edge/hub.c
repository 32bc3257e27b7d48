/* A hash table of lists, by account. Wakes happen under the lock: loop_wake only marks and re-arms.
 */
#include "edge/hub.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "edge/edge.h"
#include "rpc/call.h"

#define HUB_FIRST_BUCKETS 64
#define EVENT_ARENA_MAX (64u * 1024)

struct watcher {
    struct watcher *next;
    uint64_t account;
    struct conn_ref ref;
};

struct hub {
    struct loop *loop;
    const struct env *env;
    pthread_mutex_t mu;
    struct watcher **buckets; /* GUARDED_BY(mu), as the next two */
    size_t buckets_n;         /* a power of two */
    size_t watchers_n;
    uint64_t channel_id; /* of the loop; the control thread's */
};

/* One event channel; it frees itself when it closes. */
struct event_channel {
    struct hub *hub;
    int fd;
};

struct hub *hub_new(struct loop *loop, const struct env *env)
{
    struct hub *h = calloc(1, sizeof(*h));

    if (!h)
        return NULL;
    h->buckets = calloc(HUB_FIRST_BUCKETS, sizeof(struct watcher *));
    if (!h->buckets) {
        free(h);
        return NULL;
    }
    h->loop = loop;
    h->env = env;
    h->buckets_n = HUB_FIRST_BUCKETS;
    pthread_mutex_init(&h->mu, NULL);
    return h;
}

void hub_free(struct hub *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->buckets_n; i++) {
        struct watcher *w = h->buckets[i];

        while (w) {
            struct watcher *next = w->next;

            free(w);
            w = next;
        }
    }
    free(h->buckets);
    pthread_mutex_destroy(&h->mu);
    free(h);
}

static struct watcher **bucket_of(struct watcher **buckets, size_t n, uint64_t account)
{
    return &buckets[(account * UINT64_C(0x9e3779b97f4a7c15)) >> 32 & (n - 1)];
}

/* Twice as many buckets when lists get long; staying as it is when memory is short only costs time.
 */
static void grow(struct hub *h)
{
    size_t n = h->buckets_n * 2;
    struct watcher **buckets = h->watchers_n > h->buckets_n ? calloc(n, sizeof(*buckets)) : NULL;

    if (!buckets)
        return;
    for (size_t i = 0; i < h->buckets_n; i++) {
        struct watcher *w = h->buckets[i];

        while (w) {
            struct watcher *next = w->next;
            struct watcher **bucket = bucket_of(buckets, n, w->account);

            w->next = *bucket;
            *bucket = w;
            w = next;
        }
    }
    free(h->buckets);
    h->buckets = buckets;
    h->buckets_n = n;
}

bool hub_add(struct hub *h, uint64_t account, struct conn_ref ref)
{
    struct watcher *w = malloc(sizeof(*w));

    if (!w)
        return false;
    pthread_mutex_lock(&h->mu);
    grow(h);
    struct watcher **bucket = bucket_of(h->buckets, h->buckets_n, account);

    *w = (struct watcher){*bucket, account, ref};
    *bucket = w;
    h->watchers_n++;
    pthread_mutex_unlock(&h->mu);
    return true;
}

bool hub_remove(struct hub *h, uint64_t account, struct conn_ref ref)
{
    struct watcher *found = NULL;

    pthread_mutex_lock(&h->mu);
    struct watcher **at = bucket_of(h->buckets, h->buckets_n, account);

    for (; *at; at = &(*at)->next) {
        if ((*at)->account == account && (*at)->ref.id == ref.id) {
            found = *at;
            *at = found->next;
            h->watchers_n--;
            break;
        }
    }
    pthread_mutex_unlock(&h->mu);
    free(found);
    return found != NULL;
}

static void wake_account(struct hub *h, uint64_t account, unsigned events)
{
    pthread_mutex_lock(&h->mu);
    for (struct watcher *w = *bucket_of(h->buckets, h->buckets_n, account); w; w = w->next)
        if (w->account == account)
            conn_wake(w->ref, events);
    pthread_mutex_unlock(&h->mu);
}

static void wake_all(struct hub *h, unsigned events)
{
    pthread_mutex_lock(&h->mu);
    for (size_t i = 0; i < h->buckets_n; i++)
        for (struct watcher *w = h->buckets[i]; w; w = w->next)
            conn_wake(w->ref, events);
    pthread_mutex_unlock(&h->mu);
}

/* One event from the channel. */
static int receive_event(struct event_channel *ch, struct err *err)
{
    uint8_t buf[CHANNEL_RECORD_MAX];
    struct channel_record record;
    struct arena a;
    ProtobufCMessage *m;

    int rc = channel_receive(ch->fd, buf, &record, 0, err);

    if (rc < 0)
        return rc;
    channel_record_done(&record);
    arena_init(&a, EVENT_ARENA_MAX);
    rc = rpc_decode(&gw__event__descriptor, slice_of(buf, record.n), &a, &m, err);
    if (rc == 0) {
        const Gw__Event *event = (Gw__Event *)m;

        wake_account(ch->hub, event->account,
                     event->session_ended ? EDGE_WAKE_ENDED : EDGE_WAKE_CHANGES);
    }
    arena_done(&a);
    return rc;
}

static enum loop_next run_events(void *owner, unsigned events, unsigned thread,
                                 struct loop_park *park)
{
    struct event_channel *ch = owner;
    struct err err;
    int rc = events & (LOOP_STOP | LOOP_WAKE) ? -ERR_UNAVAILABLE : 0; /* woken: replaced */

    (void)thread;
    while (rc == 0)
        rc = receive_event(ch, &err);
    if (rc == -ERR_TIMEOUT) {
        *park = (struct loop_park){.interest = LOOP_IN};
        return LOOP_PARK;
    }
    if (rc != -ERR_UNAVAILABLE)
        log_err(ch->hub->env->log, LOG_ERROR, "edge", 0, "event channel failed", &err);
    if (!(events & LOOP_STOP))
        wake_all(ch->hub, EDGE_WAKE_LOST);
    free(ch);
    return LOOP_CLOSE;
}

int hub_set_channel(struct hub *h, int fd, struct err *err)
{
    struct event_channel *ch = malloc(sizeof(*ch));

    if (ch) {
        *ch = (struct event_channel){h, fd};
        uint64_t id =
            loop_add(h->loop, fd, run_events, ch, &(struct loop_park){.interest = LOOP_IN});

        if (id) {
            loop_wake(h->loop, h->channel_id, LOOP_WAKE);
            h->channel_id = id;
            return 0;
        }
    }
    free(ch);
    (void)fd_close(fd);
    return err_set(err, ERR_NOMEM, "cannot take the store's event channel");
}
