/* A few threads for what takes long: deriving passwords. Their number is the bound on how many run
 * at once; the serving threads never wait for them. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct workers;

struct work {
    struct work *next; /* the queue's */
    void (*run)(struct work *w);
};

int workers_new(unsigned threads, struct workers **out, struct err *err) WARN_UNUSED;
/* Finishes what waits. Accepts NULL. */
void workers_free(struct workers *w);
/* False when too much waits already: then the work is still the caller's. */
bool workers_submit(struct workers *w, struct work *work);
