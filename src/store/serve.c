/* One owner per channel. A request channel reads one record, hands it to the store and
 *
 *   answered at once      → waits for the next record
 *   answered by a writer  → is detached; the answer arms it again (or closes it)
 *
 * A peer that sends while its request is open shows itself when the next record is waiting at the
 * moment of the answer: that is against the protocol, and the channel closes.
 *
 * Lock order: serve.mu, then nothing. */
#include "store/serve.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/num.h"
#include "rpc/call.h"
#include "store/events.h"
#include "store/store_private.h"

struct group {
    struct group *next;
    uint32_t number;
    uint32_t channels; /* request channels that are open */
};

struct serve {
    struct store *store;
    struct loop *loop;
    const struct env *env;
    uint8_t **buffers; /* one per thread, CHANNEL_RECORD_MAX */
    unsigned threads;
    pthread_mutex_t mu; /* guards groups and stopping */
    struct group *groups;
    bool stopping;
};

struct channel {
    struct serve *serve;
    enum store_role role;
    uint32_t group;
    int fd;             /* the loop's */
    uint64_t id;        /* constant once the channel runs */
    pthread_mutex_t mu; /* guards what follows */
    enum { CHANNEL_IDLE, CHANNEL_BUSY, CHANNEL_DETACHED, CHANNEL_ANSWERED } state;
    bool broken; /* the answer could not be sent */
};

static const struct loop_park wait_for_input = {.interest = LOOP_IN};

/* ---- groups ---- */

static bool group_join(struct serve *s, uint32_t number)
{
    pthread_mutex_lock(&s->mu);
    struct group *g = s->groups;

    while (g && g->number != number)
        g = g->next;
    if (!g && (g = calloc(1, sizeof(*g)))) {
        g->number = number;
        g->next = s->groups;
        s->groups = g;
    }
    if (g)
        g->channels++;
    pthread_mutex_unlock(&s->mu);
    return g != NULL;
}

static void group_leave(struct serve *s, uint32_t number)
{
    pthread_mutex_lock(&s->mu);
    struct group **link = &s->groups;

    while ((*link)->number != number)
        link = &(*link)->next;
    struct group *g = *link;
    bool last = --g->channels == 0;

    if (last) {
        *link = g->next;
        free(g);
    }
    pthread_mutex_unlock(&s->mu);
    if (last)
        store_group_end(s->store, number);
}

static bool is_stopping(struct serve *s)
{
    pthread_mutex_lock(&s->mu);
    bool stopping = s->stopping;

    pthread_mutex_unlock(&s->mu);
    return stopping;
}

/* ---- request channels ---- */

static void channel_free(struct channel *ch)
{
    pthread_mutex_destroy(&ch->mu);
    free(ch);
}

static enum loop_next channel_close(struct channel *ch)
{
    group_leave(ch->serve, ch->group);
    channel_free(ch);
    return LOOP_CLOSE;
}

static void channel_reply(void *owner, struct slice record, int fd)
{
    struct channel *ch = owner;
    struct serve *s = ch->serve;
    struct err err;
    bool broken = record.n == 0 ||
                  channel_send(ch->fd, record, &fd, fd >= 0 ? 1 : 0, /* wait= */ false, &err) < 0;

    pthread_mutex_lock(&ch->mu);
    bool detached = ch->state == CHANNEL_DETACHED;
    uint64_t id = ch->id; /* from here on the channel may run and end */

    ch->state = detached ? CHANNEL_IDLE : CHANNEL_ANSWERED;
    ch->broken = broken;
    pthread_mutex_unlock(&ch->mu);
    /* A broken one runs once more, finds itself broken and closes. */
    if (detached)
        loop_park(s->loop, id,
                  &(struct loop_park){.interest = broken ? LOOP_IN | LOOP_OUT : LOOP_IN});
}

/* Whether a record is there already. */
static bool has_input(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 0) == 1 && (p.revents & POLLIN);
}

static void log_closed(struct channel *ch, const char *message, const struct err *err)
{
    log_event(ch->serve->env->log, LOG_WARN, "store", 0, message, LOG_NUM("group", ch->group),
              LOG_NUM("channel_role", ch->role), LOG_STR("error", err->text),
              LOG_STR("detail", err->detail));
}

/* After the record was given to the store. */
static enum loop_next after_request(struct channel *ch, struct loop_park *park)
{
    pthread_mutex_lock(&ch->mu);
    bool answered = ch->state == CHANNEL_ANSWERED;
    bool broken = ch->broken;

    ch->state = answered ? CHANNEL_IDLE : CHANNEL_DETACHED;
    pthread_mutex_unlock(&ch->mu);
    if (!answered)
        return LOOP_DETACH;
    if (broken)
        return channel_close(ch);
    *park = wait_for_input;
    return LOOP_PARK;
}

static enum loop_next channel_run(void *owner, unsigned events, unsigned thread,
                                  struct loop_park *park)
{
    struct channel *ch = owner;
    struct serve *s = ch->serve;
    struct channel_record record;
    struct err err;

    if (ch->broken || is_stopping(s))
        return channel_close(ch);
    *park = wait_for_input;
    if (!(events & (LOOP_IN | LOOP_HUP)))
        return LOOP_PARK;
    int rc = channel_receive(ch->fd, s->buffers[thread], &record, /* timeout_ms= */ 0, &err);

    if (rc == -ERR_TIMEOUT)
        return LOOP_PARK;
    if (rc < 0) {
        if (rc != -ERR_UNAVAILABLE)
            log_closed(ch, "bad record, channel closed", &err);
        return channel_close(ch);
    }
    if (has_input(ch->fd)) {
        (void)err_set(&err, ERR_INVALID, "a request while another one is open");
        log_closed(ch, "protocol broken, channel closed", &err);
        channel_record_done(&record);
        return channel_close(ch);
    }
    struct store_request request = {
        .role = ch->role,
        .group = ch->group,
        .thread = thread,
        .record = slice_of(s->buffers[thread], record.n),
        .fds = record.fds,
        .fds_n = record.fds_n,
        .reply = channel_reply,
        .owner = ch,
    };

    ch->state = CHANNEL_BUSY;
    rc = store_handle(s->store, &request, &err);
    if (rc < 0) {
        log_closed(ch, "protocol broken, channel closed", &err);
        return channel_close(ch);
    }
    return after_request(ch, park);
}

static int add_channel(struct serve *s, enum store_role role, uint32_t group, int fd,
                       struct err *err)
{
    struct channel *ch = calloc(1, sizeof(*ch));

    if (!ch || !group_join(s, group)) {
        free(ch);
        (void)fd_close(fd);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    ch->serve = s;
    ch->role = role;
    ch->group = group;
    ch->fd = fd;
    pthread_mutex_init(&ch->mu, NULL);
    /* Detached: it runs, and may end, only when its id is noted. */
    uint64_t id = ch->id = loop_add(s->loop, fd, channel_run, ch, NULL);

    if (id != 0) {
        loop_park(s->loop, id, &wait_for_input);
        return 0;
    }
    (void)channel_close(ch);
    (void)fd_close(fd);
    return err_set(err, ERR_LIMIT, "too many channels");
}

/* ---- event channels ---- */

struct event_channel {
    struct serve *serve;
    uint32_t group;
    int fd;      /* the loop's */
    uint64_t id; /* constant once the group is known to the events */
};

/* Under the lock of the events. */
static void event_ring(void *owner)
{
    struct event_channel *ev = owner;

    loop_wake(ev->serve->loop, ev->id, LOOP_WAKE);
}

static enum loop_next event_close(struct event_channel *ev)
{
    events_group_remove(ev->serve->store->events, ev->group);
    free(ev);
    return LOOP_CLOSE;
}

/* Sends what is noted: 1 all sent, 0 the channel is full, or an error. */
static int event_flush(struct event_channel *ev, struct err *err)
{
    struct store_events *events = ev->serve->store->events;
    struct store_event event;

    while (events_take(events, ev->group, &event)) {
        Gw__Event message = GW__EVENT__INIT;
        uint8_t record[64];

        message.account = (uint64_t)event.account_id;
        message.modseq = event.modseq;
        message.session_ended = event.session_ended;
        size_t n = gw__event__pack(&message, record);
        struct pollfd p = {.fd = ev->fd, .events = POLLOUT};

        if (poll(&p, 1, 0) == 1 && !(p.revents & POLLOUT))
            return err_set(err, ERR_UNAVAILABLE, "the event channel is closed");
        if (p.revents == 0 ||
            channel_send(ev->fd, slice_of(record, n), NULL, 0, /* wait= */ false, err) < 0) {
            events_return(events, ev->group, &event);
            return 0;
        }
    }
    return 1;
}

static enum loop_next event_run(void *owner, unsigned events, unsigned thread,
                                struct loop_park *park)
{
    struct event_channel *ev = owner;
    struct err err;

    (void)thread;
    /* Nothing is ever received here: input means that the other end is gone, or not what it should
     * be. */
    if ((events & (LOOP_IN | LOOP_HUP)) && (events & LOOP_HUP || has_input(ev->fd)))
        return event_close(ev);
    if (is_stopping(ev->serve))
        return event_close(ev);
    int rc = event_flush(ev, &err);

    if (rc < 0)
        return event_close(ev);
    /* events_return rings while we run; without room a wake-up alone would spin. */
    *park = (struct loop_park){.interest = rc == 1 ? LOOP_IN : LOOP_IN | LOOP_OUT};
    return LOOP_PARK;
}

static int add_event_channel(struct serve *s, uint32_t group, int fd, struct err *err)
{
    struct event_channel *ev = calloc(1, sizeof(*ev));

    if (!ev) {
        (void)fd_close(fd);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    *ev = (struct event_channel){.serve = s, .group = group, .fd = fd};
    /* Detached: nothing happens on it before its group is known. */
    uint64_t id = ev->id = loop_add(s->loop, fd, event_run, ev, NULL);

    if (id == 0) {
        free(ev);
        (void)fd_close(fd);
        return err_set(err, ERR_LIMIT, "too many channels");
    }
    int rc = events_group_add(s->store->events, group, event_ring, ev, err);

    if (rc < 0) {
        loop_close(s->loop, id);
        free(ev);
        return rc;
    }
    loop_park(s->loop, id, &wait_for_input);
    return 0;
}

/* ---- all of it ---- */

int serve_new(struct store *store, struct loop *loop, const struct env *env, struct serve **out,
              struct err *err)
{
    struct serve *s = calloc(1, sizeof(*s));

    if (!s)
        return err_set(err, ERR_NOMEM, "out of memory");
    s->store = store;
    s->loop = loop;
    s->env = env;
    pthread_mutex_init(&s->mu, NULL);
    s->threads = loop_threads(loop);
    s->buffers = calloc(s->threads, sizeof(*s->buffers));
    for (unsigned i = 0; s->buffers && i < s->threads; i++) {
        s->buffers[i] = malloc(CHANNEL_RECORD_MAX);
        if (!s->buffers[i]) {
            serve_free(s);
            return err_set(err, ERR_NOMEM, "out of memory");
        }
    }
    if (!s->buffers) {
        serve_free(s);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    *out = s;
    return 0;
}

void serve_free(struct serve *s)
{
    if (!s)
        return;
    for (unsigned i = 0; s->buffers && i < s->threads; i++)
        free(s->buffers[i]);
    free(s->buffers);
    while (s->groups) {
        struct group *g = s->groups;

        s->groups = g->next;
        free(g);
    }
    pthread_mutex_destroy(&s->mu);
    free(s);
}

int serve_add_channels(struct serve *s, enum store_role role, uint32_t group, const int *fds,
                       size_t n, struct err *err)
{
    bool has_events = role != STORE_ADMIN && n > 0;
    size_t requests = has_events ? n - 1 : n;
    int rc = 0;

    /* The event channel first: a session can watch as soon as it can log in. */
    if (has_events)
        rc = add_event_channel(s, group, fds[n - 1], err);
    for (size_t i = 0; i < requests; i++) {
        if (rc == 0)
            rc = add_channel(s, role, group, fds[i], err);
        else
            (void)fd_close(fds[i]);
    }
    return rc;
}

void serve_stop(struct serve *s)
{
    pthread_mutex_lock(&s->mu);
    s->stopping = true;
    pthread_mutex_unlock(&s->mu);
    loop_wake_all(s->loop, LOOP_STOP);
}
