/* Channels on the event loop: requests of edges and of the command line come in here, events go
 * out.
 *
 *   serve_new(store, loop, &env, &serve, err);
 *   serve_add_channels(serve, STORE_MX, group, fds, n, err);     from role_run's handler
 *   loop_start(loop, err); … serve_stop(serve); loop_drain; loop_stop; serve_free; store_close
 */
#pragma once

#include "runtime/loop.h"
#include "store/store.h"

struct serve;

/* The loop's threads are the store's: store_config.threads is at least loop_threads. */
int serve_new(struct store *store, struct loop *loop, const struct env *env, struct serve **out,
              struct err *err) WARN_UNUSED;
/* After the loop was stopped. Accepts NULL. */
void serve_free(struct serve *s);

/* All descriptors become the loop's, or are closed. For edges (mx, access, web) the last one of a
 * group is its event channel; pass them in one call. fails: ERR_LIMIT, ERR_NOMEM, ERR_EXISTS. */
int serve_add_channels(struct serve *s, enum store_role role, uint32_t group, const int *fds,
                       size_t n, struct err *err) WARN_UNUSED;

/* Requests that were received are answered, then the channels close. */
void serve_stop(struct serve *s);
