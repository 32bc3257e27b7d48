/* BODY from BODYSTRUCTURE. One pass with a stack of open parentheses: each knows whether it is a
 * body, how many elements it has seen, and after how many extension data begin. Elements behind
 * that are skipped. */
#include "base/ascii.h"
#include "base/num.h"
#include "mail/message_private.h"

#define DEPTH_MAX (4 * MAIL_DEPTH_MAX) /* parentheses, of entities and of lists within them */

struct list {
    bool is_body;      /* of an entity; else parameters, an envelope, and the like */
    bool is_multipart; /* its first element is a body */
    unsigned elements; /* begun so far, the parts of a multipart not counted */
    unsigned keep;     /* so many elements belong to BODY */
    bool is_message;
};

struct strip {
    struct builder *out;
    struct slice in;
    size_t at;
    struct list stack[DEPTH_MAX];
    size_t depth;
    size_t skip; /* depth at which an unwanted element began, plus one; 0: none */
};

/* The end of a string, literal or atom that begins at `at`; 0 when it is cut off. */
static size_t token_end(struct slice in, size_t at)
{
    uint64_t n;

    if (in.p[at] == '"') {
        for (at++; at < in.n; at++) {
            if (in.p[at] == '\\')
                at++;
            else if (in.p[at] == '"')
                return at + 1;
        }
        return 0;
    }
    if (in.p[at] == '{') {
        struct slice rest = slice_from(in, at + 1);
        size_t close = slice_find_byte(slice_sub(rest, 0, 21), '}');

        if (close == SIZE_MAX || !num_parse(slice_sub(rest, 0, close), in.n, &n))
            return 0;
        at += 1 + close + 3;
        return at <= in.n && n <= in.n - at ? at + (size_t)n : 0;
    }
    while (at < in.n && in.p[at] != ' ' && in.p[at] != '(' && in.p[at] != ')')
        at++;
    return at;
}

/* RFC 3501 9: body-type-basic has 7 elements, text one more, message three more; behind the parts
 * of a multipart stands its subtype. */
static void note_element(struct list *l, struct slice token)
{
    l->elements++;
    if (!l->is_body || l->is_multipart)
        return;
    if (l->elements == 1) {
        l->is_message = slice_eq(token, SLICE("\"MESSAGE\""));
        l->keep = slice_eq(token, SLICE("\"TEXT\"")) ? 8 : 7;
    } else if (l->elements == 2 && l->is_message &&
               (slice_eq(token, SLICE("\"RFC822\"")) || slice_eq(token, SLICE("\"GLOBAL\"")))) {
        l->keep = 10;
    }
}

static bool is_unwanted(const struct list *l)
{
    return l->is_body && l->elements > l->keep;
}

/* Whether the list that begins now is an entity. */
static bool opens_body(const struct strip *s)
{
    if (s->depth == 0)
        return true;
    const struct list *l = &s->stack[s->depth - 1];

    if (!l->is_body || s->skip)
        return false;
    return l->elements == 0 || (l->keep == 10 && l->elements == 8);
}

static bool open_list(struct strip *s)
{
    if (s->depth == DEPTH_MAX)
        return false;
    bool body = opens_body(s);

    if (s->depth > 0) {
        struct list *l = &s->stack[s->depth - 1];

        if (l->is_body && l->elements == 0) {
            l->is_multipart = true;
            l->keep = 1;
        } else {
            note_element(l, slice_of(NULL, 0));
        }
        if (!s->skip && is_unwanted(l))
            s->skip = s->depth;
    }
    s->stack[s->depth++] = (struct list){.is_body = body};
    return true;
}

static bool strip_all(struct strip *s)
{
    while (s->at < s->in.n) {
        int c = s->in.p[s->at];
        size_t start = s->at, end = start + 1;
        bool drop = s->skip > 0;

        if (c == '(') {
            if (!open_list(s))
                return false;
            drop = s->skip > 0;
        } else if (c == ')') {
            if (s->depth == 0)
                return false;
            s->depth--;
            if (s->skip == s->depth)
                s->skip = 0;
        } else if (c == ' ') {
            /* The space before an element that is dropped goes with it. */
            const struct list *l = s->depth ? &s->stack[s->depth - 1] : NULL;

            drop = drop || (l && l->is_body && l->elements >= l->keep && l->elements > 0);
        } else {
            end = token_end(s->in, start);
            if (end <= start || s->depth == 0)
                return false;
            struct list *l = &s->stack[s->depth - 1];

            note_element(l, slice_sub(s->in, start, end - start));
            drop = drop || is_unwanted(l);
        }
        if (!drop)
            build_bytes(s->out, slice_sub(s->in, start, end - start));
        s->at = end;
        if (s->depth == 0)
            return s->at == s->in.n;
    }
    return false;
}

void render_body_of_structure(struct builder *out, struct slice bodystructure)
{
    struct strip s = {.out = out, .in = bodystructure};
    size_t start = out->n;

    if (strip_all(&s))
        return;
    build_truncate(out, start);
    build_bytes(out, bodystructure);
}
