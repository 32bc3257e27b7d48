/* The items of STATUS, for the command and for LIST … RETURN (STATUS …) (RFC 5819). */
#pragma once

#include "imap/store_call.h"

/* "(MESSAGES UNSEEN)": bits for imap_tell_status; at least one. */
unsigned imap_parse_status_items(struct cursor *c);
/* Enables what asking for the items enables. */
void imap_status_asked(struct imap_session *s, unsigned items);
/* "* STATUS name (…)". */
void imap_tell_status(struct imap_session *s, const Gw__Mailbox *mailbox, unsigned items);
