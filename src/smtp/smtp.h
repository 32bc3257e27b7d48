/* The SMTP server: port 25, submission, submissions (RFC 5321, RFC 6409, RFC 8314).
 *
 * One protocol for the three services; the listener says which (a `const struct edge_listener *` as
 * service). See session.c for how a session runs.
 *
 * What an edge process with this protocol reads: everything a peer sends. What it may call:
 * Resolve, SpoolOpen, Deliver, and on submission Authenticate, Watch and SessionEnd. What it holds:
 * the messages under way, and the store's handle of accounts that logged in here. */
#pragma once

#include "net/conn.h"

extern const struct protocol smtp_protocol;

/* For listener_config.refusal: said to a peer that is over a connection limit. */
#define SMTP_REFUSAL_TOO_MANY "421 4.7.0 too many connections, try again later\r\n"
