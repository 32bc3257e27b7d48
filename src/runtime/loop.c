/* The life of the loop and its threads: take an event, claim its slot, run its owner. What happens
 * to slots is in loop_slot.c. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "runtime/loop_private.h"

/* epoll_data of our own descriptors: generation 0 is no slot's. */
enum { TOKEN_KICK, TOKEN_TIMER, TOKEN_STOP };

/* A number of a thread, to be passed to it. */
struct thread_start {
    struct loop *loop;
    unsigned number;
};

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

static void run_slot(struct loop *l, uint32_t index, unsigned events, unsigned thread)
{
    struct slot *s = &l->slots[index];

    for (;;) {
        struct loop_park park = {0};

        switch (s->run(s->owner, events, thread, &park)) {
        case LOOP_PARK:
            if (loop_park_slot(l, index, &park, &events))
                return;
            break;
        case LOOP_AGAIN:
            loop_park_to_run_again(l, index);
            return;
        case LOOP_CLOSE:
            loop_close_slot(l, index);
            return;
        case LOOP_DETACH:
            return;
        }
    }
}

static void run_event(struct loop *l, uint64_t id, uint32_t epoll_events, unsigned thread)
{
    struct slot *s = loop_lock_id(l, id);
    unsigned events = 0;

    if (!s)
        return;
    bool ours = loop_claim(l, (uint32_t)id, events_of_epoll(epoll_events), &events);

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
    bool ours = s->wake && loop_claim(l, index, 0, &events);

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
    uint32_t now = loop_seconds(l), used = atomic_load(&l->slots_used);

    for (uint32_t i = 0; i < used; i++) {
        uint32_t due = atomic_load_explicit(&l->deadlines[i], memory_order_relaxed);

        if (due == 0 || due > now)
            continue;
        struct slot *s = &l->slots[i];

        pthread_mutex_lock(&s->mu);
        due = atomic_load(&l->deadlines[i]);
        if (s->state == SLOT_PARKED && due && due <= now) {
            atomic_store(&l->deadlines[i], 0);
            loop_add_wake(l, i, LOOP_DEADLINE);
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

bool loop_drain(struct loop *l, uint32_t left, unsigned timeout_ms)
{
    int64_t until = clock_mono_ns() + (int64_t)timeout_ms * NS_PER_MS;
    const struct timespec ts = {.tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S};
    int rc = 0;

    pthread_mutex_lock(&l->mu);
    while (l->count > left && rc == 0)
        rc = pthread_cond_timedwait(&l->emptied, &l->mu, &ts);
    bool empty = l->count <= left;

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
