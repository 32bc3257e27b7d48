/* The opened data directory: the directory database, the shards, and what the store remembers while
 * it runs (sessions, watches, verified passwords).
 *
 *   DIR/directory/        domains, accounts, addresses, credentials
 *   DIR/shard-00/ …       mail; an account stays in the shard that it was created in
 *
 *   store_open → serve_new → serve_add_channels … → serve_stop → store_close
 *
 * Requests come in through store_handle, which may be called from several threads at once, each
 * with its own number. */
#pragma once

#include "base/env.h"
#include "base/err.h"
#include "base/slice.h"

#include <stdint.h>

struct store;

#define STORE_SHARDS_MAX 64

struct store_config {
    const char *directory; /* exists or can be created */
    struct slice hostname; /* postmaster@hostname is ours; may be empty */
    uint32_t shards;       /* at least as many as at the last start; more may be added */
    unsigned threads;      /* that will call store_handle */
    uint32_t commit_wait_us;
};

/* fails: ERR_INVALID (fewer shards than there are), and what the databases say. */
int store_open(const struct store_config *config, const struct env *env, struct store **out,
               struct err *err) WARN_UNUSED;
/* Waits for writes that were accepted. Nobody may be in store_handle. Accepts NULL. */
void store_close(struct store *s);

/* Who asks. One bit each, see rights.h. */
enum store_role {
    STORE_MX = 1u << 0,
    STORE_ACCESS = 1u << 1,
    STORE_ADMIN = 1u << 2,
    STORE_WEB = 1u << 3,
};

struct store_request {
    enum store_role role;
    uint32_t group;  /* of the process that asks */
    unsigned thread; /* 0 to threads-1; nobody else uses this number meanwhile */
    struct slice record;
    const int *fds; /* become the store's, whatever happens */
    size_t fds_n;
    /* The answer, once: from within store_handle, or later from another thread. The record is
     * borrowed until it returns; fd is -1 or a descriptor to send along, which stays the store's.
     */
    void (*reply)(void *owner, struct slice record, int fd);
    void *owner;
};

/* 0: reply was called or will be. An error: the peer broke the protocol, reply is not called, the
 * channel is to be closed (ERR_SYNTAX, ERR_LIMIT, ERR_INVALID, ERR_DENIED: the role may not make
 * this call; ERR_NOMEM). */
int store_handle(struct store *s, const struct store_request *r, struct err *err) WARN_UNUSED;

/* The last channel of a process is gone: its sessions and watches end. */
void store_group_end(struct store *s, uint32_t group);
