/* The two ends of the store protocol: records with bounds, arena decoding, blocking calls.
 *
 * Client (edges, the command line, tests):
 *   Gw__Request req = GW__REQUEST__INIT;
 *   Gw__MailboxOpen open = GW__MAILBOX_OPEN__INIT;
 *   open.name = rpc_bytes(name);
 *   req.call_case = GW__REQUEST__CALL_MAILBOX_OPEN;  req.mailbox_open = &open;
 *   const Gw__Response *resp;
 *   int rc = rpc_call(client, &req, NULL, 0, arena, &resp, NULL, err);
 *
 * The response lives in `arena`. An Error response comes back as its kind with its text. */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/err.h"
#include "runtime/channel.h"
#include "store.pb-c.h"

/* Decoded values need up to this much: honest rows 1.3 times their octets. */
#define RPC_DECODE_MAX (320u * 1024)

static inline ProtobufCBinaryData rpc_bytes(struct slice s)
{
    return (ProtobufCBinaryData){.len = s.n, .data = (uint8_t *)s.p};
}
static inline struct slice rpc_slice(ProtobufCBinaryData b)
{
    return slice_of(b.data, b.len);
}

/* Encodes into buf (CHANNEL_RECORD_MAX octets). fails: ERR_LIMIT. */
int rpc_encode(const ProtobufCMessage *message, uint8_t *buf, size_t *n_out,
               struct err *err) WARN_UNUSED;
/* Decodes into the arena, at most RPC_DECODE_MAX of it; refuses unknown fields at every level.
 * fails: ERR_SYNTAX, ERR_LIMIT. */
int rpc_decode(const ProtobufCMessageDescriptor *type, struct slice record, struct arena *a,
               ProtobufCMessage **out, struct err *err) WARN_UNUSED;

struct rpc_client;

/* How a call travels: over a channel, or within the process (tests, `godwit verify`). */
struct rpc_client *rpc_client_channel(int fd); /* fd becomes the client's */
void rpc_client_free(struct rpc_client *c);
/* Replaces the channel after the store was restarted. Only while no call runs. */
void rpc_client_set_channel(struct rpc_client *c, int fd);
/* False after the store went away. */
bool rpc_client_alive(const struct rpc_client *c);

/* Sends the request (id is filled in) with descriptors, waits for its response. fds_out, when not
 * NULL, receives the descriptors that came with it (the caller's from then on); when NULL they are
 * closed. fails: the store's own errors; ERR_UNAVAILABLE when the store is gone (what was asked may
 * have happened or not). */
int rpc_call(struct rpc_client *c, Gw__Request *request, const int *fds, size_t fds_n,
             struct arena *a, const Gw__Response **out, struct channel_record *fds_out,
             struct err *err) WARN_UNUSED;
