/* What the edge processes (mx, access, web) share: channels to the store, one per thread; the hub
 * that turns the store's events into wake-ups of connections; spools for messages. */
#pragma once

#include "base/arena.h"
#include "base/builder.h"
#include "base/env.h"
#include "base/err.h"
#include "edge/settings.h"
#include "net/conn.h"
#include "rpc/call.h"

struct edge;

int edge_new(const struct env *env, const struct edge_settings *settings, struct loop *loop,
             struct edge **out, struct err *err) WARN_UNUSED;
void edge_free(struct edge *e);

const struct edge_settings *edge_settings(const struct edge *e);
const struct env *edge_env(const struct edge *e);

/* Hands over channels to the store: one per loop thread, then the event channel. Called at start,
 * and again after the store was restarted; then every watcher is told (EDGE_WAKE_LOST). All
 * descriptors become the edge's. */
int edge_set_channels(struct edge *e, const int *fds, size_t n, struct err *err) WARN_UNUSED;

/* `lost` is called from any thread, at most once a second, when a thread has had no channel for a
 * second: it is to bring about edge_set_channels. Set before the threads start. */
void edge_on_loss(struct edge *e, void (*lost)(void *owner), void *owner);

/* A blocking call on the channel of the connection's thread. request->session and cid are the
 * caller's to set. See rpc_call. Waits up to a second for a store that is being restarted before it
 * gives ERR_UNAVAILABLE. */
int edge_call(struct edge *e, struct conn *c, Gw__Request *request, const int *fds, size_t fds_n,
              const Gw__Response **out, struct channel_record *fds_out,
              struct err *err) WARN_UNUSED;

/* ---- watching an account: the connection is woken (protocol.wake) with these ---- */
enum {
    EDGE_WAKE_CHANGES = 1u << 0, /* the account has changes: ask ChangesRead */
    EDGE_WAKE_ENDED = 1u << 1,   /* the credentials were withdrawn: say so and close */
    EDGE_WAKE_LOST =
        1u << 2, /* the store was restarted: the session handle is void: say so and close */
};
/* `session` is the store's handle of an account. One watch per connection; fails: ERR_NOMEM,
 * ERR_UNAVAILABLE. */
int edge_watch(struct edge *e, struct conn *c, uint64_t session, uint64_t account,
               struct err *err) WARN_UNUSED;
void edge_unwatch(struct edge *e, struct conn *c, uint64_t session, uint64_t account);

/* ---- a spool: the octets of one message on their way to the store ---- */

/* Memory up to EDGE_SPOOL_INLINE octets, then an unnamed file that the store opened. */
#define EDGE_SPOOL_INLINE (40u * 1024)

struct spool {
    struct builder memory;
    int fd;        /* -1 while all is in memory */
    uint64_t size; /* octets written */
    uint64_t size_max;
    uint64_t file_size; /* of them in the file */
};

void spool_init(struct spool *s, uint64_t size_max);
void spool_done(struct spool *s);
/* Before the first octet: when so many will not fit in memory, opens the file now, so that what
 * stands in the way is known before the octets come. fails: ERR_FULL, ERR_IO, ERR_UNAVAILABLE. */
int spool_expect(struct spool *s, struct edge *e, struct conn *c, uint64_t size,
                 struct err *err) WARN_UNUSED;
/* fails: ERR_LIMIT past size_max; ERR_FULL, ERR_IO, ERR_UNAVAILABLE from the disk or the store. */
int spool_write(struct spool *s, struct edge *e, struct conn *c, struct slice octets,
                struct err *err) WARN_UNUSED;
/* Writes out what is still in memory when there is a file, and fills the fields inline or
 * from_spool of `content`. *fd_out is the descriptor to send along, or -1; it stays the spool's. */
int spool_finish(struct spool *s, Gw__Content *content, int *fd_out, struct err *err) WARN_UNUSED;
