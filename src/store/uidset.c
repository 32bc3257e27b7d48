#include "store/uidset.h"

static int no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "out of memory");
}

int uidset_from_pairs(const uint32_t *pairs, size_t n, struct ranges *out, struct err *err)
{
    struct ranges r = RANGES_EMPTY;

    if (n % 2 != 0)
        return err_set(err, ERR_INVALID, "a set of UIDs is not made of pairs");
    for (size_t i = 0; i < n; i += 2) {
        if (pairs[i] == 0 || pairs[i] > pairs[i + 1]) {
            ranges_done(&r);
            return err_set(err, ERR_INVALID, "a set of UIDs has a bad pair");
        }
        if (!ranges_add(&r, pairs[i], pairs[i + 1])) {
            ranges_done(&r);
            return no_memory(err);
        }
    }
    *out = r;
    return 0;
}

int uidset_to_pairs(struct arena *a, const struct ranges *r, uint32_t **out, size_t *n_out,
                    struct err *err)
{
    uint32_t *pairs = ARENA_ARRAY(a, r->n * 2, uint32_t);

    if (!pairs)
        return no_memory(err);
    for (size_t i = 0; i < r->n; i++) {
        pairs[2 * i] = r->v[i].first;
        pairs[2 * i + 1] = r->v[i].last;
    }
    *out = pairs;
    *n_out = r->n * 2;
    return 0;
}

static void put_le32(uint8_t *p, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

int uidset_to_blob(struct arena *a, const struct ranges *r, struct slice *out, struct err *err)
{
    uint8_t *p = ARENA_ARRAY(a, r->n * 8, uint8_t);

    if (!p)
        return no_memory(err);
    for (size_t i = 0; i < r->n; i++) {
        put_le32(p + 8 * i, r->v[i].first);
        put_le32(p + 8 * i + 4, r->v[i].last);
    }
    *out = slice_of(p, r->n * 8);
    return 0;
}

int uidset_blob_to_pairs(struct arena *a, struct slice blob, uint32_t **out, size_t *n_out,
                         struct err *err)
{
    size_t n = blob.n / 4;
    uint32_t *pairs = ARENA_ARRAY(a, n, uint32_t);

    if (blob.n % 8 != 0)
        return err_set(err, ERR_DAMAGED, "the change log cannot be read");
    if (!pairs)
        return no_memory(err);
    for (size_t i = 0; i < n; i++) {
        for (unsigned k = 0; k < 4; k++)
            pairs[i] |= (uint32_t)blob.p[4 * i + k] << 8 * k;
    }
    *out = pairs;
    *n_out = n;
    return 0;
}
