/* A role process and its supervisor. The supervisor starts the executable with a control channel as
 * descriptor 3; the first record holds its settings and descriptors, later ones orders. See
 * proto/control.proto.
 *
 *   main: role_begin → build everything → sandbox_enter → role_ready → loop_start → role_run →
 * drain → exit. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "base/err.h"
#include "control.pb-c.h"

struct role;
struct metrics_view;

/* Reads the first record from descriptor 3; sets up log and clock. When there is no such descriptor
 * it prints how these programs are started (by `godwit serve`) and exits with 2. `name`: "mx". */
int role_begin(const char *name, struct role **out, struct err *err) WARN_UNUSED;

const struct env *role_env(const struct role *r);
/* The numbers of all processes: of none, where the supervisor gave no view. Lives as long as the
 * role. */
const struct metrics_view *role_metrics_view(const struct role *r);
const Gw__RoleConfig *role_config(const struct role *r); /* lives as long as the role */
/* Descriptors that came with the configuration, in its order: listening sockets, then those of the
 * certificates; taken: the caller's. */
int role_take_fd(struct role *r, size_t index);

/* Tells the supervisor that the role serves. */
void role_ready(struct role *r);

/* Asks the supervisor for new channels to the store, or to the keys process. Any thread. */
void role_want_channels(struct role *r, bool keys);

struct role_handler {
    void *owner;
    /* New channels: an edge gets its side of the store's, the store gets an edge's. The descriptors
     * are the handler's. */
    void (*channels)(void *owner, const Gw__Channels *what, const int *fds, size_t n);
    /* The keys process alone: a key, whose descriptor stays the caller's; and to forget some. */
    void (*key)(void *owner, const Gw__Key *what, int fd);
    void (*forget_keys)(void *owner, const Gw__ForgetKeys *what);
    /* The process has been replaced: accept nothing new. May be NULL: then it stops instead. */
    void (*drain)(void *owner);
    /* Asked every second after `drain`: whether nothing is open any more. */
    bool (*drained)(void *owner);
};
/* Carries out orders until the supervisor says stop or goes away, or all is drained. Log levels are
 * handled inside. */
void role_run(struct role *r, const struct role_handler *handler);
/* After role_run: how long the process may still take to finish. */
uint32_t role_stop_timeout_ms(const struct role *r);
void role_free(struct role *r);
