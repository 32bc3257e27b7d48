/* The parser looks at the beginning of each line and at nothing else of a body: lines are found
 * with memchr, and a run of lines that cannot be boundaries goes to its part in one piece. Only
 * headers and an excerpt of text parts are copied.
 *
 * Open entities form a stack: the message, the multipart around, the part being read. What the top
 * entity is doing is its state:
 *
 *   HEADER --empty line--> BODY       a leaf: octets are counted, text is excerpted
 *                      \-> PREAMBLE   a multipart (again after its last boundary: the epilogue)
 *                      \-> push a HEADER   a nested message
 *
 * A line that begins with "--" is held back until it is whole, or long enough to be told from any
 * boundary (hold). A boundary line closes entities down to its multipart, and opens the next part.
 *
 * Invariant: whatever the chunks, the same calls with the same octets reach header_line, except
 * that a run of body octets may be cut anywhere; what is done with a run must not depend on cuts.
 */
#include <stddef.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/utf8.h"
#include "mail/parser_private.h"

static struct entity *top(struct mail_parser *p)
{
    return &p->stack[p->depth - 1];
}

static void fault(struct mail_parser *p, enum mail_fault_kind kind, uint64_t at)
{
    faults_add(&p->faults, kind, at);
}

/* After a new part: perhaps it was the last that is kept. */
static void count_part(struct mail_parser *p)
{
    bool full = p->parts_n >= MAIL_PARTS_MAX;

    if (full && !p->frozen)
        fault(p, MAIL_FAULT_TOO_MANY_PARTS, p->at);
    p->frozen = full;
}

/* ---- opening and closing entities ---- */

static void open_entity(struct mail_parser *p, uint64_t at, bool digest)
{
    struct mail_part *part = ARENA_NEW(p->a, struct mail_part);
    struct mail_header *none = ARENA_NEW(p->a, struct mail_header);

    if (!part || !none || p->depth == ARRAY_SIZE(p->stack)) {
        p->failed = true;
        return;
    }
    part->header_at = part->body_at = part->end_at = at;
    part->header = none;
    bool hidden = false;

    if (p->depth > 0) {
        struct entity *parent = top(p);
        struct slice within = parent->part->subtype;

        hidden = parent->hidden || slice_eq(within, SLICE("ENCRYPTED")) ||
                 (parent->last_child && slice_eq(within, SLICE("SIGNED")));
        if (parent->last_child)
            parent->last_child->next = part;
        else
            parent->part->child = part;
        parent->last_child = part;
    }
    p->stack[p->depth++] =
        (struct entity){.part = part, .state = ENTITY_HEADER, .digest = digest, .hidden = hidden};
    p->parts_n++;
    build_reset(&p->header);
    p->header_line_n = 0;
    p->header_cr = false;
}

static void close_leaf(struct mail_parser *p, struct mail_part *part, unsigned eol_n)
{
    struct transfer_count *t = &p->count;

    part->decoded_size = transfer_count_finish(t, eol_n);
    /* Of what is not base64 two octets per line are line ends. */
    if (t->encoding == PART_BASE64 && part->end_at - part->body_at > t->good + 2 * part->lines)
        fault(p, MAIL_FAULT_BASE64_JUNK, part->body_at);
    if (t->broken > 0)
        fault(p, MAIL_FAULT_QP_JUNK, part->body_at);
    p->excerpts_left -= p->excerpt.n;
    if (p->excerpt.n > 0)
        excerpt_take(p, part, top(p)->hidden);
    build_reset(&p->excerpt);
}

static void end_header(struct mail_parser *p);

/* A multipart in which no part was found gets one, its whole body as plain text: its octets stay
 * within the reader's reach. */
static void add_only_child(struct mail_parser *p, struct mail_part *part)
{
    struct mail_part *child = ARENA_NEW(p->a, struct mail_part);
    struct mail_header *none = ARENA_NEW(p->a, struct mail_header);

    if (!child || !none) {
        p->failed = true;
        return;
    }
    *child = (struct mail_part){.header_at = part->body_at,
                                .body_at = part->body_at,
                                .end_at = part->end_at,
                                .lines = part->lines,
                                .decoded_size = part->end_at - part->body_at,
                                .header = none};
    part->child = child;
    fault(p, MAIL_FAULT_BOUNDARY_NEVER, part->body_at);
}

/* Closes the top entity; the line end before a boundary, of eol_n octets, is not part of it. */
static void close_top(struct mail_parser *p, unsigned eol_n)
{
    if (top(p)->state == ENTITY_HEADER) {
        size_t depth = p->depth;

        fault(p, MAIL_FAULT_HEADER_OPEN, p->at);
        end_header(p);
        while (p->depth > depth)
            close_top(p, 0);
    }
    struct entity *e = top(p);
    struct mail_part *part = e->part;
    uint64_t body_n = p->at - part->body_at;
    unsigned cut = body_n >= eol_n ? eol_n : 0;
    uint64_t before = body_n > cut ? body_n - cut : 0;
    int last = (int)(p->tail >> (8 * cut) & 0xff);

    part->end_at = p->at - cut;
    part->lines = p->lines - e->lines_at_body - (cut > 0) + (before > 0 && last != '\n');
    part->decoded_size = part->end_at - part->body_at;
    if (e->state == ENTITY_BODY)
        close_leaf(p, part, cut);
    if (part->is_multipart && !part->child)
        add_only_child(p, part);
    else if (e->boundary.n > 0)
        fault(p, MAIL_FAULT_BOUNDARY_OPEN, part->end_at);
    if (e->boundary.n > 0)
        p->boundaries--;
    p->nested -= part->is_message;
    p->depth--;
}

/* ---- headers ---- */

static void open_leaf(struct mail_parser *p, const struct mail_part *part)
{
    p->count = (struct transfer_count){.encoding = entity_encoding(part)};
    build_reset(&p->excerpt);
    p->excerpt_max = 0;
    if (!entity_is_text(part))
        return;
    struct slice charset = params_find(part->params, part->params_n, SLICE("charset"));

    if (charset.p && !mail_charset_known(charset))
        fault(p, MAIL_FAULT_CHARSET_UNKNOWN, part->header_at);
    p->excerpt_max = excerpt_room(p, part);
}

static void start_multipart(struct mail_parser *p, struct entity *e)
{
    struct mail_part *part = e->part;
    struct slice boundary = params_find(part->params, part->params_n, SLICE("boundary"));

    /* RFC 2046 5.1.1: at most 70 characters, never ending in white space. */
    boundary = slice_trim(boundary);
    if (boundary.n == 0 || boundary.n > BOUNDARY_MAX)
        fault(p, MAIL_FAULT_BOUNDARY_MISSING, part->header_at);
    else if (p->depth > MAIL_DEPTH_MAX)
        fault(p, MAIL_FAULT_TOO_DEEP, part->header_at);
    if (boundary.n == 0 || boundary.n > BOUNDARY_MAX || p->depth > MAIL_DEPTH_MAX || p->frozen)
        return;
    if (entity_encoding(part) != PART_IDENTITY)
        fault(p, MAIL_FAULT_ENCODING_PARTS, part->header_at);
    part->is_multipart = true;
    e->boundary = boundary;
    e->state = ENTITY_PREAMBLE;
    p->boundaries++;
}

static void read_header(struct mail_parser *p, struct entity *e)
{
    bool keep = p->a->used - p->used_before <= ARENA_SOFT_MAX;
    struct slice block = keep ? arena_copy(p->a, build_slice(&p->header)) : SLICE("");
    struct mail_header *h = ARENA_NEW(p->a, struct mail_header);
    struct err err;

    if (!keep)
        fault(p, MAIL_FAULT_HEADER_CUT, e->part->header_at);
    if (!h || header_read(p->a, block, e->part->header_at, &p->faults, h, &err) < 0) {
        p->failed = true;
        return;
    }
    if (h->n > p->fields_left) {
        fault(p, MAIL_FAULT_HEADER_CUT, e->part->header_at + h->fields[p->fields_left].at);
        h->n = p->fields_left;
    }
    p->fields_left -= h->n;
    if (p->depth == 1)
        p->m->header_cut = p->faults.v[MAIL_FAULT_HEADER_CUT].n > 0;
    e->part->header = h;
    entity_read(p->a, e->part, e->digest, &p->faults);
    /* The message's own header, and that of a message within a message. */
    if (p->depth == 1 || p->stack[p->depth - 2].part->is_message)
        e->part->envelope = entity_envelope(p->a, e->part, &p->addresses_left, &p->faults);
}

/* Whether a message/rfc822 is parsed; else it stays one opaque body. */
static bool may_nest(struct mail_parser *p, const struct mail_part *part)
{
    if (entity_encoding(part) != PART_IDENTITY)
        fault(p, MAIL_FAULT_ENCODING_PARTS, part->header_at);
    else if (p->depth > MAIL_DEPTH_MAX)
        fault(p, MAIL_FAULT_TOO_DEEP, part->header_at);
    else
        return !p->frozen;
    return false;
}

/* The header of the top entity is over: here, at p->at, its body begins. */
static void end_header(struct mail_parser *p)
{
    struct entity *e = top(p);
    struct mail_part *part = e->part;

    read_header(p, e);
    part->body_at = p->at;
    e->lines_at_body = p->lines;
    e->state = ENTITY_BODY;
    if (p->depth == 1)
        excerpt_header(p, part->header);
    if (slice_eq(part->type, SLICE("MULTIPART")))
        start_multipart(p, e);
    if (entity_is_message(part) && may_nest(p, part)) {
        part->is_message = true;
        p->nested++;
        e->state = ENTITY_PREAMBLE;
        open_entity(p, p->at, /* digest= */ false);
        count_part(p);
    }
    if (e->state == ENTITY_BODY)
        open_leaf(p, part);
}

static void keep_header(struct mail_parser *p, struct slice s)
{
    struct slice kept = slice_sub(s, 0, p->header_left);

    if (kept.n < s.n && p->faults.v[MAIL_FAULT_HEADER_CUT].n == 0)
        fault(p, MAIL_FAULT_HEADER_CUT, p->at + kept.n);
    build_bytes(&p->header, kept);
    p->header_left -= kept.n;
}

/* ---- consuming ---- */

static void advance(struct mail_parser *p, struct slice s)
{
    for (size_t i = s.n > 4 ? s.n - 4 : 0; i < s.n; i++)
        p->tail = p->tail << 8 | s.p[i];
    p->at += s.n;
}

/* The octet before the one at in[i], which is the next to consume when i is 0. */
static int octet_before(const struct mail_parser *p, struct slice in, size_t i)
{
    return i > 0 ? in.p[i - 1] : (int)(p->tail & 0xff);
}

/* The LF at in[i] ends a line; in[0] is not consumed yet. */
static void end_line(struct mail_parser *p, struct slice in, size_t i)
{
    p->lines++;
    if (octet_before(p, in, i) != '\r') {
        fault(p, MAIL_FAULT_BARE_LF, p->at + i);
        p->bare_lfs++;
    }
}

/* The same for a line that belongs to a part. */
static void end_content_line(struct mail_parser *p, struct slice in, size_t i,
                             enum mail_fault_kind too_long)
{
    uint64_t end = p->at + i + 1;

    end_line(p, in, i);
    if (end - p->line_at > LINE_MAX_OCTETS)
        fault(p, too_long, p->line_at);
    p->line_at = end;
}

/* At most one line, or a piece of one; returns what was used. */
static size_t feed_header(struct mail_parser *p, struct slice in)
{
    size_t nl = slice_find_byte(in, '\n');
    struct slice piece = slice_sub(in, 0, nl == SIZE_MAX ? in.n : nl + 1);
    bool ended = nl != SIZE_MAX;
    bool blank = ended && ((p->header_line_n == 0 && piece.n == 1) ||
                           (p->header_line_n == 0 && piece.n == 2 && piece.p[0] == '\r') ||
                           (p->header_line_n == 1 && p->header_cr && piece.n == 1));

    if (p->header_line_n == 0)
        p->header_cr = piece.p[0] == '\r';
    p->header_line_n = ended ? 0 : p->header_line_n + piece.n;
    /* RFC 6531 3.7: what a message within holds is content, and needs no SMTPUTF8. */
    if (p->nested == 0 && !p->m->header_8bit)
        p->m->header_8bit = mail_has_8bit(piece);
    keep_header(p, piece);
    if (ended)
        end_content_line(p, in, nl, MAIL_FAULT_HEADER_LINE_LONG);
    advance(p, piece);
    p->line_start = ended;
    if (blank) {
        if (p->depth == 1)
            p->m->has_body_separator = true;
        end_header(p);
    }
    return piece.n;
}

static void body_run(struct mail_parser *p, struct slice run)
{
    if (top(p)->state == ENTITY_BODY) {
        transfer_count_feed(&p->count, run);
        if (p->excerpt.n < p->excerpt_max)
            build_bytes(&p->excerpt, slice_sub(run, 0, p->excerpt_max - p->excerpt.n));
    }
    advance(p, run);
}

/* Lines up to the first that may be a boundary; returns what was used, at least one octet. */
static size_t feed_body(struct mail_parser *p, struct slice in)
{
    bool watch = p->boundaries > 0 && !p->frozen;
    const uint8_t *start = in.p, *end = in.p + in.n, *at = start;

    p->line_start = false;
    while (at < end) {
        const uint8_t *nl = memchr(at, '\n', (size_t)(end - at));

        if (!nl) {
            at = end;
            break;
        }
        at = nl + 1;
        end_content_line(p, in, (size_t)(nl - start), MAIL_FAULT_LINE_LONG);
        if (at == end || (watch && *at == '-' && (at + 1 == end || at[1] == '-'))) {
            p->line_start = true;
            break;
        }
    }
    body_run(p, slice_of(start, (size_t)(at - start)));
    return (size_t)(at - start);
}

static size_t feed_content(struct mail_parser *p, struct slice in)
{
    return top(p)->state == ENTITY_HEADER ? feed_header(p, in) : feed_body(p, in);
}

/* ---- boundaries ---- */

/* The entity whose boundary the line is: the longest one, so that a boundary may be a prefix of
 * another; of equal ones the innermost. Returns depth + 1, or 0. */
static size_t boundary_find(const struct mail_parser *p, struct slice line, int *kind_out)
{
    size_t best = 0;

    if (!slice_starts(line, SLICE("--")))
        return 0;
    for (size_t i = p->depth; i-- > 0;) {
        const struct entity *e = &p->stack[i];
        int kind = e->boundary.n > 0 && (best == 0 || e->boundary.n > p->stack[best - 1].boundary.n)
                       ? entity_boundary_match(line, e->boundary)
                       : 0;

        if (kind > 0) {
            best = i + 1;
            *kind_out = kind;
        }
    }
    return best;
}

/* Octets of the line end before p->at. */
static unsigned eol_before(const struct mail_parser *p)
{
    if ((p->tail & 0xff) != '\n' || p->at == 0)
        return 0;
    return (p->tail >> 8 & 0xff) == '\r' && p->at > 1 ? 2 : 1;
}

static void take_boundary(struct mail_parser *p, size_t owner, bool last)
{
    unsigned eol = eol_before(p);
    struct slice line = slice_of(p->hold, p->hold_n);
    bool ended = line.p[line.n - 1] == '\n';

    while (p->depth > owner && !p->failed)
        close_top(p, eol);
    struct entity *e = top(p);

    if (ended)
        end_line(p, line, line.n - 1);
    advance(p, line);
    p->line_at = p->at;
    p->skip_line = !ended;
    p->line_start = ended;
    p->hold_n = 0;
    if (last) {
        e->boundary = slice_of(NULL, 0);
        p->boundaries--;
        return;
    }
    open_entity(p, p->at, slice_eq(e->part->subtype, SLICE("DIGEST")));
    count_part(p);
}

static void decide(struct mail_parser *p)
{
    struct slice line = slice_of(p->hold, p->hold_n);
    int kind = 0;
    size_t owner = boundary_find(p, line, &kind);

    if (owner > 0) {
        take_boundary(p, owner, kind == 2);
        return;
    }
    p->hold_n = 0;
    while (line.n > 0)
        line = slice_from(line, feed_content(p, line));
}

/* Collects the beginning of a line until it is known whether it is a boundary. */
static size_t feed_hold(struct mail_parser *p, struct slice in)
{
    size_t nl = slice_find_byte(slice_sub(in, 0, HOLD_MAX), '\n');
    size_t n = MIN(nl == SIZE_MAX ? in.n : nl + 1, HOLD_MAX - p->hold_n);

    memcpy(p->hold + p->hold_n, in.p, n);
    p->hold_n += n;
    if (p->hold[p->hold_n - 1] == '\n' || p->hold_n == HOLD_MAX ||
        (p->hold_n >= 2 && p->hold[1] != '-'))
        decide(p);
    return n;
}

/* The rest of a boundary line: it may follow in later chunks, and be followed by a header. */
static size_t feed_skip(struct mail_parser *p, struct slice in)
{
    size_t nl = slice_find_byte(in, '\n');
    struct slice piece = slice_sub(in, 0, nl == SIZE_MAX ? in.n : nl + 1);

    if (nl != SIZE_MAX)
        end_line(p, in, nl);
    advance(p, piece);
    if (top(p)->state == ENTITY_HEADER)
        top(p)->part->header_at = p->at;
    if (nl != SIZE_MAX) {
        p->line_at = p->at;
        p->skip_line = false;
        p->line_start = true;
    }
    return piece.n;
}

static size_t feed_some(struct mail_parser *p, struct slice in)
{
    if (p->skip_line)
        return feed_skip(p, in);
    if (p->hold_n > 0 ||
        (p->line_start && p->boundaries > 0 && !p->frozen && slice_at(in, 0) == '-'))
        return feed_hold(p, in);
    return feed_content(p, in);
}

struct mail_parser *mail_parser_new(struct arena *a, struct err *err)
{
    struct mail_parser *p = malloc(sizeof(*p));

    if (!p) {
        (void)err_set(err, ERR_NOMEM, "out of memory");
        return NULL;
    }
    memset(p, 0, offsetof(struct mail_parser, hold));
    p->a = a;
    p->used_before = a->used;
    p->line_start = true;
    p->header_left = MAIL_HEADER_MAX;
    p->fields_left = FIELDS_TOTAL_MAX;
    p->addresses_left = MAIL_ADDRESSES_MAX;
    p->excerpts_left = EXCERPTS_MAX;
    build_init(&p->header, MAIL_HEADER_MAX);
    build_init(&p->excerpt, EXCERPT_MAX);
    build_init(&p->raw, EXCERPT_MAX);
    build_init(&p->utf8, EXCERPT_MAX);
    build_init(&p->text, MAIL_TEXT_MAX);
    p->m = ARENA_NEW(a, struct mail_message);
    if (p->m)
        open_entity(p, 0, /* digest= */ false);
    if (!p->m || p->failed) {
        mail_parser_free(p);
        (void)err_set(err, ERR_NOMEM, "out of memory");
        return NULL;
    }
    p->m->root = p->stack[0].part;
    return p;
}

void mail_parser_feed(struct mail_parser *p, struct slice chunk)
{
    const struct slice all = chunk;
    uint64_t before = p->lines - p->bare_lfs;

    while (chunk.n > 0 && !p->failed)
        chunk = slice_from(chunk, feed_some(p, chunk));
    octet_scan_feed(&p->scan, all, p->lines - p->bare_lfs - before, &p->faults);
}

const struct mail_message *mail_parser_finish(struct mail_parser *p)
{
    const struct mail_message *m = p->m;

    if (!p->failed && p->hold_n > 0)
        decide(p);
    while (p->depth > 0 && !p->failed)
        close_top(p, 0);
    if (!p->failed) {
        p->m->size = p->at;
        p->m->text = arena_copy(p->a, build_slice(&p->text));
        p->m->has_8bit = p->scan.has_8bit;
        octet_scan_finish(&p->scan, &p->faults);
        entity_conclude(p->a, p->m, &p->faults);
    }
    if (p->failed || arena_failed(p->a))
        m = NULL;
    mail_parser_free(p);
    return m;
}

void mail_parser_free(struct mail_parser *p)
{
    if (!p)
        return;
    build_done(&p->header);
    build_done(&p->excerpt);
    build_done(&p->raw);
    build_done(&p->utf8);
    build_done(&p->text);
    free(p);
}
