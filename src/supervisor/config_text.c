/* libconfuse 3.3 counts lines with comments twice and takes the end of the file for the end of any
 * section. So comments are blanked out here (their line ends stay), and quotes and braces are
 * counted, with the same rules as in its scanner: # and // up to the end of the line, C comments,
 * strings in double quotes with \ escapes and in single quotes. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "supervisor/config_private.h"

static bool read_file(const char *path, struct builder *out, struct config_errors *errors)
{
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        config_errors_add(errors, path, 0, "cannot be opened: %s", strerror(errno));
        return false;
    }
    for (;;) {
        uint8_t *p = build_reserve(out, 4096);

        if (!p) {
            config_errors_add(errors, path, 0, "is longer than %u octets", CONFIG_FILE_MAX);
            return false;
        }
        ssize_t n = read(fd, p, 4096);

        if (n < 0) {
            config_errors_add(errors, path, 0, "cannot be read: %s", strerror(errno));
            return false;
        }
        if (n == 0)
            return true;
        build_advance(out, (size_t)n);
    }
}

enum text_state { TEXT_PLAIN, TEXT_LINE_COMMENT, TEXT_BLOCK_COMMENT, TEXT_DOUBLE, TEXT_SINGLE };

struct text_scan {
    enum text_state state;
    int line;
    int open_line; /* where the quote or comment began */
    int depth;
    int brace_line[8]; /* of the open braces */
    const char *fault;
    int fault_line;
};

static void scan_brace(struct text_scan *t, int c)
{
    if (c == '{') {
        if (t->depth == (int)ARRAY_SIZE(t->brace_line)) {
            t->fault = "sections are nested too deeply";
            t->fault_line = t->line;
            return;
        }
        t->brace_line[t->depth++] = t->line;
    } else if (t->depth == 0) {
        t->fault = "'}' without '{'";
        t->fault_line = t->line;
    } else {
        t->depth--;
    }
}

/* In ordinary text; returns how many octets belong together. */
static size_t scan_plain(struct text_scan *t, struct slice in, size_t at)
{
    int c = slice_at(in, at), next = slice_at(in, at + 1);

    if (c == '#' || (c == '/' && next == '/')) {
        t->state = TEXT_LINE_COMMENT;
    } else if (c == '/' && next == '*') {
        t->state = TEXT_BLOCK_COMMENT;
        t->open_line = t->line;
        return 2;
    } else if (c == '"' || c == '\'') {
        t->state = c == '"' ? TEXT_DOUBLE : TEXT_SINGLE;
        t->open_line = t->line;
    } else if (c == '{' || c == '}') {
        scan_brace(t, c);
    }
    return 1;
}

static size_t scan_one(struct text_scan *t, struct slice in, size_t at)
{
    int c = slice_at(in, at);

    switch (t->state) {
    case TEXT_PLAIN:
        return scan_plain(t, in, at);
    case TEXT_LINE_COMMENT:
        if (c == '\n')
            t->state = TEXT_PLAIN;
        return 1;
    case TEXT_BLOCK_COMMENT:
        if (c != '*' || slice_at(in, at + 1) != '/')
            return 1;
        t->state = TEXT_PLAIN;
        return 2;
    case TEXT_DOUBLE:
    case TEXT_SINGLE:
        if (c == '\\' && slice_at(in, at + 1) >= 0)
            return 2;
        if (c == (t->state == TEXT_DOUBLE ? '"' : '\''))
            t->state = TEXT_PLAIN;
        return 1;
    }
    return 1;
}

static void scan_finish(struct text_scan *t)
{
    if (t->fault)
        return;
    if (t->state == TEXT_DOUBLE || t->state == TEXT_SINGLE) {
        t->fault = "the quote is not closed";
        t->fault_line = t->open_line;
    } else if (t->state == TEXT_BLOCK_COMMENT) {
        t->fault = "the comment is not closed";
        t->fault_line = t->open_line;
    } else if (t->depth > 0) {
        t->fault = "'{' is not closed";
        t->fault_line = t->brace_line[t->depth - 1];
    }
}

bool config_text_read(const char *path, struct builder *out, struct config_errors *errors)
{
    struct builder raw;
    struct text_scan t = {.line = 1};

    build_init(&raw, CONFIG_FILE_MAX + 4096);
    if (!read_file(path, &raw, errors)) {
        build_done(&raw);
        return false;
    }
    struct slice in = build_slice(&raw);

    for (size_t at = 0; at < in.n && !t.fault;) {
        enum text_state before = t.state;
        size_t n = scan_one(&t, in, at);
        bool comment = before == TEXT_LINE_COMMENT || before == TEXT_BLOCK_COMMENT ||
                       t.state == TEXT_LINE_COMMENT || t.state == TEXT_BLOCK_COMMENT;

        for (; n > 0; n--, at++) {
            int c = slice_at(in, at);

            if (c == 0 && !t.fault) {
                t.fault = "the file holds a NUL octet";
                t.fault_line = t.line;
            }
            t.line += c == '\n';
            build_byte(out, comment && c != '\n' ? ' ' : (uint8_t)c);
        }
    }
    scan_finish(&t);
    build_byte(out, 0);
    build_done(&raw);
    if (!t.fault && !build_ok(out)) {
        t.fault = "the file is too long";
        t.fault_line = 0;
    }
    if (t.fault)
        config_errors_add(errors, path, t.fault_line, "%s", t.fault);
    return !t.fault;
}
