/* Messages to the service manager, as sd_notify(3) describes them: datagrams to NOTIFY_SOCKET. */
#pragma once

#include "base/clock.h"

/* "READY=1" and the like. Does nothing without a service manager; failures do not matter. */
void notify_service_manager(const char *state);
/* RELOADING=1 with the time that the service manager wants to see. */
void notify_reloading(void);

/* Listening sockets from the service manager (sd_listen_fds(3)): how many, from descriptor 3 on;
 * made close-on-exec. 0 when they are not for this process. */
int notify_listen_fds(void);
/* The name of the i-th, into buf; empty when it has none. */
void notify_listen_name(int i, char *buf, size_t size);
