/* fuzz: dep_smtp */
/* What content goes through: the reader, the check of lines, the filter of forged fields. Laws: cut
 * anywhere, each gives the same; what the reader accepted is the content with a dot in front of
 * each line that begins with one, maybe of others, and "." CRLF behind it, and the check of lines
 * accepts that content too; the filter gives octets in their order, and nothing that it would cut
 * again. The first octet says how the input is cut. */
#include <stdlib.h>

#include "smtp/data_reader.h"
#include "smtp/forged.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
    struct smtp_data_reader reader;
    uint8_t *content;
    size_t n;
    size_t used;
};

static struct result read_all(struct slice in, size_t step)
{
    struct result r = {.content = malloc(in.n + 1)};

    if (r.content == NULL)
        abort();
    while (r.used < in.n && !r.reader.ended) {
        struct slice chunk = slice_sub(in, r.used, step), run;
        size_t n = chunk.n;

        while (smtp_data_next(&r.reader, &chunk, &run)) {
            if (run.n == 0 || run.n > in.n - r.n)
                abort();
            memcpy(r.content + r.n, run.p, run.n);
            r.n += run.n;
        }
        if (!r.reader.ended && chunk.n > 0)
            abort();
        r.used += n - chunk.n;
    }
    return r;
}

static void check_round_trip(const struct result *r, struct slice in)
{
    size_t at = 0;

    for (size_t i = 0; i < r->n; i++) {
        bool line_start = i == 0 || r->content[i - 1] == '\n';

        if (line_start && slice_at(in, at) == '.')
            at++; /* stuffed, or taken for it */
        else if (line_start && r->content[i] == '.')
            abort();
        if (slice_at(in, at++) != r->content[i])
            abort();
    }
    if (!slice_starts(slice_from(in, at), SLICE(".\r\n")) || at + 3 != r->used)
        abort();
}

static struct smtp_line_check check_lines(struct slice in, size_t step)
{
    struct smtp_line_check l = {0};

    for (size_t at = 0; at < in.n; at += slice_sub(in, at, step).n)
        smtp_line_check(&l, slice_sub(in, at, step));
    return l;
}

static size_t append(uint8_t *out, size_t n, struct slice run, size_t max)
{
    if (run.n == 0 || run.n > max - n)
        abort();
    memcpy(out + n, run.p, run.n);
    return n + run.n;
}

/* The caller frees. */
static struct slice filter(struct slice in, size_t step)
{
    struct smtp_forged f = {.host = SLICE("a.b")};
    uint8_t *out = malloc(in.n + 1);
    struct slice run;
    size_t n = 0;

    if (out == NULL)
        abort();
    for (size_t at = 0; at < in.n;) {
        struct slice chunk = slice_sub(in, at, step);

        at += chunk.n;
        while (smtp_forged_next(&f, &chunk, &run))
            n = append(out, n, run, in.n);
        if (chunk.n > 0)
            abort();
    }
    if (smtp_forged_end(&f, &run))
        n = append(out, n, run, in.n);
    return slice_of(out, n);
}

static void check_filter(struct slice in, size_t step)
{
    struct slice whole = filter(in, SIZE_MAX), cut = filter(in, step);
    struct slice again = filter(whole, step);
    size_t at = 0;

    if (!slice_eq(whole, cut) || !slice_eq(whole, again))
        abort();
    for (size_t i = 0; i < in.n && at < whole.n; i++)
        at += in.p[i] == whole.p[at];
    if (at != whole.n)
        abort();
    free((void *)whole.p);
    free((void *)cut.p);
    free((void *)again.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t step = 1u + data[0] % 16;
    struct slice in = slice_of(data + 1, size - 1);
    struct result whole = read_all(in, SIZE_MAX), cut = read_all(in, step);
    struct smtp_line_check lines = check_lines(in, SIZE_MAX), lines_cut = check_lines(in, step);

    if (whole.n != cut.n || whole.used != cut.used || whole.reader.ended != cut.reader.ended ||
        whole.reader.bad != cut.reader.bad || memcmp(whole.content, cut.content, whole.n) != 0)
        abort();
    if (lines.bad != lines_cut.bad || (!lines.bad && lines.cr != lines_cut.cr))
        abort();
    if (whole.reader.ended && !whole.reader.bad) {
        struct smtp_line_check content = check_lines(slice_of(whole.content, whole.n), step);

        if (content.bad || content.cr)
            abort();
        check_round_trip(&whole, in);
    }
    check_filter(in, step);
    free(whole.content);
    free(cut.content);
    return 0;
}
