/* SEARCH, UID SEARCH (RFC 9051 6.4.4, RFC 3501 6.4.4, RFC 4731, RFC 5182, RFC 5032, RFC
 * 7162 3.1.5).
 *
 * Rows are asked in slices, so that a search over many bodies does not hold its thread. */
#include "base/cleanup.h"
#include "base/num.h"
#include "imap/commands.h"
#include "imap/search.h"
#include "imap/write.h"

#define NUMBERS_PER_LINE 100
/* Rows are copied when octets will be read: the calls for them end the rows' life. */
#define ROWS_COPIED 64
#define SLICE_NS (5 * NS_PER_MS)
#define ROWS_ARENA_MAX (8u * 1024 * 1024)

enum {
    RETURN_MIN = 1u << 0,
    RETURN_MAX = 1u << 1,
    RETURN_ALL = 1u << 2,
    RETURN_COUNT = 1u << 3,
    RETURN_SAVE = 1u << 4,
};

struct search_work {
    struct imap_search search;
    unsigned options;
    bool extended; /* RETURN: the answer is ESEARCH */
    struct ranges todo, found;
    uint64_t modseq_min, modseq_max, modseq_highest; /* of first, last, any match */
    struct arena rows_arena, arena;
    const Gw__Message **rows; /* copied, not asked yet */
    size_t rows_at, rows_n;
};

static void release(struct imap_cmd *cmd)
{
    struct search_work *w = cmd->work;

    imap_search_done(&w->search);
    ranges_done(&w->todo);
    ranges_done(&w->found);
    arena_done(&w->rows_arena);
    arena_done(&w->arena);
}

/* ---- asking ---- */

static bool note_match(struct search_work *w, const Gw__Message *row)
{
    if (w->found.n == 0)
        w->modseq_min = row->modseq;
    w->modseq_max = row->modseq;
    w->modseq_highest = MAX(w->modseq_highest, row->modseq);
    return ranges_add(&w->found, row->uid, row->uid);
}

static int ask(struct imap_cmd *cmd, struct search_work *w, const Gw__Message *row, struct err *err)
{
    struct imap_search_message m = {
        .s = cmd->s,
        .row = row,
        .a = &w->arena,
        .now_s = clock_now_s(conn_env(cmd->c)->clock),
    };
    int rc;

    if (imap_view_seq(&cmd->s->view, row->uid) == 0)
        return 0;
    arena_reset(&w->arena);
    imap_body_init(&m.body);
    rc = imap_search_match(&w->search, &m, err);
    imap_body_done(&m.body);
    if (rc == 1 && !note_match(w, row))
        return err_set(err, ERR_NOMEM, "out of memory");
    return MIN(rc, 0);
}

static const Gw__Message *copy_row(struct arena *a, const Gw__Message *from)
{
    Gw__Message *row = ARENA_NEW(a, Gw__Message);
    ProtobufCBinaryData *keywords = ARENA_ARRAY(a, from->n_keywords, ProtobufCBinaryData);

    if (!row || !keywords)
        return NULL;
    *row = *from;
    for (size_t i = 0; i < from->n_keywords; i++)
        keywords[i] = rpc_bytes(arena_copy(a, rpc_slice(from->keywords[i])));
    row->keywords = keywords;
    row->envelope = rpc_bytes(arena_copy(a, rpc_slice(from->envelope)));
    row->parts = rpc_bytes(arena_copy(a, rpc_slice(from->parts)));
    row->prefix = rpc_bytes(arena_copy(a, rpc_slice(from->prefix)));
    return arena_failed(a) ? NULL : row;
}

static int copy_rows(struct search_work *w, const Gw__Messages *page, struct err *err)
{
    arena_reset(&w->rows_arena);
    w->rows = ARENA_ARRAY(&w->rows_arena, page->n_rows, const Gw__Message *);
    w->rows_at = w->rows_n = 0;
    for (size_t i = 0; w->rows && i < page->n_rows; i++) {
        w->rows[i] = copy_row(&w->rows_arena, page->rows[i]);
        if (!w->rows[i])
            break;
        w->rows_n++;
    }
    return w->rows_n == page->n_rows ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static int ask_page(struct imap_cmd *cmd, struct search_work *w, struct err *err)
{
    const Gw__Messages *page;
    int rc;

    if (w->rows_at < w->rows_n)
        return ask(cmd, w, w->rows[w->rows_at++], err);
    rc = imap_messages_read(cmd->s, &w->todo, w->search.needs_octets ? ROWS_COPIED : UINT64_MAX,
                            w->search.fields, 0, &page, err);
    if (rc == 0 && w->search.needs_octets)
        return copy_rows(w, page, err);
    for (size_t i = 0; rc == 0 && i < page->n_rows; i++)
        rc = ask(cmd, w, page->rows[i], err);
    return rc;
}

/* ---- the answer ---- */

/* Found messages in the numbers of the command's form. */
static bool numbers_of(struct imap_cmd *cmd, const struct ranges *uids, struct ranges *out)
{
    if (cmd->entry->flags & IMAP_UID)
        return ranges_copy(out, uids);
    return imap_view_seq_set(&cmd->s->view, uids, out);
}

static void write_plain(struct imap_cmd *cmd, struct search_work *w, const struct ranges *numbers)
{
    _cleanup_(build_done) struct builder line = {0};
    unsigned n = 0;

    build_init(&line, IMAP_LINE_OUT_MAX);
    build_text(&line, "* SEARCH");
    for (uint32_t i = ranges_min(numbers); i != 0;
         i = i == UINT32_MAX ? 0 : ranges_next(numbers, i + 1)) {
        if (n++ == NUMBERS_PER_LINE) {
            build_text(&line, "\r\n");
            conn_write(cmd->c, build_slice(&line));
            build_reset(&line);
            build_text(&line, "* SEARCH");
            n = 1;
        }
        build_printf(&line, " %u", i);
    }
    if (w->search.uses_modseq && numbers->n)
        build_printf(&line, " (MODSEQ %llu)", (unsigned long long)w->modseq_highest);
    build_text(&line, "\r\n");
    conn_write(cmd->c, build_slice(&line));
}

/* RFC 7162 3.1.10: of the messages that are in the answer. */
static uint64_t answer_modseq(const struct search_work *w)
{
    if (w->options & (RETURN_ALL | RETURN_COUNT))
        return w->modseq_highest;
    uint64_t modseq = w->options & RETURN_MIN ? w->modseq_min : 0;

    return w->options & RETURN_MAX ? MAX(modseq, w->modseq_max) : modseq;
}

static void write_extended(struct imap_cmd *cmd, struct search_work *w,
                           const struct ranges *numbers)
{
    _cleanup_(build_done) struct builder line = {0};

    if (w->options == RETURN_SAVE)
        return;
    build_init(&line, IMAP_LINE_OUT_MAX * 4);
    build_text(&line, "* ESEARCH (TAG ");
    imap_write_string(&line, cmd->tag, false);
    build_text(&line, cmd->entry->flags & IMAP_UID ? ") UID" : ")");
    if (numbers->n && (w->options & RETURN_MIN))
        build_printf(&line, " MIN %u", ranges_min(numbers));
    if (numbers->n && (w->options & RETURN_MAX))
        build_printf(&line, " MAX %u", ranges_max(numbers));
    if (w->options & RETURN_COUNT)
        build_printf(&line, " COUNT %llu", (unsigned long long)ranges_count(numbers));
    if (numbers->n && (w->options & RETURN_ALL)) {
        build_text(&line, " ALL ");
        imap_write_set(&line, numbers);
    }
    if (numbers->n && w->search.uses_modseq)
        build_printf(&line, " MODSEQ %llu", (unsigned long long)answer_modseq(w));
    build_text(&line, "\r\n");
    if (build_ok(&line))
        conn_write(cmd->c, build_slice(&line));
    else
        imap_reply(cmd, IMAP_NO, "the answer is too long");
}

/* RFC 5182 2.1: with MIN or MAX alone, only these are saved. */
static bool save(struct imap_session *s, const struct search_work *w)
{
    uint32_t min = ranges_min(&w->found), max = ranges_max(&w->found);

    ranges_clear(&s->saved);
    if (!(w->options & (RETURN_MIN | RETURN_MAX)) || (w->options & (RETURN_ALL | RETURN_COUNT)))
        return ranges_copy(&s->saved, &w->found);
    if (w->found.n == 0)
        return true;
    return (!(w->options & RETURN_MIN) || ranges_add(&s->saved, min, min)) &&
           (!(w->options & RETURN_MAX) || ranges_add(&s->saved, max, max));
}

static void answer(struct imap_cmd *cmd, struct search_work *w)
{
    struct ranges numbers = RANGES_EMPTY;

    if (!numbers_of(cmd, &w->found, &numbers) || ((w->options & RETURN_SAVE) && !save(cmd->s, w)))
        imap_reply(cmd, IMAP_NO, "out of memory");
    else if (w->extended)
        write_extended(cmd, w, &numbers);
    else
        write_plain(cmd, w, &numbers);
    ranges_done(&numbers);
}

/* RFC 9051 6.4.4.1: a search that was to be saved and fails leaves nothing saved. */
static void forget_saved(struct imap_cmd *cmd, const struct search_work *w)
{
    if (w->options & RETURN_SAVE)
        ranges_done(&cmd->s->saved);
}

static bool search_some(struct imap_cmd *cmd)
{
    struct search_work *w = cmd->work;
    int64_t until = clock_mono_ns() + SLICE_NS;
    struct err err;

    while (w->todo.n || w->rows_at < w->rows_n) {
        if (ask_page(cmd, w, &err) < 0) {
            imap_reply_err(cmd, &err);
            forget_saved(cmd, w);
            return false;
        }
        if (clock_mono_ns() >= until)
            return true;
    }
    answer(cmd, w);
    return false;
}

/* ---- the command ---- */

static void parse_return(struct imap_cmd *cmd, struct search_work *w)
{
    static const struct {
        const char *name;
        unsigned option;
    } options[] = {{"MIN", RETURN_MIN},
                   {"MAX", RETURN_MAX},
                   {"ALL", RETURN_ALL},
                   {"COUNT", RETURN_COUNT},
                   {"SAVE", RETURN_SAVE}};
    struct cursor *c = &cmd->args;

    /* RFC 9051 6.4.4: without options the answer is ESEARCH with ALL. */
    w->extended = cmd->s->rev2;
    w->options = w->extended ? RETURN_ALL : 0;
    if (!cur_eat_nocase(c, SLICE("RETURN (")))
        return;
    w->extended = true;
    w->options = 0;
    while (cur_ok(c) && cur_peek(c) != ')') {
        struct slice word = imap_parse_atom(c);
        size_t i = 0;

        while (i < ARRAY_SIZE(options) && !slice_eq_nocase(word, slice_str(options[i].name)))
            i++;
        if (i == ARRAY_SIZE(options))
            cur_reject(c, "a return option");
        else
            w->options |= options[i].option;
        if (cur_peek(c) != ')')
            imap_parse_space(c);
    }
    cur_text_nocase(c, SLICE(") "), "the end of the return options");
    if (w->options == 0)
        w->options = RETURN_ALL;
}

/* false: the charset is not known. */
static bool parse_charset(struct imap_cmd *cmd)
{
    if (!cur_eat_nocase(&cmd->args, SLICE("CHARSET ")))
        return true;
    struct slice charset = imap_parse_astring(&cmd->args, cmd->a);

    imap_args_space(cmd);
    return slice_eq_nocase(charset, SLICE("UTF-8")) || slice_eq_nocase(charset, SLICE("US-ASCII"));
}

void imap_cmd_search(struct imap_cmd *cmd)
{
    struct search_work *w = ARENA_NEW(cmd->a, struct search_work);
    struct imap_session *s = cmd->s;

    if (!w)
        return imap_reply(cmd, IMAP_NO, "out of memory");
    arena_init(&w->rows_arena, ROWS_ARENA_MAX);
    arena_init(&w->arena, ROWS_ARENA_MAX);
    cmd->work = w;
    cmd->release = release;
    imap_args_space(cmd);
    parse_return(cmd, w);
    bool charset_known = parse_charset(cmd);

    imap_search_parse(&w->search, &cmd->args, cmd->a, &s->view, &s->saved);
    if (!imap_args_end(cmd))
        return;
    cmd->hold_changes = cmd->hold_changes || w->search.uses_seqs;
    if (w->search.uses_modseq)
        imap_enable_condstore(s);
    if (!charset_known) {
        imap_reply(cmd, IMAP_NO, "unknown charset");
        cmd->code = SLICE("BADCHARSET (US-ASCII UTF-8)");
        forget_saved(cmd, w);
    } else if (!ranges_copy(&w->todo, &s->view.uids)) {
        imap_reply(cmd, IMAP_NO, "out of memory");
    } else if (search_some(cmd)) {
        cmd->produce = search_some;
    }
}
