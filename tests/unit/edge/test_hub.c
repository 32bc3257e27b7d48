/* Events of the store wake those who watch the account, and nobody else. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "edge/edge.h"
#include "edge/hub.h"

/* Stands for a connection: remembers what it was woken with. */
struct sleeper {
    pthread_mutex_t mu;
    pthread_cond_t woken;
    unsigned events;
    struct conn_ref ref;
};

struct fixture {
    struct clock clock;
    struct env env;
    struct loop *loop;
    struct hub *hub;
    int store_end;
    struct sleeper sleepers[3];
};

static enum loop_next run_sleeper(void *owner, unsigned events, unsigned thread,
                                  struct loop_park *park)
{
    struct sleeper *s = owner;

    (void)thread;
    (void)park;
    pthread_mutex_lock(&s->mu);
    s->events |= events / LOOP_WAKE;
    pthread_cond_signal(&s->woken);
    pthread_mutex_unlock(&s->mu);
    return events & LOOP_STOP ? LOOP_CLOSE : LOOP_PARK;
}

static unsigned wait_events(struct sleeper *s)
{
    pthread_mutex_lock(&s->mu);
    while (s->events == 0)
        pthread_cond_wait(&s->woken, &s->mu);
    unsigned events = s->events;

    s->events = 0;
    pthread_mutex_unlock(&s->mu);
    return events;
}

static unsigned seen(struct sleeper *s)
{
    pthread_mutex_lock(&s->mu);
    unsigned events = s->events;

    pthread_mutex_unlock(&s->mu);
    return events;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct err err;
    int fds[2];

    f->env.clock = &f->clock;
    f->env.log = log_new(STDERR_FILENO, false, NULL);
    assert_int_equal(loop_new(&f->env, 2, 16, &f->loop, &err), 0);
    assert_int_equal(loop_start(f->loop, &err), 0);
    f->hub = hub_new(f->loop, &f->env);
    assert_int_equal(channel_pair(fds, &err), 0);
    assert_int_equal(hub_set_channel(f->hub, fds[0], &err), 0);
    f->store_end = fds[1];
    for (size_t i = 0; i < 3; i++) {
        struct sleeper *s = &f->sleepers[i];

        pthread_mutex_init(&s->mu, NULL);
        pthread_cond_init(&s->woken, NULL);
        s->ref.loop = f->loop;
        s->ref.id =
            loop_add(f->loop, eventfd(0, EFD_CLOEXEC), run_sleeper, s, &(struct loop_park){0});
        assert_true(s->ref.id != 0);
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    loop_wake_all(f->loop, LOOP_STOP);
    assert_true(loop_drain(f->loop, 0, 5000));
    loop_stop(f->loop);
    hub_free(f->hub);
    loop_free(f->loop);
    log_free(f->env.log);
    (void)fd_close(f->store_end);
    free(f);
    return 0;
}

static void send_event(struct fixture *f, uint64_t account, bool ended)
{
    Gw__Event event = GW__EVENT__INIT;
    static uint8_t buf[CHANNEL_RECORD_MAX];
    struct err err;
    size_t n;

    event.account = account;
    event.modseq = 9;
    event.session_ended = ended;
    assert_int_equal(rpc_encode(&event.base, buf, &n, &err), 0);
    assert_int_equal(channel_send(f->store_end, slice_of(buf, n), NULL, 0, true, &err), 0);
}

static void test_only_watchers_wake(void **state)
{
    struct fixture *f = *state;

    assert_true(hub_add(f->hub, 1, f->sleepers[0].ref));
    assert_true(hub_add(f->hub, 1, f->sleepers[1].ref));
    assert_true(hub_add(f->hub, 2, f->sleepers[2].ref));
    send_event(f, 1, false);
    assert_int_equal(wait_events(&f->sleepers[0]), EDGE_WAKE_CHANGES);
    assert_int_equal(wait_events(&f->sleepers[1]), EDGE_WAKE_CHANGES);
    assert_int_equal(seen(&f->sleepers[2]), 0);
    send_event(f, 2, true);
    assert_int_equal(wait_events(&f->sleepers[2]), EDGE_WAKE_ENDED);
    assert_true(hub_remove(f->hub, 1, f->sleepers[0].ref));
    assert_false(hub_remove(f->hub, 1, f->sleepers[0].ref));
    assert_false(hub_remove(f->hub, 1, f->sleepers[2].ref));
    send_event(f, 1, false);
    assert_int_equal(wait_events(&f->sleepers[1]), EDGE_WAKE_CHANGES);
    assert_int_equal(seen(&f->sleepers[0]), 0);
}

static void test_many_accounts(void **state)
{
    struct fixture *f = *state;

    /* More than the first table has buckets, so that it grows. */
    for (uint64_t account = 1; account <= 1000; account++)
        assert_true(hub_add(f->hub, account, f->sleepers[account % 2].ref));
    send_event(f, 1000, false);
    assert_int_equal(wait_events(&f->sleepers[0]), EDGE_WAKE_CHANGES);
    assert_int_equal(seen(&f->sleepers[1]), 0);
    for (uint64_t account = 1; account <= 1000; account++)
        assert_true(hub_remove(f->hub, account, f->sleepers[account % 2].ref));
}

static void test_a_lost_store_wakes_all(void **state)
{
    struct fixture *f = *state;

    assert_true(hub_add(f->hub, 1, f->sleepers[0].ref));
    assert_true(hub_add(f->hub, 2, f->sleepers[1].ref));
    f->store_end = fd_close(f->store_end);
    assert_int_equal(wait_events(&f->sleepers[0]), EDGE_WAKE_LOST);
    assert_int_equal(wait_events(&f->sleepers[1]), EDGE_WAKE_LOST);
    assert_int_equal(seen(&f->sleepers[2]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_only_watchers_wake, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_accounts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_lost_store_wakes_all, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
