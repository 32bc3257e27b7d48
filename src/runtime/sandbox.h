/* The door that every role shuts before it reads the first foreign byte: no_new_privs, resource
 * limits, Landlock, seccomp. All profiles are in src/runtime/sandbox_profiles.c, one table.
 *
 * Call it from the first thread, before others are started, after everything is open that needs
 * opening. The soft limit of open files is raised to the hard one. What the kernel lacks is logged
 * as a warning, once, with its name. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "base/err.h"

enum sandbox_role {
    SANDBOX_EDGE, /* access, web: sockets that exist, the store's channels; opens no file, starts no
                     program */
    SANDBOX_RESOLVING_EDGE, /* mx: the same, and asks name servers: makes UDP and TCP sockets. Where
                               UDP goes the kernel cannot say; TCP connects to the ports below */
    SANDBOX_KEYS,           /* keys: the channels that it is given, and nothing else */
    SANDBOX_STORE,          /* the data directory only; no internet socket */
};

struct sandbox_config {
    enum sandbox_role role;
    const char *directory;     /* STORE: the only directory that can be opened */
    const uint16_t *tcp_ports; /* RESOLVING_EDGE: where it may connect to (from Linux 6.7 on) */
    size_t tcp_ports_n;
    bool log_only; /* sanitizer and valgrind builds: forbidden calls are logged by the kernel, not
                      fatal; Landlock stays out of it */
};

int sandbox_enter(const struct sandbox_config *config, const struct env *env,
                  struct err *err) WARN_UNUSED;
