/* Shared by the sources of the supervisor, and by nothing else.
 *
 * Life of a child (function of each transition):
 *
 *   waiting ──child_start──► starting ──on_report──► ready ──child_drain──► draining
 *      ▲                        │                      │                       │
 *      └──────── on_exit ───────┴──────────────────────┘        on_exit: forgotten
 *
 * Invariants:
 * 1. pid > 0 exactly while a process exists that has not been waited for.
 * 2. An edge has channels to the store, and to the keys process, whenever both exist: made by
 *    whichever starts later. The keys process gets its keys before its channels.
 * 3. A place (role, index) has one child that is not draining, or several during a reload; the
 *    youngest that is ready drains the others.
 * 4. Nothing here waits for a child: sends do not block, and a child that does not read is killed.
 */
#pragma once

#include <sys/types.h>

#include "base/clock.h"
#include "base/log.h"
#include "control.pb-c.h"
#include "runtime/channel.h"
#include "runtime/metrics.h"
#include "supervisor/backoff.h"
#include "supervisor/files.h"
#include "supervisor/listen.h"
#include "supervisor/supervisor.h"
#include "supervisor/tls_files.h"

#define SUPERVISOR_CHILDREN_MAX 96
#define SUPERVISOR_KEYS_MAX 128
#define SUPERVISOR_CLIENTS_MAX 16
#define SUPERVISOR_LEVELS_MAX 512
#define SUPERVISOR_PLACES_MAX 16 /* processes of one role */

struct child {
    enum config_role role;
    unsigned index;      /* of its role, from 0 */
    uint32_t generation; /* of the configuration it was started with */
    pid_t pid;           /* 0: none */
    int control;         /* -1: none */
    bool ready;
    bool draining;
    uint32_t threads;   /* as it was told; a reload may change it for later ones */
    bool stopping;      /* has been told to stop */
    int64_t started_ns; /* monotonic, as all times here */
    int64_t due_ns;     /* when to start it; 0: not waiting */
    int64_t end_ns;     /* draining: told to stop then; stopping: killed then; 0: none */
    uint32_t restarts;
    struct backoff backoff;
};

/* A private key that the keys process is to have. */
struct held_key {
    uint8_t id[PRIVATE_KEY_ID_OCTETS];
    int fd;              /* memory with PEM text */
    uint32_t generation; /* the last configuration that names it */
};

/* What the processes of a place count in; lives as long as the supervisor. */
struct place_metrics {
    int fd;      /* -1: there is no such place */
    int view_fd; /* the same, read-only */
    struct metrics *mapped;
};

struct supervisor {
    const struct supervisor_options *options;
    struct env env;
    struct clock clock;
    struct log *log;
    struct config *config;
    struct tls_files tls;
    struct held_key held[SUPERVISOR_KEYS_MAX]; /* see tls_keys.c */
    size_t held_n;
    struct builder anchors; /* of DNS; see files_anchors_read */
    struct files_user user;
    uint8_t id_key[FILES_ID_KEY_BYTES];
    char levels[SUPERVISOR_LEVELS_MAX];
    struct listen_set listeners;
    int lock_fd, ctl_fd, signal_fd;
    int client[SUPERVISOR_CLIENTS_MAX]; /* of the control socket; -1: free */
    struct child children[SUPERVISOR_CHILDREN_MAX];
    size_t children_n;
    struct place_metrics metrics[CONFIG_ROLE_COUNT][SUPERVISOR_PLACES_MAX];
    uint32_t generation;
    uint32_t group; /* the last number used */
    bool announced; /* all have been ready once */
    bool stopping;
    int64_t stop_ns;    /* since when */
    struct err failure; /* why it stops, when that is a failure */
    uint8_t buf[CHANNEL_RECORD_MAX];
};

/* ---- child.c: one process ---- */

/* Starts the process and tells it its configuration; makes the channels between it and its
 * counterparts. On failure the child waits for its next turn. */
void child_start(struct supervisor *s, struct child *c);
/* Does not wait; a child that does not take the order is killed. */
void child_order(struct supervisor *s, struct child *c, const Gw__ControlOrder *order,
                 const int *fds, size_t fds_n);
void child_stop(struct supervisor *s, struct child *c, uint32_t timeout_ms);
void child_drain(struct supervisor *s, struct child *c);
void child_log(const struct supervisor *s, const struct child *c, enum log_level level,
               const char *message);
struct child *child_of(struct supervisor *s, enum config_role role); /* running, or NULL */

/* ---- places.c: the metrics of each place ---- */
void places_init(struct supervisor *s);
int places_open(struct supervisor *s, struct err *err) WARN_UNUSED;
void places_close(struct supervisor *s);
/* A process has ended: what was open in it is not any more. */
void places_ended(struct supervisor *s, const struct child *c);

/* ---- start_order.c: the configuration as a child gets it ---- */
int start_order_send(struct supervisor *s, struct child *c, struct err *err) WARN_UNUSED;

/* ---- channels.c: between an edge and the store, or the keys process ---- */
void channels_make(struct supervisor *s, struct child *edge, struct child *to);

/* ---- tls_keys.c: what the keys process holds ---- */
/* The keys of the configuration that is valid now are wanted from now on. */
void tls_keys_hold(struct supervisor *s);
void tls_keys_send(struct supervisor *s, struct child *keys);
/* Drops what no process uses any more. */
void tls_keys_forget(struct supervisor *s);
void tls_keys_close(struct supervisor *s);

/* ---- reload.c ---- */
int reload_run(struct supervisor *s, struct err *err) WARN_UNUSED;

/* ---- clients.c: the control socket ---- */
void clients_accept(struct supervisor *s);
void clients_serve(struct supervisor *s, size_t i);

/* ---- supervisor.c ---- */
void supervisor_stop(struct supervisor *s);
struct child *supervisor_add_child(struct supervisor *s, enum config_role role, unsigned index);
int supervisor_set_levels(struct supervisor *s, struct slice spec, struct err *err) WARN_UNUSED;
