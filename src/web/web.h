/* HTTP for browsers and programs: the account page and its API (docs/account-api.md).
 *
 * One protocol for the services http and https; a `const struct edge_listener *` is the service.
 * What a process with this protocol reads: everything a peer sends. What it may call: the store's
 * calls of role web. What it holds: one request at a time per connection, and the tokens in it. */
#pragma once

#include "net/conn.h"

extern const struct protocol web_protocol;
