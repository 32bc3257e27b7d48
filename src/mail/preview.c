/* Lines are taken one by one: quotations (with the line that introduces them) become one "[...]",
 * a signature ends the text, blank lines are dropped. */
#include "base/ascii.h"
#include "base/utf8.h"
#include "mail/message_private.h"

#define PREVIEW_CHARACTERS 256
#define PREVIEW_ENOUGH 250 /* octets after which no further line is taken */
#define SIGNATURE_LINES 5

static struct slice take_line(struct slice *text)
{
    size_t nl = slice_find_byte(*text, '\n');
    struct slice line = slice_sub(*text, 0, nl);

    *text = slice_from(*text, nl == SIZE_MAX ? text->n : nl + 1);
    return slice_trim(line);
}

static bool is_quote(struct slice line)
{
    return slice_at(line, 0) == '>';
}

static struct slice next_full_line(struct slice text)
{
    struct slice line = {NULL, 0};

    while (text.n > 0 && line.n == 0)
        line = take_line(&text);
    return line;
}

/* "On 1 May 2024 Joe wrote:"; a colon without a date may as well introduce a list. */
static bool is_introduction(struct slice line, bool first)
{
    if (line.n == 0 || line.p[line.n - 1] != ':')
        return false;
    for (size_t i = 0; i < line.n; i++)
        if (ascii_is_digit(line.p[i]))
            return true;
    return first;
}

/* An introduction before a quotation, on one line or wrapped to two: how many lines, or 0. */
static unsigned introduction(struct slice line, struct slice rest, bool first)
{
    if (is_introduction(line, first) && is_quote(next_full_line(rest)))
        return 1;
    struct slice after = rest;
    struct slice second = take_line(&after);

    if (slice_starts(line, SLICE("On ")) && slice_ends(second, SLICE("wrote:")) &&
        is_quote(next_full_line(after)))
        return 2;
    return 0;
}

/* RFC 3676 4.3: "-- " stands before a signature; any line of dashes does, with little behind it. */
static bool is_signature(struct slice line, struct slice rest)
{
    size_t n = 0;

    if (line.n < 2)
        return false;
    for (size_t i = 0; i < line.n; i++)
        if (line.p[i] != '-')
            return false;
    rest = slice_trim(rest);
    while (rest.n > 0) {
        if (take_line(&rest).n == 0)
            return false;
        n++;
    }
    return n < SIGNATURE_LINES;
}

static struct slice cut_characters(struct slice s, size_t max)
{
    size_t at = 0;

    for (size_t i = 0; i < max && at < s.n; i++) {
        uint32_t code;
        size_t n;

        (void)utf8_decode(slice_from(s, at), &code, &n);
        at += n;
    }
    return slice_sub(s, 0, at);
}

static void build_preview(struct builder *out, struct slice text)
{
    bool quoting = false;

    while (text.n > 0 && out->n <= PREVIEW_ENOUGH) {
        struct slice line = take_line(&text);
        unsigned lines = introduction(line, text, out->n == 0);

        if (line.n == 0)
            continue;
        if (is_signature(line, text))
            return;
        if (lines == 2)
            (void)take_line(&text);
        if (slice_eq(line, SLICE("[...]")) || is_quote(line) || lines > 0) {
            if (!quoting)
                build_text(out, "[...]\n");
            quoting = true;
            continue;
        }
        quoting = false;
        build_bytes(out, line);
        build_byte(out, '\n');
    }
}

struct slice preview_of_text(struct arena *a, struct slice text)
{
    struct builder out;

    build_init(&out, text.n * 3 + 64);
    build_preview(&out, text);
    struct slice result = arena_copy(a, cut_characters(build_slice(&out), PREVIEW_CHARACTERS));

    build_done(&out);
    return result;
}
