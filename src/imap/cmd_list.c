/* LIST (RFC 9051 6.3.9, RFC 5258, RFC 5819, RFC 6154) and LSUB (RFC 3501 6.3.9).
 *
 * All rows are read first; then marks are set on the parents of each row; then lines are written as
 * the output takes them. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "imap/commands.h"
#include "imap/pattern.h"
#include "imap/status.h"
#include "imap/write.h"

struct list_row {
    Gw__Mailbox mailbox; /* keywords are not kept */
    struct slice name;
    bool has_children;
    bool subscribed_below;        /* some descendant is subscribed */
    bool subscribed_below_hidden; /* … and no pattern matches it */
};

struct list_work {
    struct slice *patterns;
    size_t patterns_n;
    struct list_row *rows;
    size_t n, cap;
    size_t at; /* the next one to be written */
    bool lsub;
    bool select_subscribed, select_recursive, select_special_use;
    bool return_subscribed, return_children;
    unsigned status; /* items; 0: none */
};

/* ---- arguments ---- */

static void parse_select_options(struct imap_cmd *cmd, struct list_work *w)
{
    struct cursor *c = &cmd->args;

    if (!cur_eat(c, '('))
        return;
    if (!cur_eat(c, ')')) {
        do {
            struct slice word = imap_parse_atom(c);

            if (slice_eq_nocase(word, SLICE("SUBSCRIBED")))
                w->select_subscribed = true;
            else if (slice_eq_nocase(word, SLICE("RECURSIVEMATCH")))
                w->select_recursive = true;
            else if (slice_eq_nocase(word, SLICE("SPECIAL-USE")))
                w->select_special_use = true;
            else if (!slice_eq_nocase(word, SLICE("REMOTE")))
                cur_reject(c, "a selection option");
        } while (cur_eat(c, ' '));
        cur_byte(c, ')', "the end of the selection options");
    }
    /* RFC 5258 3: RECURSIVEMATCH needs an option of which it says more. */
    if (w->select_recursive && !w->select_subscribed)
        cur_reject(c, "SUBSCRIBED with RECURSIVEMATCH");
    w->return_subscribed = w->select_subscribed;
    imap_parse_space(c);
}

static void parse_return_options(struct imap_cmd *cmd, struct list_work *w)
{
    struct cursor *c = &cmd->args;

    cur_text_nocase(c, SLICE(" RETURN ("), "RETURN options");
    if (cur_eat(c, ')'))
        return;
    do {
        struct slice word = imap_parse_atom(c);

        if (slice_eq_nocase(word, SLICE("SUBSCRIBED"))) {
            w->return_subscribed = true;
        } else if (slice_eq_nocase(word, SLICE("CHILDREN"))) {
            w->return_children = true;
        } else if (slice_eq_nocase(word, SLICE("STATUS"))) {
            imap_parse_space(c);
            w->status = imap_parse_status_items(c);
        } else if (!slice_eq_nocase(word, SLICE("SPECIAL-USE"))) {
            cur_reject(c, "a return option");
        }
    } while (cur_eat(c, ' '));
    cur_byte(c, ')', "the end of the return options");
}

static void add_pattern(struct imap_cmd *cmd, struct list_work *w, struct slice reference)
{
    struct slice p = imap_parse_list_mailbox(&cmd->args, cmd->a, imap_utf8(cmd->s));

    w->patterns[w->patterns_n++] = imap_pattern_join(cmd->a, reference, p);
}

static void parse_patterns(struct imap_cmd *cmd, struct list_work *w, struct slice reference)
{
    struct slice rest = cur_rest(&cmd->args);
    size_t n = 1;

    for (size_t i = 0; i < rest.n; i++)
        n += rest.p[i] == ' ';
    w->patterns = ARENA_ARRAY(cmd->a, n, struct slice);
    if (!w->patterns) {
        cur_reject(&cmd->args, "less (out of memory)");
        return;
    }
    if (!cur_eat(&cmd->args, '(')) {
        add_pattern(cmd, w, reference);
        return;
    }
    do {
        add_pattern(cmd, w, reference);
    } while (cur_eat(&cmd->args, ' '));
    cur_byte(&cmd->args, ')', "the end of the patterns");
}

/* ---- rows ---- */

static int order(const void *a, const void *b)
{
    return slice_cmp(((const struct list_row *)a)->name, ((const struct list_row *)b)->name);
}

static struct list_row *find_row(struct list_work *w, size_t n, struct slice name)
{
    struct list_row key = {.name = name};

    return n ? bsearch(&key, w->rows, n, sizeof(key), order) : NULL;
}

static struct list_row *add_row(struct imap_cmd *cmd, struct list_work *w, struct slice name)
{
    if (w->n == w->cap) {
        size_t cap = w->cap ? 2 * w->cap : 32;
        struct list_row *rows = ARENA_ARRAY(cmd->a, cap, struct list_row);

        if (!rows)
            return NULL;
        if (w->n)
            memcpy(rows, w->rows, w->n * sizeof(*rows));
        w->rows = rows;
        w->cap = cap;
    }
    struct list_row *row = &w->rows[w->n++];

    row->mailbox = (Gw__Mailbox)GW__MAILBOX__INIT;
    row->name = arena_copy(cmd->a, name);
    row->mailbox.name = rpc_bytes(row->name);
    return row;
}

static int read_rows(struct imap_cmd *cmd, struct list_work *w, struct err *err)
{
    struct slice after = {NULL, 0};
    bool more = true;

    while (more) {
        Gw__Request request = GW__REQUEST__INIT;
        Gw__MailboxList list = GW__MAILBOX_LIST__INIT;
        const Gw__Response *response;

        list.after = rpc_bytes(after);
        request.call_case = GW__REQUEST__CALL_MAILBOX_LIST;
        request.mailbox_list = &list;
        int rc = imap_call(cmd->s, &request, GW__RESPONSE__RESULT_MAILBOXES, &response, err);

        if (rc < 0)
            return rc;
        const Gw__Mailboxes *page = response->mailboxes;

        for (size_t i = 0; i < page->n_rows; i++) {
            struct list_row *row = add_row(cmd, w, rpc_slice(page->rows[i]->name));

            if (!row)
                return err_set(err, ERR_NOMEM, "out of memory");
            row->mailbox = *page->rows[i];
            row->mailbox.name = rpc_bytes(row->name);
            row->mailbox.n_keywords = 0;
            after = row->name;
        }
        more = page->more && page->n_rows > 0;
    }
    if (w->n)
        qsort(w->rows, w->n, sizeof(*w->rows), order);
    return 0;
}

static bool matches(const struct list_work *w, struct slice name)
{
    for (size_t i = 0; i < w->patterns_n; i++)
        if (imap_pattern_match(w->patterns[i], name))
            return true;
    return false;
}

/* Sets the marks on all parents of a row; parents of subscribed names that are no mailboxes become
 * rows of their own. */
static bool mark_parents(struct imap_cmd *cmd, struct list_work *w, size_t sorted_n, size_t at)
{
    bool hidden = !matches(w, w->rows[at].name);
    bool subscribed = w->rows[at].mailbox.subscribed;
    bool exists = !w->rows[at].mailbox.nonexistent;
    struct slice name = w->rows[at].name;

    for (size_t i = name.n; i-- > 0;) {
        if (name.p[i] != '/')
            continue;
        struct slice parent_name = slice_sub(name, 0, i);
        struct list_row *parent = find_row(w, sorted_n, parent_name);

        for (size_t k = sorted_n; !parent && k < w->n; k++)
            if (slice_eq(w->rows[k].name, parent_name))
                parent = &w->rows[k];
        if (!parent && subscribed) {
            parent = add_row(cmd, w, parent_name);
            if (!parent)
                return false;
            parent->mailbox.nonexistent = true;
        }
        if (!parent)
            continue;
        parent->has_children = parent->has_children || exists;
        parent->subscribed_below = parent->subscribed_below || subscribed;
        parent->subscribed_below_hidden = parent->subscribed_below_hidden || (subscribed && hidden);
    }
    return true;
}

static bool mark_all(struct imap_cmd *cmd, struct list_work *w)
{
    size_t sorted_n = w->n;

    for (size_t i = 0; i < sorted_n; i++)
        if (!mark_parents(cmd, w, sorted_n, i))
            return false;
    if (w->n > sorted_n)
        qsort(w->rows, w->n, sizeof(*w->rows), order);
    return true;
}

/* ---- lines ---- */

static bool is_listed(const struct list_work *w, const struct list_row *row)
{
    const Gw__Mailbox *m = &row->mailbox;

    if (w->lsub)
        return m->subscribed || (row->subscribed_below && slice_ends(w->patterns[0], SLICE("%")));
    bool meets = w->select_subscribed ? m->subscribed : !m->nonexistent;

    if (w->select_special_use)
        meets = meets && m->special_use != 0;
    /* RFC 5258 3: what is listed itself need not be hinted at. */
    return meets || (w->select_recursive && row->subscribed_below_hidden);
}

static void write_row(struct imap_session *s, const struct list_work *w, const struct list_row *row)
{
    const Gw__Mailbox *m = &row->mailbox;
    _cleanup_(build_done) struct builder line = {0};
    const char *space = "";

    build_init(&line, IMAP_LINE_OUT_MAX);
    build_text(&line, w->lsub ? "* LSUB (" : "* LIST (");
    if (w->lsub && !m->subscribed)
        build_text(&line, "\\NoSelect");
    if (!w->lsub) {
        if (w->return_subscribed && m->subscribed) {
            build_text(&line, "\\Subscribed");
            space = " ";
        }
        if (m->nonexistent) {
            build_printf(&line, "%s\\NonExistent", space);
            space = " ";
        }
        if (w->return_children) {
            build_text(&line, space);
            build_text(&line, row->has_children ? "\\HasChildren" : "\\HasNoChildren");
            space = " ";
        }
        imap_write_special_use(&line, m->special_use, &space);
    }
    build_text(&line, ") \"/\" ");
    imap_write_mailbox(&line, row->name, imap_utf8(s));
    if (w->select_recursive && row->subscribed_below)
        build_text(&line, " (\"CHILDINFO\" (\"SUBSCRIBED\"))");
    build_text(&line, "\r\n");
    conn_write(s->c, build_slice(&line));
    if (w->status && !m->nonexistent)
        imap_tell_status(s, m, w->status);
}

static bool write_rows(struct imap_cmd *cmd)
{
    struct list_work *w = cmd->work;

    for (; w->at < w->n; w->at++) {
        const struct list_row *row = &w->rows[w->at];

        if (conn_output_pending(cmd->c) >= CONN_OUTPUT_HIGH)
            return true;
        if (is_listed(w, row) && matches(w, row->name))
            write_row(cmd->s, w, row);
    }
    return false;
}

static void run_list(struct imap_cmd *cmd, struct list_work *w)
{
    struct err err;

    if (read_rows(cmd, w, &err) < 0)
        return imap_reply_err(cmd, &err);
    if (!mark_all(cmd, w))
        return imap_reply(cmd, IMAP_NO, "out of memory");
    cmd->work = w;
    if (write_rows(cmd))
        cmd->produce = write_rows;
}

void imap_cmd_list(struct imap_cmd *cmd)
{
    struct list_work *w = ARENA_NEW(cmd->a, struct list_work);

    if (!w)
        return imap_reply(cmd, IMAP_NO, "out of memory");
    imap_args_space(cmd);
    bool extended = cur_peek(&cmd->args) == '(';

    parse_select_options(cmd, w);
    struct slice reference = imap_parse_mailbox(&cmd->args, cmd->a, imap_utf8(cmd->s));

    imap_args_space(cmd);
    extended = extended || cur_peek(&cmd->args) == '(';
    /* RFC 9051 6.3.9: an empty pattern asks for the separator. */
    bool empty = slice_eq(cur_rest(&cmd->args), SLICE("\"\""));

    parse_patterns(cmd, w, reference);
    if (!cur_at_end(&cmd->args))
        parse_return_options(cmd, w);
    if (!imap_args_end(cmd))
        return;
    imap_status_asked(cmd->s, w->status);
    if (empty && !extended)
        conn_write(cmd->c, SLICE("* LIST (\\Noselect) \"/\" \"\"\r\n"));
    else
        run_list(cmd, w);
}

void imap_cmd_lsub(struct imap_cmd *cmd)
{
    struct list_work *w = ARENA_NEW(cmd->a, struct list_work);

    if (!w)
        return imap_reply(cmd, IMAP_NO, "out of memory");
    w->lsub = true;
    imap_args_space(cmd);
    struct slice reference = imap_parse_mailbox(&cmd->args, cmd->a, imap_utf8(cmd->s));

    imap_args_space(cmd);
    w->patterns = ARENA_ARRAY(cmd->a, 1, struct slice);
    if (!w->patterns)
        return imap_reply(cmd, IMAP_NO, "out of memory");
    add_pattern(cmd, w, reference);
    if (imap_args_end(cmd))
        run_list(cmd, w);
}
