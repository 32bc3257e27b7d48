/* A block is cut at line ends with memchr; a line that begins with white space continues the field
 * before it. Fields are collected in a first pass that only counts, so that the array in the arena
 * has its final size at once. */
#include "mail/header.h"

#include "base/ascii.h"
#include "base/num.h"
#include "mail/message_private.h"

/* The line at `at` with its line end; moves `at` behind it. */
static struct slice take_line(struct slice block, size_t *at)
{
    struct slice rest = slice_from(block, *at);
    size_t nl = slice_find_byte(rest, '\n');
    struct slice line = nl == SIZE_MAX ? rest : slice_sub(rest, 0, nl + 1);

    *at += line.n;
    return line;
}

static bool is_blank(struct slice line)
{
    return slice_eq(line, SLICE("\n")) || slice_eq(line, SLICE("\r\n"));
}

static bool is_continuation(struct slice line)
{
    int c = slice_at(line, 0);

    return c == ' ' || c == '\t';
}

/* RFC 5322 2.2: a name is printable without colon; 4.5 allows white space before the colon. Octets
 * above 0x7f are taken too, against RFC 6532 3.4: what others would take for a field is one. */
static bool field_split(struct slice raw, size_t at, struct mail_field *out)
{
    size_t colon = slice_find_byte(raw, ':');

    if (colon == SIZE_MAX)
        return false;
    struct slice name = slice_sub(raw, 0, colon);

    while (name.n > 0 && (name.p[name.n - 1] == ' ' || name.p[name.n - 1] == '\t'))
        name.n--;
    if (name.n == 0)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (!ascii_is_graph(name.p[i]) && name.p[i] < 0x80)
            return false;
    struct slice body = slice_from(raw, colon + 1);

    if (body.n > 0 && body.p[body.n - 1] == '\n')
        body.n--;
    if (body.n > 0 && body.p[body.n - 1] == '\r')
        body.n--;
    *out = (struct mail_field){.raw = raw, .name = name, .body = body, .at = at};
    return true;
}

/* The next field with all its continuations; false at the end of the header. */
static bool next_field(struct slice block, size_t *at, struct mail_field *out, struct faults *f,
                       uint64_t base)
{
    while (*at < block.n) {
        size_t start = *at;
        struct slice line = take_line(block, at);

        if (is_blank(line))
            return false;
        while (*at < block.n && is_continuation(slice_from(block, *at)))
            (void)take_line(block, at);
        if (!is_continuation(line) && field_split(slice_sub(block, start, *at - start), start, out))
            return true;
        if (f)
            faults_add(f, MAIL_FAULT_HEADER_JUNK, base + start);
    }
    return false;
}

int header_read(struct arena *a, struct slice block, uint64_t base, struct faults *f,
                struct mail_header *out, struct err *err)
{
    struct mail_field field;
    size_t n = 0, at = 0;

    while (next_field(block, &at, &field, f, base)) {
        if (n == MAIL_FIELDS_MAX) {
            if (f)
                faults_add(f, MAIL_FAULT_HEADER_CUT, base + field.at);
            break;
        }
        n++;
    }
    struct mail_field *fields = ARENA_ARRAY(a, n, struct mail_field);

    if (!fields)
        return err_set(err, ERR_NOMEM, "out of memory");
    at = 0;
    for (size_t i = 0; i < n; i++)
        (void)next_field(block, &at, &fields[i], NULL, 0);
    *out = (struct mail_header){fields, n};
    return 0;
}

int mail_header_parse(struct arena *a, struct slice block, struct mail_header *out, struct err *err)
{
    return header_read(a, block, 0, NULL, out, err);
}

/* The length sorts out nearly all. */
static bool is_named(const struct mail_field *f, struct slice name)
{
    return f->name.n == name.n && slice_eq_nocase(f->name, name);
}

const struct mail_field *mail_header_find(const struct mail_header *h, struct slice name,
                                          size_t nth)
{
    for (size_t i = 0; i < h->n; i++)
        if (is_named(&h->fields[i], name) && nth-- == 0)
            return &h->fields[i];
    return NULL;
}

size_t mail_header_count(const struct mail_header *h, struct slice name)
{
    size_t n = 0;

    for (size_t i = 0; i < h->n; i++)
        n += is_named(&h->fields[i], name);
    return n;
}

struct slice mail_field_unfold(struct arena *a, struct slice body)
{
    struct slice trimmed = slice_trim(body);

    if (slice_find_byte(trimmed, '\n') == SIZE_MAX)
        return trimmed;
    uint8_t *p = arena_alloc(a, trimmed.n);
    size_t n = 0;

    if (!p)
        return slice_of(NULL, 0);
    for (size_t i = 0; i < trimmed.n; i++) {
        uint8_t c = trimmed.p[i];
        bool end = c == '\n' || (c == '\r' && slice_at(trimmed, i + 1) == '\n');

        if (!end)
            p[n++] = c;
    }
    return slice_of(p, n);
}

size_t mail_comment_end(struct slice s, size_t at, bool *closed_out)
{
    size_t depth = 0;

    if (closed_out)
        *closed_out = true;

    for (; at < s.n; at++) {
        if (s.p[at] == '\\')
            at++;
        else if (s.p[at] == '(')
            depth++;
        else if (s.p[at] == ')' && --depth == 0)
            return at + 1;
    }
    if (closed_out)
        *closed_out = false;
    return s.n;
}
