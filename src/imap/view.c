#include "imap/view.h"

#include "base/num.h"

void imap_view_done(struct imap_view *v)
{
    ranges_done(&v->uids);
    *v = (struct imap_view){0};
}

uint32_t imap_view_seq(struct imap_view *v, uint32_t uid)
{
    if (v->at >= v->uids.n || v->uids.v[v->at].first > uid)
        v->at = v->before = 0;
    while (v->at < v->uids.n && v->uids.v[v->at].last < uid) {
        v->before += (uint64_t)v->uids.v[v->at].last - v->uids.v[v->at].first + 1;
        v->at++;
    }
    if (v->at >= v->uids.n || v->uids.v[v->at].first > uid)
        return 0;
    return (uint32_t)(v->before + (uid - v->uids.v[v->at].first)) + 1;
}

bool imap_view_add(struct imap_view *v, uint32_t first, uint32_t last)
{
    v->at = v->before = 0;
    return ranges_add(&v->uids, first, last);
}

bool imap_view_remove(struct imap_view *v, uint32_t uid)
{
    /* Nothing changes before the range in which the UID is. */
    if (imap_view_seq(v, uid) == 0)
        return true;
    return ranges_remove(&v->uids, uid, uid);
}

/* The UIDs at positions (from 1, all in the mailbox), in one pass over both. */
static bool add_positions(const struct imap_view *v, const struct ranges *positions,
                          struct ranges *out)
{
    uint64_t before = 0;

    for (size_t i = 0, k = 0; i < v->uids.n && k < positions->n;) {
        const struct range *r = &v->uids.v[i], *want = &positions->v[k];
        uint64_t n = (uint64_t)r->last - r->first + 1;
        uint64_t from = want->first > before ? want->first - before : 1;
        uint64_t to = MIN(n, want->last - before);

        if (from <= to &&
            !ranges_add(out, r->first + (uint32_t)(from - 1), r->first + (uint32_t)(to - 1)))
            return false;
        if (want->last > before + n) {
            before += n;
            i++;
        } else {
            k++;
        }
    }
    return true;
}

enum imap_resolved imap_view_seqs(const struct imap_view *v, const struct imap_set *set,
                                  bool lenient, struct ranges *out)
{
    uint32_t count = imap_view_count(v);
    enum imap_resolved resolved = IMAP_RESOLVED;
    struct ranges positions = RANGES_EMPTY;

    for (size_t i = 0; resolved == IMAP_RESOLVED && i < set->n; i++) {
        uint32_t first = set->v[i].first ? set->v[i].first : count;
        uint32_t last = set->v[i].last ? set->v[i].last : count;
        uint32_t low = MIN(first, last), high = MAX(first, last);

        /* RFC 9051 9, seq-number: an error when it is not in the mailbox. */
        if (!lenient && (low == 0 || high > count))
            resolved = IMAP_RESOLVED_NOT;
        high = MIN(high, count);
        low = MAX(low, 1);
        if (low <= high && !ranges_add(&positions, low, high))
            resolved = IMAP_RESOLVED_NOMEM;
    }
    if (resolved == IMAP_RESOLVED && !add_positions(v, &positions, out))
        resolved = IMAP_RESOLVED_NOMEM;
    ranges_done(&positions);
    return resolved;
}

bool imap_view_uids(const struct imap_view *v, const struct imap_set *set, struct ranges *out)
{
    uint32_t max = ranges_max(&v->uids);

    for (size_t i = 0; i < set->n && max > 0; i++) {
        uint32_t first = set->v[i].first ? set->v[i].first : max;
        uint32_t last = set->v[i].last ? set->v[i].last : max;

        if (!ranges_add(out, MIN(first, last), MAX(first, last)))
            return false;
    }
    return ranges_intersect(out, &v->uids);
}

bool imap_view_seq_set(struct imap_view *v, const struct ranges *uids, struct ranges *out)
{
    for (size_t i = 0; i < uids->n; i++) {
        uint32_t first = imap_view_seq(v, uids->v[i].first);

        if (!first || !ranges_add(out, first, first + (uids->v[i].last - uids->v[i].first)))
            return false;
    }
    return true;
}
