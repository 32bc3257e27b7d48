/* Which names a request may be for. */
#pragma once

#include <stdbool.h>

#include "base/slice.h"

/* The name without its port and brackets; empty when it is not well-formed. RFC 9110 4.2.3, 7.2. */
struct slice host_name(struct slice host);
/* The account page is served under the server's own name, "localhost" and literal addresses: a name
 * that somebody else pointed at us (DNS rebinding) gets nothing. */
bool host_is_ours(struct slice name, struct slice hostname);
