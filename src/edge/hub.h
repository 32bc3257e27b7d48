/* From the store's events to connections: who waits for news of which account. Thread-safe. */
#pragma once

#include "base/env.h"
#include "base/err.h"
#include "net/conn.h"

struct hub;

struct hub *hub_new(struct loop *loop, const struct env *env);
void hub_free(struct hub *h);

/* The event channel, now or after a restart of the store; becomes the hub's. When one closes,
 * everybody who waits is woken with EDGE_WAKE_LOST. */
int hub_set_channel(struct hub *h, int fd, struct err *err) WARN_UNUSED;

/* false when out of memory. */
bool hub_add(struct hub *h, uint64_t account, struct conn_ref ref);
/* false when it was not there. */
bool hub_remove(struct hub *h, uint64_t account, struct conn_ref ref);
