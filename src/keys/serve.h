/* Serves channels of edges: one SignRequest, one SignResponse. A peer that sends anything else
 * loses its channel. */
#pragma once

#include "base/arena.h"
#include "base/env.h"
#include "base/err.h"
#include "keys/keyring.h"
#include "runtime/loop.h"

struct keys_serve;

int keys_serve_new(struct keyring *ring, struct loop *loop, const struct env *env,
                   struct keys_serve **out, struct err *err) WARN_UNUSED;
/* After the loop has stopped. */
void keys_serve_free(struct keys_serve *s);

/* fd becomes ours, also on failure. */
int keys_serve_add(struct keys_serve *s, int fd, struct err *err) WARN_UNUSED;

/* The answer to a record, in buf (CHANNEL_RECORD_MAX octets); `a` is for decoding alone.
 * fails: ERR_SYNTAX, ERR_LIMIT: it was no request. */
int keys_answer(struct keyring *ring, struct slice record, struct arena *a, uint8_t *buf,
                size_t *n_out, struct err *err) WARN_UNUSED;
