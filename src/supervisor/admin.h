/* The control socket's two ends: where it is, and how records look. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "control.pb-c.h"
#include "runtime/channel.h"

#define ADMIN_VERSION 1

/* The server's end: a listening socket DIRECTORY/ctl, mode 0600. What is in its place is removed:
 * call it only with the lock of the directory. */
int admin_listen(const char *directory, int *fd_out, struct err *err) WARN_UNUSED;
void admin_unlink(const char *directory);

/* The client's end. fails: ERR_UNAVAILABLE the server is not running; ERR_DENIED. */
int admin_connect(const char *directory, int *fd_out, struct err *err) WARN_UNUSED;

/* One request and its answer, which lives in `a`. An answer with a kind is given as that error.
 * fd_out, when not NULL, receives the descriptor that came along, or -1. */
int admin_call(int fd, Gw__AdminRequest *request, struct arena *a, const Gw__AdminResponse **out,
               int *fd_out, struct err *err) WARN_UNUSED;
