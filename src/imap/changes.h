/* What others did, told at the moments that RFC 9051 7 and 5.2 allow.
 *
 * The store's change log is read after the last modseq that the session has seen. What is read
 * becomes work: messages to be removed, added, told. The work is done in steps that stop at the
 * output's high-water mark, so that a flood of changes costs no memory. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/ranges.h"

struct imap_session;

struct imap_changes {
    uint64_t modseq;   /* of the account; everything up to it is known to the session or is below */
    struct ranges own; /* mod-sequences minus `modseq` of changes that this session made and told */
    struct ranges gone, added, tell; /* UIDs: to be removed, announced, shown with flags */
    bool keywords;                   /* the selected mailbox has new ones */
    bool complete;                   /* nothing more to read in this round */
};

enum imap_step {
    IMAP_STEP_DONE,
    IMAP_STEP_MORE, /* the output is full: call again when it is empty */
};

void imap_changes_done(struct imap_changes *ch);
/* A new round begins with the next step. */
void imap_changes_restart(struct imap_session *s);
/* One step. quiet_lists: says nothing about the list of mailboxes. A store that fails ends the
 * round; the changes come in the next. */
enum imap_step imap_changes_step(struct imap_session *s, bool quiet_lists);
/* This session caused the change with that modseq and has told its effects itself. */
void imap_changes_own(struct imap_session *s, uint64_t modseq);
