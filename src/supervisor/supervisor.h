/* The supervisor: opens the ports, starts, restarts and replaces the processes that do the work. It
 * reads no octet from the network; what it reads comes from its configuration, its children (one
 * record each: "ready") and the control socket of the administrator.
 *
 *   struct supervisor_options options = {.config_path = path, .program_directory = dir};
 *   return supervisor_run(&options, &err) < 0 ? 1 : 0;
 */
#pragma once

#include "base/env.h"
#include "base/err.h"
#include "supervisor/config.h"

struct supervisor;

struct supervisor_options {
    const char *config_path;
    const char *program_directory; /* where godwit-store, godwit-mx, godwit-access are */
    bool keep_user;                /* the processes run as whoever started it, root included */
    /* Called once, when every process serves for the first time. A failure stops the server. */
    int (*ready)(void *owner, struct supervisor *s, struct err *err);
    void *owner;
    /* NULL, or where errors of the configuration are printed instead of the log's. */
    struct config_errors *config_errors;
};

/* Serves until SIGTERM, SIGINT or `godwit stop`. 0 after an orderly stop. fails: when it could not
 * start; the text says what to do. */
int supervisor_run(const struct supervisor_options *options, struct err *err) WARN_UNUSED;

/* A new channel to the store, of the administrator's role; the caller's. */
int supervisor_admin_channel(struct supervisor *s, int *fd_out, struct err *err) WARN_UNUSED;
const struct config *supervisor_config(const struct supervisor *s);
