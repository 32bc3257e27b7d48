/* The loop under forced wake-ups: none lost, never two owners; deadlines, detaching, stopping. Run
 * it under ThreadSanitizer too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "runtime/loop.h"

#define PEERS 8
#define WAKERS 4
#ifdef __SANITIZE_THREAD__
#define WAKES 12000
#else
#define WAKES 40000
#endif

static const struct clock test_clock;
static const struct env env = {.clock = &test_clock};

static void sleep_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

/* Waits up to 20 s for a counter. */
static bool reaches(_Atomic unsigned *counter, unsigned value)
{
    for (int i = 0; i < 20000 && atomic_load(counter) < value; i++)
        sleep_ms(1);
    return atomic_load(counter) >= value;
}

struct peer {
    int other_end;
    uint64_t id;
    unsigned interest;
    uint32_t deadline_s;
    _Atomic int owners;
    _Atomic unsigned runs, two_owners, wakes_seen, octets, deadlines, hups, stops;
    _Atomic unsigned pending; /* set before each wake, cleared by the run that sees it */
};

static struct loop *new_loop(unsigned threads)
{
    struct loop *l;
    struct err err;

    assert_int_equal(loop_new(&env, threads, 64, &l, &err), 0);
    assert_int_equal(loop_start(l, &err), 0);
    return l;
}

static enum loop_next run_peer(void *owner, unsigned events, unsigned thread,
                               struct loop_park *park)
{
    struct peer *p = owner;
    bool alone = atomic_fetch_add(&p->owners, 1) == 0;

    (void)thread;
    if (!alone)
        atomic_fetch_add(&p->two_owners, 1);
    atomic_fetch_add(&p->runs, 1);
    if (events & LOOP_WAKE)
        atomic_store(&p->pending, 0);
    atomic_fetch_add(&p->wakes_seen, (events & LOOP_WAKE) != 0);
    atomic_fetch_add(&p->deadlines, (events & LOOP_DEADLINE) != 0);
    atomic_fetch_add(&p->hups, (events & LOOP_HUP) != 0);
    atomic_fetch_add(&p->stops, (events & LOOP_STOP) != 0);
    *park = (struct loop_park){.interest = p->interest, .deadline_s = p->deadline_s};
    atomic_fetch_sub(&p->owners, 1);
    return events & (LOOP_STOP | LOOP_HUP) ? LOOP_CLOSE : LOOP_PARK;
}

static void add_peer(struct loop *l, struct peer *p, loop_run *run)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    p->other_end = fds[1];
    p->id = loop_add(l, fds[0], run, p, NULL);
    assert_true(p->id != 0);
    loop_park(l, p->id, &(struct loop_park){.interest = p->interest, .deadline_s = p->deadline_s});
}

struct waker {
    struct loop *loop;
    struct peer *peers;
    unsigned seed;
};

static void *wake_many(void *arg)
{
    struct waker *w = arg;

    for (int i = 0; i < WAKES; i++) {
        struct peer *p = &w->peers[(unsigned)rand_r(&w->seed) % PEERS];

        atomic_store(&p->pending, 1);
        loop_wake(w->loop, p->id, LOOP_WAKE);
    }
    return NULL;
}

/* Whoever wakes last is seen: after all wakers are done every mark must get cleared. */
static void test_no_wake_is_lost(void **state)
{
    struct peer peers[PEERS] = {0};
    struct waker wakers[WAKERS];
    pthread_t threads[WAKERS];
    struct loop *l = new_loop(4);

    (void)state;
    for (unsigned i = 0; i < PEERS; i++) {
        peers[i].interest = i % 2 ? LOOP_IN : 0;
        add_peer(l, &peers[i], run_peer);
    }
    for (unsigned i = 0; i < WAKERS; i++) {
        wakers[i] = (struct waker){l, peers, i + 1};
        assert_int_equal(pthread_create(&threads[i], NULL, wake_many, &wakers[i]), 0);
    }
    for (unsigned i = 0; i < WAKERS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < PEERS; i++) {
        for (int ms = 0; ms < 5000 && atomic_load(&peers[i].pending); ms++)
            sleep_ms(1);
        assert_int_equal(atomic_load(&peers[i].pending), 0);
        assert_int_equal(atomic_load(&peers[i].two_owners), 0);
        assert_true(atomic_load(&peers[i].wakes_seen) > 0);
    }
    loop_wake_all(l, LOOP_STOP);
    assert_true(loop_drain(l, 0, 5000));
    for (unsigned i = 0; i < PEERS; i++)
        fd_close(peers[i].other_end);
    loop_free(l);
}

/* Reads one octet a run and asks to run again: all octets arrive although the loop is one-shot. */
static enum loop_next run_slow_reader(void *owner, unsigned events, unsigned thread,
                                      struct loop_park *park)
{
    struct peer *p = owner;
    char c;

    (void)events;
    (void)thread;
    ssize_t n = read((int)p->deadline_s, &c, 1);

    if (n == 0)
        return LOOP_CLOSE;
    if (n < 0) {
        park->interest = LOOP_IN;
        return LOOP_PARK;
    }
    atomic_fetch_add(&p->octets, 1);
    return LOOP_AGAIN;
}

static void test_again_reads_everything(void **state)
{
    struct loop *l = new_loop(2);
    struct peer p = {.interest = LOOP_IN};
    char data[1000] = {0};
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    p.deadline_s = (uint32_t)fds[0];
    assert_true(loop_add(l, fds[0], run_slow_reader, &p, &(struct loop_park){LOOP_IN, 0}) != 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(write(fds[1], data, sizeof(data)), sizeof(data));
    assert_true(reaches(&p.octets, 10000));
    fd_close(fds[1]);
    assert_true(loop_drain(l, 0, 5000));
    assert_int_equal(atomic_load(&p.octets), 10000);
    loop_free(l);
}

/* A peer that takes nothing: its descriptor is ready for nothing, deadline and wake come anyway. */
static void test_blocked_descriptor_runs(void **state)
{
    struct loop *l = new_loop(2);
    struct peer p = {.interest = LOOP_OUT, .deadline_s = 1};
    char junk[4096] = {0};
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    while (write(fds[0], junk, sizeof(junk)) > 0)
        continue;
    p.id = loop_add(l, fds[0], run_peer, &p, &(struct loop_park){LOOP_OUT, 1});
    assert_true(p.id != 0);
    sleep_ms(50);
    assert_int_equal(atomic_load(&p.runs), 0);
    loop_wake(l, p.id, LOOP_WAKE);
    assert_true(reaches(&p.wakes_seen, 1));
    assert_true(reaches(&p.deadlines, 1));
    loop_wake_all(l, LOOP_STOP);
    assert_true(loop_drain(l, 0, 5000));
    assert_int_equal(atomic_load(&p.stops), 1);
    fd_close(fds[1]);
    loop_free(l);
}

static void test_deadline_is_not_early(void **state)
{
    struct loop *l = new_loop(1);
    struct peer p = {.interest = LOOP_IN, .deadline_s = 1};
    int64_t start = clock_mono_ns();

    (void)state;
    add_peer(l, &p, run_peer);
    assert_true(reaches(&p.deadlines, 1));
    assert_true(clock_mono_ns() - start >= NS_PER_S);
    assert_true(clock_mono_ns() - start < 4 * NS_PER_S);
    fd_close(p.other_end);
    assert_true(reaches(&p.hups, 1));
    assert_true(loop_drain(l, 0, 5000));
    loop_free(l);
}

static void test_listening_socket_stops(void **state)
{
    struct loop *l = new_loop(1);
    struct peer p = {.interest = LOOP_IN};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, &(struct sockaddr){.sa_family = AF_UNIX}, sizeof(sa_family_t)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_true(loop_add(l, fd, run_peer, &p, &(struct loop_park){LOOP_IN, 0}) != 0);
    loop_wake_all(l, LOOP_STOP);
    assert_true(loop_drain(l, 0, 5000));
    assert_int_equal(atomic_load(&p.stops), 1);
    loop_free(l);
}

static void test_newcomer_learns_of_stop(void **state)
{
    struct loop *l = new_loop(1);
    struct peer p = {.interest = LOOP_IN};

    (void)state;
    loop_wake_all(l, LOOP_STOP);
    add_peer(l, &p, run_peer);
    assert_true(loop_drain(l, 0, 5000));
    assert_int_equal(atomic_load(&p.stops), 1);
    fd_close(p.other_end);
    loop_free(l);
}

static enum loop_next run_detached(void *owner, unsigned events, unsigned thread,
                                   struct loop_park *park)
{
    struct peer *p = owner;

    (void)thread;
    (void)park;
    atomic_fetch_add(&p->wakes_seen, (events & LOOP_WAKE) != 0);
    atomic_fetch_add(&p->runs, 1);
    return LOOP_DETACH;
}

static void test_detached_remembers_wakes(void **state)
{
    struct loop *l = new_loop(2);
    struct peer p = {.interest = LOOP_IN};

    (void)state;
    add_peer(l, &p, run_detached);
    assert_int_equal(write(p.other_end, "x", 1), 1);
    assert_true(reaches(&p.runs, 1));
    loop_wake(l, p.id, LOOP_WAKE);
    sleep_ms(20);
    assert_int_equal(atomic_load(&p.runs), 1);
    loop_park(l, p.id, &(struct loop_park){.interest = 0});
    assert_true(reaches(&p.wakes_seen, 1));
    assert_int_equal(loop_count(l), 1);
    loop_close(l, p.id);
    assert_int_equal(loop_count(l), 0);
    loop_wake(l, p.id, LOOP_WAKE);
    loop_close(l, p.id);
    fd_close(p.other_end);
    loop_free(l);
}

static void test_slots_are_bounded_and_reused(void **state)
{
    struct peer peers[3] = {0};
    struct loop *l;
    struct err err;

    (void)state;
    assert_int_equal(loop_new(&env, 1, 2, &l, &err), 0);
    assert_int_equal(loop_start(l, &err), 0);
    add_peer(l, &peers[0], run_peer);
    add_peer(l, &peers[1], run_peer);
    int fd = fcntl(peers[0].other_end, F_DUPFD_CLOEXEC, 0);

    assert_int_equal(loop_add(l, fd, run_peer, &peers[2], &(struct loop_park){0}), 0);
    fd_close(fd);
    loop_wake(l, peers[0].id, LOOP_STOP);
    for (int i = 0; i < 5000 && loop_count(l) > 1; i++)
        sleep_ms(1);
    add_peer(l, &peers[2], run_peer);
    assert_int_equal((uint32_t)peers[2].id, (uint32_t)peers[0].id);
    assert_true(peers[2].id != peers[0].id);
    loop_wake_all(l, LOOP_STOP);
    assert_true(loop_drain(l, 0, 5000));
    for (int i = 0; i < 3; i++)
        fd_close(peers[i].other_end);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_wake_is_lost),
        cmocka_unit_test(test_again_reads_everything),
        cmocka_unit_test(test_blocked_descriptor_runs),
        cmocka_unit_test(test_deadline_is_not_early),
        cmocka_unit_test(test_listening_socket_stops),
        cmocka_unit_test(test_newcomer_learns_of_stop),
        cmocka_unit_test(test_detached_remembers_wakes),
        cmocka_unit_test(test_slots_are_bounded_and_reused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
