#include "base/slice.h"

#include "base/ascii.h"

bool slice_eq_nocase(struct slice a, struct slice b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
            return false;
    return true;
}

bool slice_starts(struct slice s, struct slice prefix)
{
    return slice_eq(slice_sub(s, 0, prefix.n), prefix);
}

bool slice_starts_nocase(struct slice s, struct slice prefix)
{
    return slice_eq_nocase(slice_sub(s, 0, prefix.n), prefix);
}

bool slice_ends(struct slice s, struct slice suffix)
{
    return s.n >= suffix.n && slice_eq(slice_from(s, s.n - suffix.n), suffix);
}

int slice_cmp(struct slice a, struct slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;

    if (order != 0)
        return order;
    return a.n < b.n ? -1 : a.n > b.n;
}

size_t slice_rfind_byte(struct slice s, uint8_t byte)
{
    const uint8_t *hit = s.n ? memrchr(s.p, byte, s.n) : NULL;

    return hit ? (size_t)(hit - s.p) : SIZE_MAX;
}

size_t slice_find(struct slice s, struct slice needle)
{
    if (needle.n == 0)
        return 0;
    if (s.n < needle.n)
        return SIZE_MAX;
    const uint8_t *hit = memmem(s.p, s.n, needle.p, needle.n);

    return hit ? (size_t)(hit - s.p) : SIZE_MAX;
}

size_t slice_find_nocase(struct slice s, struct slice needle)
{
    if (needle.n == 0)
        return 0;
    for (size_t i = 0; i + needle.n <= s.n; i++)
        if (slice_starts_nocase(slice_from(s, i), needle))
            return i;
    return SIZE_MAX;
}

struct slice slice_trim(struct slice s)
{
    while (s.n > 0 && ascii_is_space(s.p[0]))
        s = slice_from(s, 1);
    while (s.n > 0 && ascii_is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}
