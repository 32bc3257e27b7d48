/* How long to wait before a process that ended is started again: not at all the first time, then
 * 100 ms, doubling up to 10 s; from the beginning again after it ran for a minute. */
#pragma once

#include <stdint.h>

struct backoff {
    int64_t delay_ns; /* of the next restart */
};

/* ran_ns: how long the process ran before it ended. */
int64_t backoff_next(struct backoff *b, int64_t ran_ns);
