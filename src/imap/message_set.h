/* The messages that a command names. */
#pragma once

#include "base/ranges.h"
#include "imap/parse.h"
#include "imap/session.h"

/* UIDs of the view that `set` means, by the command's form: UIDs, or sequence numbers. false: the
 * reply was set (BAD for a number that is not in the mailbox); *out is then empty. */
bool imap_message_set(struct imap_cmd *cmd, const struct imap_set *set, struct ranges *out);
