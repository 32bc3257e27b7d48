/* Sets of UIDs in their three forms: pairs in a request or response, ranges in memory, and the blob
 * of the change log (pairs of little-endian 32-bit numbers). */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/ranges.h"
#include "base/slice.h"

/* fails: ERR_INVALID (not pairs, first > last, 0), ERR_NOMEM. `out` is released by the caller. */
int uidset_from_pairs(const uint32_t *pairs, size_t n, struct ranges *out,
                      struct err *err) WARN_UNUSED;
/* Lives in `a`; *n_out counts numbers, two per range. fails: ERR_NOMEM. */
int uidset_to_pairs(struct arena *a, const struct ranges *r, uint32_t **out, size_t *n_out,
                    struct err *err) WARN_UNUSED;
/* fails: ERR_NOMEM. */
int uidset_to_blob(struct arena *a, const struct ranges *r, struct slice *out,
                   struct err *err) WARN_UNUSED;
/* fails: ERR_DAMAGED, ERR_NOMEM. */
int uidset_blob_to_pairs(struct arena *a, struct slice blob, uint32_t **out, size_t *n_out,
                         struct err *err) WARN_UNUSED;
