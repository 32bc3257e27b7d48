#include "imap/view.h"

#include "base/num.h"

void imap_view_done(struct imap_view *v)
{
    ranges_done(&v->uids);
    *v = (struct imap_view){0};
}

uint32_t imap_view_seq(const struct imap_view *v, uint32_t uid)
{
    return ranges_contains(&v->uids, uid) ? (uint32_t)ranges_rank(&v->uids, uid) + 1 : 0;
}

/* Adds the UIDs at the positions first … last (from 1, both in the mailbox). */
static bool add_positions(const struct imap_view *v, uint32_t first, uint32_t last,
                          struct ranges *out)
{
    uint64_t before = 0;

    for (size_t i = 0; i < v->uids.n && before < last; i++) {
        const struct range *r = &v->uids.v[i];
        uint64_t n = (uint64_t)r->last - r->first + 1;
        uint64_t from = first > before ? first - before : 1;
        uint64_t to = MIN(n, last - before);

        if (from <= to &&
            !ranges_add(out, r->first + (uint32_t)(from - 1), r->first + (uint32_t)(to - 1)))
            return false;
        before += n;
    }
    return true;
}

enum imap_resolved imap_view_seqs(const struct imap_view *v, const struct imap_set *set,
                                  bool lenient, struct ranges *out)
{
    uint32_t count = imap_view_count(v);

    for (size_t i = 0; i < set->n; i++) {
        uint32_t first = set->v[i].first ? set->v[i].first : count;
        uint32_t last = set->v[i].last ? set->v[i].last : count;
        uint32_t low = MIN(first, last), high = MAX(first, last);

        /* RFC 9051 9, seq-number: an error when it is not in the mailbox. */
        if (!lenient && (low == 0 || high > count))
            return IMAP_RESOLVED_NOT;
        high = MIN(high, count);
        low = MAX(low, 1);
        if (low <= high && !add_positions(v, low, high, out))
            return IMAP_RESOLVED_NOMEM;
    }
    return IMAP_RESOLVED;
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

bool imap_view_seq_set(const struct imap_view *v, const struct ranges *uids, struct ranges *out)
{
    for (size_t i = 0; i < uids->n; i++) {
        uint32_t first = (uint32_t)ranges_rank(&v->uids, uids->v[i].first) + 1;
        uint32_t last = first + (uids->v[i].last - uids->v[i].first);

        if (!ranges_add(out, first, last))
            return false;
    }
    return true;
}
