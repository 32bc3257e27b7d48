/* The slots of the event loop, for loop.c (life and threads) and loop_slot.c (states). */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "runtime/loop.h"

/* Waits in slot.wake for owners that asked to run again; never shown to them. */
#define WAKE_AGAIN (1u << 31)
#define NO_SLOT UINT32_MAX

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

/* Seconds of the monotonic clock since the loop was made. */
uint32_t loop_seconds(const struct loop *l);

/* The slot of an id, locked; NULL when it is gone. */
struct slot *loop_lock_id(struct loop *l, uint64_t id);

/* Adds events to a slot whose lock is held. */
void loop_add_wake(struct loop *l, uint32_t index, unsigned events);

/* Makes a parked slot the caller's, whose lock is held. False when nothing is there for it to do.
 */
bool loop_claim(struct loop *l, uint32_t index, unsigned events, unsigned *events_out);

/* Parks a running slot. False: events came meanwhile, run it again with *events_out. */
bool loop_park_slot(struct loop *l, uint32_t index, const struct loop_park *park,
                    unsigned *events_out);
void loop_park_to_run_again(struct loop *l, uint32_t index);

void loop_close_slot(struct loop *l, uint32_t index);
