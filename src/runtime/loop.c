/* How the loop works.
 *
 *            loop_add                    event, wake, deadline: claim
 *   FREE ----------------> PARKED ---------------------------------------> RUNNING
 *     ^                      ^                                               |  |
 *     |                      +------------------- park_slot -----------------+  |
 *     +---------------------------------- close_slot ---------------------------+
 *
 * Invariants:
 *  1. A slot in RUNNING has one owner: the thread that claimed it, or whoever it was detached to.
 *  2. Every change of state and every EPOLL_CTL_MOD happens inside the slot's lock.
 *  3. A slot in PARKED is armed as its interest says, or for IN and OUT while events wait for it,
 *     or queued for a kick; so it runs when it should.
 *  4. An event whose generation is not the slot's, or that finds the slot not parked, is dropped:
 *     EPOLL_CTL_MOD looks at readiness anew whenever the slot is parked again.
 *  5. After park_slot the thread touches neither slot nor owner any more.
 *
 * A wake re-arms with IN|OUT: a writable descriptor fires at once, with no list and no second
 * descriptor. Descriptors that are neither readable nor writable (a listening socket, a peer that
 * does not read) are queued and run by the thread that takes the kick from an eventfd.
 *
 * Lock order: slot, then loop. */
#include "runtime/loop.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* Waits in slot.wake for owners that asked to run again; never shown to them. */
#define WAKE_AGAIN (1u << 31)
#define NO_SLOT UINT32_MAX

/* epoll_data of our own descriptors: generation 0 is no slot's. */
enum { TOKEN_KICK, TOKEN_TIMER, TOKEN_STOP };

enum slot_state { SLOT_FREE, SLOT_PARKED, SLOT_RUNNING };

struct slot {
    pthread_mutex_t mu;
    enum slot_state state; /* GUARDED_BY(mu), as the next four */
    uint32_t generation;
    unsigned wake;     /* events that wait for the owner */
    unsigned interest; /* of the last park */
    int fd;
    loop_run *run; /* constant from loop_add to close_slot, as owner */
    void *owner;
    uint32_t next_free; /* GUARDED_BY(loop->mu), as the next two */
    uint32_t next_kick;
    bool kicked;
};

struct loop {
    const struct env *env;
    unsigned threads_n;
    unsigned threads_started;
    pthread_t *threads;
    int epoll_fd;
    int kick_fd;
    int timer_fd;
    int stop_fd;
    uint32_t max;
    struct slot *slots;
    /* Seconds since start at which a parked slot is due; 0: never. */
    _Atomic uint32_t *deadlines;
    int64_t start_ns;
    _Atomic uint64_t last_number;
    _Atomic uint32_t slots_used; /* slots that were ever in use: the first so many */
    _Atomic bool stopping;       /* LOOP_STOP was sent to all; newcomers get it too */
    pthread_mutex_t mu;
    pthread_cond_t emptied;
    uint32_t first_free; /* GUARDED_BY(mu), as the next three */
    uint32_t first_kick;
    uint32_t last_kick;
    uint32_t count;
};

/* A number of a thread, to be passed to it. */
struct thread_start {
    struct loop *loop;
    unsigned number;
};

static uint32_t seconds_now(const struct loop *l)
{
    return (uint32_t)((clock_mono_ns() - l->start_ns) / NS_PER_S);
}

static uint64_t id_of(const struct slot *s, uint32_t index)
{
    return (uint64_t)s->generation << 32 | index;
}

/* ---- making and ending ---- */

static int watch_own(struct loop *l, int fd, uint64_t token, struct err *err)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = token};

    if (fd < 0 || epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
        return err_errno(err, errno, "cannot set up the event loop");
    return 0;
}

static int open_descriptors(struct loop *l, struct err *err)
{
    const struct itimerspec every_second = {.it_interval.tv_sec = 1, .it_value.tv_sec = 1};

    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll_fd < 0)
        return err_errno(err, errno, "cannot make an epoll set");
    l->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
    l->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    int rc = watch_own(l, l->kick_fd, TOKEN_KICK, err);

    if (rc == 0)
        rc = watch_own(l, l->stop_fd, TOKEN_STOP, err);
    if (rc == 0)
        rc = watch_own(l, l->timer_fd, TOKEN_TIMER, err);
    if (rc == 0 && timerfd_settime(l->timer_fd, 0, &every_second, NULL) < 0)
        rc = err_errno(err, errno, "cannot set the loop's timer");
    return rc;
}

static void init_locks(struct loop *l)
{
    pthread_condattr_t attr;

    (void)pthread_mutex_init(&l->mu, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&l->emptied, &attr);
    (void)pthread_condattr_destroy(&attr);
}

int loop_new(const struct env *env, unsigned threads, uint32_t max, struct loop **out,
             struct err *err)
{
    struct loop *l = calloc(1, sizeof(*l));

    if (!l)
        return err_set(err, ERR_NOMEM, "out of memory");
    l->env = env;
    l->threads_n = threads ? threads : 1;
    l->max = max;
    l->epoll_fd = l->kick_fd = l->timer_fd = l->stop_fd = -1;
    l->first_free = l->first_kick = l->last_kick = NO_SLOT;
    l->start_ns = clock_mono_ns();
    atomic_init(&l->last_number, (uint64_t)(clock_now_ns(env->clock) / NS_PER_MS));
    init_locks(l);
    l->threads = calloc(l->threads_n, sizeof(*l->threads));
    l->slots = calloc(max, sizeof(*l->slots));
    l->deadlines = calloc(max, sizeof(*l->deadlines));
    int rc = l->threads && l->slots && l->deadlines ? open_descriptors(l, err)
                                                    : err_set(err, ERR_NOMEM, "out of memory");

    if (rc < 0) {
        loop_free(l);
        return rc;
    }
    *out = l;
    return 0;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    loop_stop(l);
    for (uint32_t i = 0; i < l->slots_used; i++) {
        if (l->slots[i].state != SLOT_FREE)
            (void)fd_close(l->slots[i].fd);
        (void)pthread_mutex_destroy(&l->slots[i].mu);
    }
    (void)fd_close(l->timer_fd);
    (void)fd_close(l->stop_fd);
    (void)fd_close(l->kick_fd);
    (void)fd_close(l->epoll_fd);
    (void)pthread_cond_destroy(&l->emptied);
    (void)pthread_mutex_destroy(&l->mu);
    free((void *)l->deadlines);
    free(l->slots);
    free(l->threads);
    free(l);
}

unsigned loop_threads(const struct loop *l)
{
    return l->threads_n;
}

uint64_t loop_unique(struct loop *l)
{
    return atomic_fetch_add(&l->last_number, 1) + 1;
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

static void add_wake(struct loop *l, uint32_t index, unsigned events)
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
    if (--l->count == 0)
        pthread_cond_broadcast(&l->emptied);
    pthread_mutex_unlock(&l->mu);
}

static void set_deadline(struct loop *l, uint32_t index, uint32_t seconds)
{
    uint32_t due = 0;

    /* One more, because the current second has partly passed: never early, at most a second late.
     */
    if (seconds && __builtin_add_overflow(seconds, seconds_now(l) + 1, &due))
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

static void close_slot(struct loop *l, uint32_t index)
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

/* The slot of an id, locked; NULL when it is gone. */
static struct slot *lock_id(struct loop *l, uint64_t id)
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
    struct slot *s = lock_id(l, id);

    if (!s)
        return;
    add_wake(l, (uint32_t)id, events);
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
            add_wake(l, i, events);
        pthread_mutex_unlock(&l->slots[i].mu);
    }
}

void loop_park(struct loop *l, uint64_t id, const struct loop_park *park)
{
    struct slot *s = lock_id(l, id);

    if (!s)
        return;
    if (s->state == SLOT_RUNNING)
        settle(l, (uint32_t)id, park);
    pthread_mutex_unlock(&s->mu);
}

void loop_close(struct loop *l, uint64_t id)
{
    struct slot *s = lock_id(l, id);

    if (!s)
        return;
    pthread_mutex_unlock(&s->mu);
    close_slot(l, (uint32_t)id);
}

/* ---- running ---- */

static unsigned events_of_epoll(uint32_t epoll_events)
{
    unsigned events = 0;

    if (epoll_events & EPOLLIN)
        events |= LOOP_IN;
    if (epoll_events & EPOLLOUT)
        events |= LOOP_OUT;
    if (epoll_events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR))
        events |= LOOP_HUP;
    return events;
}

/* Makes a parked slot the caller's, whose lock is held. False when nothing is there for it to do.
 */
static bool claim(struct loop *l, uint32_t index, unsigned events, unsigned *events_out)
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

/* False: events came meanwhile, run it again with *events_out. */
static bool park_slot(struct loop *l, uint32_t index, const struct loop_park *park,
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

static void park_to_run_again(struct loop *l, uint32_t index)
{
    struct slot *s = &l->slots[index];

    pthread_mutex_lock(&s->mu);
    s->wake |= WAKE_AGAIN;
    settle(l, index, &(struct loop_park){.interest = LOOP_IN | LOOP_OUT});
    pthread_mutex_unlock(&s->mu);
}

static void run_slot(struct loop *l, uint32_t index, unsigned events, unsigned thread)
{
    struct slot *s = &l->slots[index];

    for (;;) {
        struct loop_park park = {0};

        switch (s->run(s->owner, events, thread, &park)) {
        case LOOP_PARK:
            if (park_slot(l, index, &park, &events))
                return;
            break;
        case LOOP_AGAIN:
            park_to_run_again(l, index);
            return;
        case LOOP_CLOSE:
            close_slot(l, index);
            return;
        case LOOP_DETACH:
            return;
        }
    }
}

static void run_event(struct loop *l, uint64_t id, uint32_t epoll_events, unsigned thread)
{
    struct slot *s = lock_id(l, id);
    unsigned events = 0;

    if (!s)
        return;
    bool ours = claim(l, (uint32_t)id, events_of_epoll(epoll_events), &events);

    pthread_mutex_unlock(&s->mu);
    if (ours)
        run_slot(l, (uint32_t)id, events, thread);
}

static void run_kick(struct loop *l, unsigned thread)
{
    uint64_t one;
    unsigned events = 0;

    if (read(l->kick_fd, &one, sizeof(one)) != (ssize_t)sizeof(one))
        return;
    pthread_mutex_lock(&l->mu);
    uint32_t index = l->first_kick;

    if (index != NO_SLOT) {
        l->first_kick = l->slots[index].next_kick;
        l->slots[index].kicked = false;
    }
    pthread_mutex_unlock(&l->mu);
    if (index == NO_SLOT)
        return;
    /* By now this may be a new owner of the slot: then it runs only when it has a wake too. */
    struct slot *s = &l->slots[index];

    pthread_mutex_lock(&s->mu);
    bool ours = s->wake && claim(l, index, 0, &events);

    pthread_mutex_unlock(&s->mu);
    if (ours)
        run_slot(l, index, events, thread);
}

static void run_timer(struct loop *l)
{
    uint64_t ticks;

    /* All threads see the tick; the one that reads it does the work. */
    if (read(l->timer_fd, &ticks, sizeof(ticks)) != (ssize_t)sizeof(ticks))
        return;
    uint32_t now = seconds_now(l), used = atomic_load(&l->slots_used);

    for (uint32_t i = 0; i < used; i++) {
        uint32_t due = atomic_load_explicit(&l->deadlines[i], memory_order_relaxed);

        if (due == 0 || due > now)
            continue;
        struct slot *s = &l->slots[i];

        pthread_mutex_lock(&s->mu);
        due = atomic_load(&l->deadlines[i]);
        if (s->state == SLOT_PARKED && due && due <= now) {
            atomic_store(&l->deadlines[i], 0);
            add_wake(l, i, LOOP_DEADLINE);
        }
        pthread_mutex_unlock(&s->mu);
    }
}

static void *thread_main(void *arg)
{
    struct thread_start start = *(struct thread_start *)arg;
    struct loop *l = start.loop;

    free(arg);
    for (;;) {
        struct epoll_event ev;
        /* One event at a time: others must not wait behind a command that blocks. */
        int n = epoll_wait(l->epoll_fd, &ev, 1, -1);

        if (n < 0 && errno != EINTR)
            abort();
        if (n <= 0)
            continue;
        if (ev.data.u64 == TOKEN_STOP)
            return NULL;
        if (ev.data.u64 == TOKEN_KICK)
            run_kick(l, start.number);
        else if (ev.data.u64 == TOKEN_TIMER)
            run_timer(l);
        else
            run_event(l, ev.data.u64, ev.events, start.number);
    }
}

static int start_thread(struct loop *l, struct err *err)
{
    struct thread_start *start = malloc(sizeof(*start));

    if (!start)
        return err_set(err, ERR_NOMEM, "out of memory");
    *start = (struct thread_start){l, l->threads_started};
    int rc = pthread_create(&l->threads[l->threads_started], NULL, thread_main, start);

    if (rc != 0) {
        free(start);
        return err_errno(err, rc, "cannot start a thread");
    }
    l->threads_started++;
    return 0;
}

int loop_start(struct loop *l, struct err *err)
{
    sigset_t all, before;
    int rc = 0;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (rc == 0 && l->threads_started < l->threads_n)
        rc = start_thread(l, err);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

uint32_t loop_count(struct loop *l)
{
    pthread_mutex_lock(&l->mu);
    uint32_t count = l->count;

    pthread_mutex_unlock(&l->mu);
    return count;
}

bool loop_drain(struct loop *l, unsigned timeout_ms)
{
    int64_t until = clock_mono_ns() + (int64_t)timeout_ms * NS_PER_MS;
    const struct timespec ts = {.tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S};
    int rc = 0;

    pthread_mutex_lock(&l->mu);
    while (l->count > 0 && rc == 0)
        rc = pthread_cond_timedwait(&l->emptied, &l->mu, &ts);
    bool empty = l->count == 0;

    pthread_mutex_unlock(&l->mu);
    return empty;
}

void loop_stop(struct loop *l)
{
    const uint64_t one = 1;

    if (l->threads_started == 0)
        return;
    (void)!write(l->stop_fd, &one, sizeof(one));
    while (l->threads_started > 0)
        (void)pthread_join(l->threads[--l->threads_started], NULL);
}
