/* The IMAP server: RFC 3501 and RFC 9051 with the extensions named in src/imap/capability.c.
 *
 *   struct listener_config l = {.protocol = &imap_protocol, .service = &edge_listener, …};
 *
 * `service` is a struct edge_listener whose service is EDGE_IMAP or EDGE_IMAPS. */
#pragma once

#include "net/conn.h"

extern const struct protocol imap_protocol;
