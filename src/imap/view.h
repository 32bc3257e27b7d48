/* The selected mailbox as the client knows it: which UIDs exist, and so which sequence number each
 * has. It changes only when the client is told. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/ranges.h"
#include "imap/parse.h"

struct imap_view {
    uint64_t mailbox; /* id; 0: none is selected */
    struct ranges uids;
    uint32_t uidnext; /* messages from here on are not yet announced */
    uint32_t uidvalidity;
    /* Where imap_view_seq found the last number: a range, and how many UIDs stand before it. */
    size_t at;
    uint64_t before;
    bool read_only;
    bool gone; /* the mailbox was deleted */
};

void imap_view_done(struct imap_view *v);

static inline uint32_t imap_view_count(const struct imap_view *v)
{
    return (uint32_t)ranges_count(&v->uids);
}
/* 0 when the UID is not in the view. Asked in ascending order, all UIDs together cost one pass. */
uint32_t imap_view_seq(struct imap_view *v, uint32_t uid);
/* The two ways in which a view changes. false: out of memory. */
bool imap_view_add(struct imap_view *v, uint32_t first, uint32_t last);
bool imap_view_remove(struct imap_view *v, uint32_t uid);

/* The UIDs of a set of sequence numbers. Numbers past the end, and "*" in an empty mailbox: false
 * with lenient false, else they match nothing. */
enum imap_resolved { IMAP_RESOLVED, IMAP_RESOLVED_NOT, IMAP_RESOLVED_NOMEM };
enum imap_resolved imap_view_seqs(const struct imap_view *v, const struct imap_set *set,
                                  bool lenient, struct ranges *out);
/* The UIDs of a set of UIDs, without those that are not in the view. false: out of memory. */
bool imap_view_uids(const struct imap_view *v, const struct imap_set *set, struct ranges *out);
/* The sequence numbers of UIDs of the view. false: out of memory. */
bool imap_view_seq_set(struct imap_view *v, const struct ranges *uids, struct ranges *out);
