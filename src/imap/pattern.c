#include "imap/pattern.h"

struct slice imap_pattern_join(struct arena *a, struct slice reference, struct slice pattern)
{
    const struct slice nothing = {NULL, 0};
    struct slice joined = pattern;

    if (slice_at(reference, 0) == '/' || slice_at(pattern, 0) == '/')
        return nothing;
    if (reference.n) {
        if (reference.p[reference.n - 1] == '/')
            reference.n--;
        joined = arena_printf(a, "%.*s/%.*s", SLICE_FMT(reference), SLICE_FMT(pattern));
    }
    size_t level = slice_find_byte(joined, '/');

    if (level == SIZE_MAX)
        level = joined.n;
    if (!slice_eq_nocase(slice_sub(joined, 0, level), SLICE("inbox")))
        return joined;
    return arena_printf(a, "Inbox%.*s", SLICE_FMT(slice_from(joined, level)));
}

/* On a mismatch the last "%" takes one octet more, unless that is "/"; else the last "*" does, and
 * every "%" after it starts anew. */
bool imap_pattern_match(struct slice pattern, struct slice name)
{
    size_t p = 0, n = 0;
    size_t star = SIZE_MAX, star_n = 0, percent = SIZE_MAX, percent_n = 0;

    if (!pattern.p)
        return false;
    while (n < name.n || p < pattern.n) {
        int want = slice_at(pattern, p);

        if (want == '*') {
            star = ++p;
            star_n = n;
            percent = SIZE_MAX;
        } else if (want == '%') {
            percent = ++p;
            percent_n = n;
        } else if (want >= 0 && want == slice_at(name, n)) {
            p++;
            n++;
        } else if (percent != SIZE_MAX && percent_n < name.n && name.p[percent_n] != '/') {
            n = ++percent_n;
            p = percent;
        } else if (star != SIZE_MAX && star_n < name.n) {
            n = ++star_n;
            p = star;
            percent = SIZE_MAX;
        } else {
            return false;
        }
    }
    return true;
}
