/* What puts messages into threads: canonical ids, and base subjects (RFC 5256 2.1). */
#include <unicode/uchar.h>

#include "base/ascii.h"
#include "base/utf8.h"
#include "mail/message_private.h"

#define ID_MAX 1000
#define REFERENCES_MAX 100
#define SUBJECT_MAX 2048 /* of the decoded subject; stripping prefixes is quadratic in this */

/* Unicode lower case; octets that are no UTF-8 stay. */
static void append_lower(struct builder *out, struct slice s)
{
    while (s.n > 0) {
        uint32_t code;
        size_t n;

        if (s.p[0] < 0x80) {
            build_byte(out, ascii_lower(s.p[0]));
            n = 1;
        } else if (utf8_decode(s, &code, &n)) {
            utf8_append(out, (uint32_t)u_tolower((UChar32)code));
        } else {
            build_byte(out, s.p[0]);
        }
        s = slice_from(s, n);
    }
}

/* ---- ids ---- */

/* "local part"@domain is written without quotes when they are not needed. */
static struct slice requote(struct slice id)
{
    size_t at = slice_rfind_byte(id, '@');

    if (id.n < 4 || at == SIZE_MAX || at < 3 || id.p[0] != '"' || id.p[at - 1] != '"')
        return id;
    struct slice inside = slice_sub(id, 1, at - 2);

    if (!text_is_dot_atom(inside) || !text_is_dot_atom(slice_from(id, at + 1)))
        return id;
    return inside;
}

/* The id between brackets in its canonical form; empty when it is unusable. */
static struct slice canonical(struct arena *a, struct slice inside)
{
    struct builder b;
    struct slice result = {NULL, 0};

    if (inside.n == 0 || inside.n > ID_MAX)
        return result;
    build_init(&b, ID_MAX * 2);
    append_lower(&b, inside);
    struct slice id = build_slice(&b);
    struct slice local = requote(id);

    if (build_ok(&b) && id.n <= ID_MAX) {
        if (local.n != id.n)
            result = arena_printf(a, "%.*s%.*s", SLICE_FMT(local),
                                  SLICE_FMT(slice_from(id, slice_rfind_byte(id, '@'))));
        else
            result = arena_copy(a, id);
    }
    build_done(&b);
    return result;
}

struct slice thread_message_id(struct arena *a, struct slice body)
{
    struct slice s = slice_trim(mail_field_unfold(a, body));
    size_t end = slice_find_byte(s, '>');
    int after = end == SIZE_MAX ? -1 : slice_at(s, end + 1);

    if (slice_at(s, 0) != '<' || end == SIZE_MAX || (after >= 0 && after != ' ' && after != '\t'))
        return slice_of(NULL, 0);
    return canonical(a, slice_sub(s, 1, end - 1));
}

/* The newest REFERENCES_MAX ids, as a ring. */
struct id_ring {
    struct slice v[REFERENCES_MAX];
    size_t n; /* ever added */
};

/* A '<' before the '>' drops what was cut off; a line break may stand anywhere. */
static struct slice next_id(struct arena *a, struct slice in, size_t *at)
{
    while (*at < in.n) {
        size_t open = slice_find_byte(slice_from(in, *at), '<');

        if (open == SIZE_MAX)
            break;
        size_t start = *at + open + 1, end = start;
        uint8_t kept[ID_MAX + 1];
        size_t n = 0;

        while (end < in.n && in.p[end] != '>' && in.p[end] != '<') {
            if (!ascii_is_space(in.p[end]) && n < sizeof(kept))
                kept[n++] = in.p[end];
            end++;
        }
        *at = end;
        if (slice_at(in, end) != '>')
            continue;
        struct slice id = canonical(a, slice_of(kept, n));

        if (id.n > 0)
            return id;
    }
    *at = in.n;
    return slice_of(NULL, 0);
}

void thread_references(struct arena *a, const struct mail_header *h, struct mail_message *m)
{
    struct id_ring ring = {.n = 0};
    struct slice id;

    for (size_t i = 0; i < h->n; i++) {
        if (!slice_eq_nocase(h->fields[i].name, SLICE("References")))
            continue;
        size_t at = 0;

        while ((id = next_id(a, h->fields[i].body, &at)).n > 0)
            ring.v[ring.n++ % REFERENCES_MAX] = id;
    }
    for (size_t i = 0; i < h->n && ring.n == 0; i++) {
        size_t at = 0;

        if (!slice_eq_nocase(h->fields[i].name, SLICE("In-Reply-To")))
            continue;
        id = next_id(a, h->fields[i].body, &at);
        if (id.n > 0)
            ring.v[ring.n++] = id;
    }
    size_t n = ring.n < REFERENCES_MAX ? ring.n : REFERENCES_MAX;
    struct slice *v = ARENA_ARRAY(a, n, struct slice);

    if (!v)
        return;
    for (size_t i = 0; i < n; i++)
        v[i] = ring.v[(ring.n - n + i) % REFERENCES_MAX];
    m->references = v;
    m->references_n = n;
}

/* ---- base subject ---- */

static struct slice left_trim(struct slice s)
{
    while (slice_at(s, 0) == ' ')
        s = slice_from(s, 1);
    return s;
}

static struct slice right_trim(struct slice s)
{
    while (s.n > 0 && s.p[s.n - 1] == ' ')
        s.n--;
    return s;
}

/* "[blob]" and the white space behind it. */
static bool take_blob(struct slice *s)
{
    size_t close = slice_find_byte(*s, ']');

    if (slice_at(*s, 0) != '[' || close == SIZE_MAX)
        return false;
    if (slice_find_byte(slice_sub(*s, 1, close - 1), '[') != SIZE_MAX)
        return false;
    *s = left_trim(slice_from(*s, close + 1));
    return true;
}

/* RFC 5256 5, subj-leader: *subj-blob ("re" / "fw" / "fwd") *WSP [subj-blob] ":" */
static bool take_leader(struct slice *s)
{
    struct slice rest = left_trim(*s);

    while (take_blob(&rest))
        ;
    if (slice_starts(rest, SLICE("re")))
        rest = slice_from(rest, 2);
    else if (slice_starts(rest, SLICE("fwd")))
        rest = slice_from(rest, 3);
    else if (slice_starts(rest, SLICE("fw")))
        rest = slice_from(rest, 2);
    else
        return false;
    rest = left_trim(rest);
    (void)take_blob(&rest);
    if (slice_at(rest, 0) != ':')
        return false;
    *s = slice_from(rest, 1);
    return true;
}

static struct slice strip_trailers(struct slice s, bool *response)
{
    for (;;) {
        s = right_trim(s);
        if (!slice_ends(s, SLICE("(fwd)")))
            return s;
        s.n -= 5;
        *response = true;
    }
}

static struct slice strip_leaders(struct slice s, bool *response)
{
    for (;;) {
        struct slice before = s, rest;

        s = left_trim(s);
        if (take_leader(&s))
            *response = true;
        rest = s;
        if (take_blob(&rest) && rest.n > 0)
            s = rest;
        if (s.n == before.n)
            return s;
    }
}

static struct slice base_of(struct slice s, bool *response)
{
    for (;;) {
        s = strip_leaders(strip_trailers(s, response), response);
        if (!slice_starts(s, SLICE("[fwd:")) || !slice_ends(s, SLICE("]")))
            return s;
        s = slice_sub(s, 5, s.n - 6);
        *response = true;
    }
}

struct slice thread_subject_base(struct arena *a, struct slice subject, bool *response_out)
{
    struct builder lower, flat;
    struct slice s = utf8_cut(subject, SUBJECT_MAX);
    bool space = false;

    *response_out = false;
    build_init(&lower, SUBJECT_MAX * 3);
    build_init(&flat, SUBJECT_MAX * 3);
    append_lower(&lower, s);
    s = build_slice(&lower);
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];

        if (c == '\r')
            continue;
        bool is_space = c == ' ' || c == '\t' || c == '\n';

        if (!is_space || !space)
            build_byte(&flat, is_space ? ' ' : c);
        space = is_space;
    }
    struct slice base = base_of(build_slice(&flat), response_out);

    /* A subject with NUL matches no other. */
    if (slice_find_byte(s, 0) != SIZE_MAX)
        base = slice_of(NULL, 0);
    base = base.n ? arena_copy(a, base) : SLICE("");
    build_done(&lower);
    build_done(&flat);
    return base;
}
