/* Names of mailboxes: UTF-8, "/" between levels. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

#define MAILBOX_NAME_MAX 1000
#define MAILBOX_LEVELS_MAX 32

/* Checks a name and writes its first level as "Inbox" when it is that in any case. The result lives
 * in `a`. fails: ERR_INVALID, ERR_LIMIT, ERR_NOMEM. */
int mailbox_name_check(struct arena *a, struct slice in, struct slice *out,
                       struct err *err) WARN_UNUSED;
bool mailbox_name_is_inbox(struct slice name);
/* The name of the parent; empty at the top. */
struct slice mailbox_name_parent(struct slice name);
/* Whether `name` is below `above`. */
bool mailbox_name_below(struct slice name, struct slice above);
