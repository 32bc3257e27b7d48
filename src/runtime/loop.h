/* The event loop: n threads wait in one epoll set; each descriptor is armed one-shot.
 *
 * The thread that gets an event owns the descriptor and its owner object until it parks it again.
 * There is no dispatcher and no queue. The same loop serves network connections, store channels and
 * control channels.
 *
 *   static enum loop_next run(void *owner, unsigned events, unsigned thread, struct loop_park
 * *park); uint64_t id = loop_add(loop, fd, run, owner, &(struct loop_park){.interest = LOOP_IN,
 * .deadline_s = 30});
 *
 * How it works: slots that are never freed, each with generation, mutex, state (free, parked,
 * running) and wake mask; epoll_data is generation << 32 | slot. A wake of a parked slot re-arms it
 * with IN|OUT so that it fires at once (or goes through an eventfd when the descriptor is not
 * ready for either); a wake of a running slot is remembered and makes park run it again. Deadlines
 * are a dense array of seconds, scanned once a second. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "base/err.h"

struct loop;

/* Events given to run. LOOP_WAKE and above come from loop_wake, with the caller's own bits. */
enum {
    LOOP_IN = 1u << 0,
    LOOP_OUT = 1u << 1,
    LOOP_HUP = 1u << 2,      /* the peer closed its sending side or the connection; read first */
    LOOP_DEADLINE = 1u << 3, /* the deadline passed */
    LOOP_STOP = 1u << 4,     /* the process shuts down: finish soon */
    LOOP_WAKE = 1u << 5,     /* first bit free for owners */
};

enum loop_next {
    LOOP_PARK,   /* wait again as *park says */
    LOOP_AGAIN,  /* run again at once: gives other ready descriptors a chance first */
    LOOP_DETACH, /* stays owned by somebody else, who calls loop_park or loop_close later, from any
                    thread */
    LOOP_CLOSE,  /* the slot is freed and the descriptor closed; `run` has released the owner before
                    it returns this */
};

struct loop_park {
    unsigned interest;   /* LOOP_IN, LOOP_OUT; 0: only wake-ups and the deadline */
    uint32_t deadline_s; /* seconds from now, at most one second late; 0: none */
};

/* thread: 0 to n-1, for per-thread resources. While it runs, nobody else runs this owner. */
typedef enum loop_next loop_run(void *owner, unsigned events, unsigned thread,
                                struct loop_park *park);

/* max: how many descriptors at most. */
int loop_new(const struct env *env, unsigned threads, uint32_t max, struct loop **out,
             struct err *err) WARN_UNUSED;
void loop_free(struct loop *loop);

/* Starts the threads. Threads block all signals. */
int loop_start(struct loop *loop, struct err *err) WARN_UNUSED;
unsigned loop_threads(const struct loop *loop);

/* A number that grows, unique in this loop. Starts from the wall clock in milliseconds, so that a
 * restarted process does not repeat the numbers of the one before. Any thread. */
uint64_t loop_unique(struct loop *loop);

/* Registers fd, which becomes the loop's (closed on LOOP_CLOSE). It may run before this returns,
 * unless park is NULL: then it begins detached, and the caller calls loop_park when it has noted
 * the id. Returns the id, never 0; 0 when there are too many descriptors: then fd is still the
 * caller's. */
uint64_t loop_add(struct loop *loop, int fd, loop_run *run, void *owner,
                  const struct loop_park *park);

/* Makes the owner run soon with these events added; harmless when the id is gone. Any thread. The
 * highest bit is the loop's own. */
void loop_wake(struct loop *loop, uint64_t id, unsigned events);
/* Every registered owner gets the events; LOOP_STOP also those that are added later. */
void loop_wake_all(struct loop *loop, unsigned events);

/* For detached ones. */
void loop_park(struct loop *loop, uint64_t id, const struct loop_park *park);
void loop_close(struct loop *loop, uint64_t id);

/* How many descriptors are registered; waits until no more than `left` are, or the time is over:
 * true when it is so. */
uint32_t loop_count(struct loop *loop);
bool loop_drain(struct loop *loop, uint32_t left, unsigned timeout_ms);

/* Stops and joins the threads; owners that are still registered stay as they are. */
void loop_stop(struct loop *loop);
