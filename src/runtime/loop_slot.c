/* The states of a slot.
 *
 *            loop_add                    event, wake, deadline: loop_claim
 *   FREE ----------------> PARKED ---------------------------------------> RUNNING
 *     ^                      ^                                               |  |
 *     |                      +---------------- loop_park_slot ---------------+  |
 *     +------------------------------- loop_close_slot -------------------------+
 *
 * Invariants:
 *  1. A slot in RUNNING has one owner: the thread that claimed it, or whoever it was detached to.
 *  2. Every change of state and every EPOLL_CTL_MOD happens inside the slot's lock.
 *  3. A slot in PARKED is armed as its interest says, or for IN and OUT while events wait for it,
 *     or queued for a kick; so it runs when it should.
 *  4. An event whose generation is not the slot's, or that finds the slot not parked, is dropped:
 *     EPOLL_CTL_MOD looks at readiness anew whenever the slot is parked again.
 *  5. After loop_park_slot the thread touches neither slot nor owner any more.
 *
 * A wake re-arms with IN|OUT: a writable descriptor fires at once, with no list and no second
 * descriptor. Descriptors that are neither readable nor writable (a listening socket, a peer that
 * does not read) are queued and run by the thread that takes the kick from an eventfd.
 *
 * Lock order: slot, then loop. */
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "runtime/loop_private.h"

uint32_t loop_seconds(const struct loop *l)
{
    return (uint32_t)((clock_mono_ns() - l->start_ns) / NS_PER_S);
}

static uint64_t id_of(const struct slot *s, uint32_t index)
{
    return (uint64_t)s->generation << 32 | index;
}

/* ---- arming; the slot's lock is held ---- */

static void arm(struct loop *l, uint32_t index, uint32_t epoll_events)
{
    struct slot *s = &l->slots[index];
    struct epoll_event ev = {.events = epoll_events | EPOLLONESHOT, .data.u64 = id_of(s, index)};

    /* Fails only for descriptors that are not in the set: somebody closed what is not his. */
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, s->fd, &ev) < 0)
        abort();
}

static uint32_t epoll_interest(unsigned interest)
{
    uint32_t events = 0;

    if (interest & LOOP_IN)
        events |= EPOLLIN | EPOLLRDHUP;
    if (interest & LOOP_OUT)
        events |= EPOLLOUT;
    return events;
}

static void kick(struct loop *l, uint32_t index)
{
    const uint64_t one = 1;
    bool added = false;

    pthread_mutex_lock(&l->mu);
    if (!l->slots[index].kicked) {
        l->slots[index].kicked = added = true;
        l->slots[index].next_kick = NO_SLOT;
        if (l->first_kick == NO_SLOT)
            l->first_kick = index;
        else
            l->slots[l->last_kick].next_kick = index;
        l->last_kick = index;
    }
    pthread_mutex_unlock(&l->mu);
    if (added)
        (void)!write(l->kick_fd, &one, sizeof(one));
}

/* Makes a parked slot run soon, whatever state its descriptor is in. */
static void fire(struct loop *l, uint32_t index)
{
    struct pollfd p = {.fd = l->slots[index].fd, .events = POLLIN | POLLOUT};

    if (poll(&p, 1, 0) > 0)
        arm(l, index, EPOLLIN | EPOLLOUT);
    else
        kick(l, index);
}

void loop_add_wake(struct loop *l, uint32_t index, unsigned events)
{
    struct slot *s = &l->slots[index];

    s->wake |= events;
    if (s->state == SLOT_PARKED && s->wake)
        fire(l, index);
}

/* ---- slots ---- */

static uint32_t take_slot(struct loop *l)
{
    uint32_t index = NO_SLOT;

    pthread_mutex_lock(&l->mu);
    if (l->first_free != NO_SLOT) {
        index = l->first_free;
        l->first_free = l->slots[index].next_free;
    } else if (l->slots_used < l->max) {
        index = l->slots_used;
        (void)pthread_mutex_init(&l->slots[index].mu, NULL);
        l->slots[index].generation = 1;
        l->slots_used++;
    }
    if (index != NO_SLOT)
        l->count++;
    pthread_mutex_unlock(&l->mu);
    return index;
}

static void give_slot(struct loop *l, uint32_t index)
{
    pthread_mutex_lock(&l->mu);
    l->slots[index].next_free = l->first_free;
    l->first_free = index;
    l->count--;
    pthread_cond_broadcast(&l->emptied);
    pthread_mutex_unlock(&l->mu);
}

static void set_deadline(struct loop *l, uint32_t index, uint32_t seconds)
{
    uint32_t due = 0;

    /* One more, because the current second has partly passed: never early, at most a second late.
     */
    if (seconds && __builtin_add_overflow(seconds, loop_seconds(l) + 1, &due))
        due = UINT32_MAX;
    atomic_store(&l->deadlines[index], due);
}

/* Parks a running slot whose lock is held. */
static void settle(struct loop *l, uint32_t index, const struct loop_park *park)
{
    struct slot *s = &l->slots[index];

    s->interest = park->interest;
    s->state = SLOT_PARKED;
    set_deadline(l, index, park->deadline_s);
    if (s->wake)
        fire(l, index);
    else
        arm(l, index, epoll_interest(park->interest));
}

uint64_t loop_add(struct loop *l, int fd, loop_run *run, void *owner, const struct loop_park *park)
{
    uint32_t index = take_slot(l);

    if (index == NO_SLOT)
        return 0;
    struct slot *s = &l->slots[index];

    pthread_mutex_lock(&s->mu);
    struct epoll_event ev = {.events = EPOLLONESHOT, .data.u64 = id_of(s, index)};
    uint64_t id = epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0 ? ev.data.u64 : 0;

    if (id) {
        s->fd = fd;
        s->run = run;
        s->owner = owner;
        s->state = SLOT_RUNNING;
        s->wake = atomic_load(&l->stopping) ? LOOP_STOP : 0;
        if (park)
            settle(l, index, park);
    }
    pthread_mutex_unlock(&s->mu);
    if (!id)
        give_slot(l, index);
    return id;
}

void loop_close_slot(struct loop *l, uint32_t index)
{
    struct slot *s = &l->slots[index];

    pthread_mutex_lock(&s->mu);
    int fd = s->fd;

    /* Closing alone would not do: another process may hold the same open file. */
    (void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    s->fd = -1;
    s->state = SLOT_FREE;
    s->wake = 0;
    s->owner = NULL;
    if (++s->generation == 0)
        s->generation = 1;
    atomic_store(&l->deadlines[index], 0);
    pthread_mutex_unlock(&s->mu);
    (void)fd_close(fd);
    give_slot(l, index);
}

struct slot *loop_lock_id(struct loop *l, uint64_t id)
{
    uint32_t index = (uint32_t)id;

    if (index >= atomic_load(&l->slots_used))
        return NULL;
    struct slot *s = &l->slots[index];

    pthread_mutex_lock(&s->mu);
    if (s->generation == id >> 32 && s->state != SLOT_FREE)
        return s;
    pthread_mutex_unlock(&s->mu);
    return NULL;
}

void loop_wake(struct loop *l, uint64_t id, unsigned events)
{
    struct slot *s = loop_lock_id(l, id);

    if (!s)
        return;
    loop_add_wake(l, (uint32_t)id, events);
    pthread_mutex_unlock(&s->mu);
}

void loop_wake_all(struct loop *l, unsigned events)
{
    if (events & LOOP_STOP)
        atomic_store(&l->stopping, true);
    pthread_mutex_lock(&l->mu);
    uint32_t used = l->slots_used;

    pthread_mutex_unlock(&l->mu);
    for (uint32_t i = 0; i < used; i++) {
        pthread_mutex_lock(&l->slots[i].mu);
        if (l->slots[i].state != SLOT_FREE)
            loop_add_wake(l, i, events);
        pthread_mutex_unlock(&l->slots[i].mu);
    }
}

void loop_park(struct loop *l, uint64_t id, const struct loop_park *park)
{
    struct slot *s = loop_lock_id(l, id);

    if (!s)
        return;
    if (s->state == SLOT_RUNNING)
        settle(l, (uint32_t)id, park);
    pthread_mutex_unlock(&s->mu);
}

void loop_close(struct loop *l, uint64_t id)
{
    struct slot *s = loop_lock_id(l, id);

    if (!s)
        return;
    pthread_mutex_unlock(&s->mu);
    loop_close_slot(l, (uint32_t)id);
}

/* ---- running ---- */

bool loop_claim(struct loop *l, uint32_t index, unsigned events, unsigned *events_out)
{
    struct slot *s = &l->slots[index];

    if (s->state != SLOT_PARKED)
        return false;
    /* A wake arms for more than the owner asked for. */
    events &= s->interest | LOOP_HUP;
    if (!events && !s->wake) {
        arm(l, index, epoll_interest(s->interest));
        return false;
    }
    *events_out = events | (s->wake & ~WAKE_AGAIN);
    s->wake = 0;
    s->state = SLOT_RUNNING;
    atomic_store(&l->deadlines[index], 0);
    return true;
}

bool loop_park_slot(struct loop *l, uint32_t index, const struct loop_park *park,
                    unsigned *events_out)
{
    struct slot *s = &l->slots[index];
    bool parked = true;

    pthread_mutex_lock(&s->mu);
    if (s->wake) {
        *events_out = s->wake & ~WAKE_AGAIN;
        s->wake = 0;
        parked = false;
    } else {
        settle(l, index, park);
    }
    pthread_mutex_unlock(&s->mu);
    return parked;
}

void loop_park_to_run_again(struct loop *l, uint32_t index)
{
    struct slot *s = &l->slots[index];

    pthread_mutex_lock(&s->mu);
    s->wake |= WAKE_AGAIN;
    settle(l, index, &(struct loop_park){.interest = LOOP_IN | LOOP_OUT});
    pthread_mutex_unlock(&s->mu);
}
