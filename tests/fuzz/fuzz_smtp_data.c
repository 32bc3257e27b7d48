/* fuzz: dep_smtp */
/* The content reader. Laws: cut anywhere, it gives the same content, end and verdict; what it
 * accepted is the content with a dot in front of each line that begins with one, maybe of others,
 * and "." CRLF behind it. The first octet says how the input is cut. */
#include <stdlib.h>

#include "smtp/data_reader.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct slice in = slice_of(data + 1, size - 1);
    struct result whole = read_all(in, SIZE_MAX), cut = read_all(in, 1u + data[0] % 16);

    if (whole.n != cut.n || whole.used != cut.used || whole.reader.ended != cut.reader.ended ||
        whole.reader.bad != cut.reader.bad || memcmp(whole.content, cut.content, whole.n) != 0)
        abort();
    if (whole.reader.ended && !whole.reader.bad)
        check_round_trip(&whole, in);
    free(whole.content);
    free(cut.content);
    return 0;
}
