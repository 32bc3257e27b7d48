/* Patterns of LIST and LSUB (RFC 9051 6.3.9). */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/slice.h"

/* Reference and pattern as one; the first level is "Inbox" when it is that in any case. An empty
 * slice with p == NULL matches nothing (a leading "/"). Lives in `a`. */
struct slice imap_pattern_join(struct arena *a, struct slice reference, struct slice pattern);

/* "%" does not cross "/", "*" does. Linear but for backing up. */
bool imap_pattern_match(struct slice pattern, struct slice name);
