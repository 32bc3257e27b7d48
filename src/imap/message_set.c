#include "imap/message_set.h"

#include "imap/commands.h"

bool imap_message_set(struct imap_cmd *cmd, const struct imap_set *set, struct ranges *out)
{
    const struct imap_view *view = &cmd->s->view;
    enum imap_resolved resolved = IMAP_RESOLVED;

    if (set->saved)
        resolved = ranges_copy(out, &cmd->s->saved) ? IMAP_RESOLVED : IMAP_RESOLVED_NOMEM;
    else if (cmd->entry->flags & IMAP_UID)
        resolved = imap_view_uids(view, set, out) ? IMAP_RESOLVED : IMAP_RESOLVED_NOMEM;
    else
        resolved = imap_view_seqs(view, set, /* lenient= */ false, out);
    if (resolved == IMAP_RESOLVED)
        return true;
    ranges_done(out);
    if (resolved == IMAP_RESOLVED_NOMEM)
        imap_reply(cmd, IMAP_NO, "out of memory");
    else
        imap_reply(cmd, IMAP_BAD, "no message has that number");
    return false;
}
