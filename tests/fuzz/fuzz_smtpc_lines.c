/* fuzz: dep_smtp_client
 * The data writer. Laws: nothing that goes out has a CR or LF apart from CRLF; the end of the
 * message, CRLF "." CRLF, is there once, at the end; without the dots it is what came in. The first
 * octet says how the input is cut. */
#include <stdlib.h>

#include "smtp/client/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool law)
{
    if (!law)
        abort();
}

static void check(struct slice in, struct slice out)
{
    struct slice end = SLICE("\r\n.\r\n");
    size_t at = 0;

    for (size_t i = 0; i < out.n; i++)
        require((out.p[i] == '\n') == (i > 0 && out.p[i - 1] == '\r'));
    if (in.n == 0) {
        require(slice_eq(out, SLICE(".\r\n")));
        return;
    }
    require(slice_find(out, end) == out.n - end.n);
    for (size_t i = 0; i < out.n - 3; i++) {
        if (out.p[i] == '.' && (i == 0 || out.p[i - 1] == '\n'))
            continue;
        require(at < in.n && in.p[at] == out.p[i]);
        at++;
    }
    require(at == in.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct smtpc_lines l = {.dots = true};
    struct builder out;
    struct err err;
    int rc = 0;

    if (size == 0)
        return 0;
    struct slice in = slice_of(data + 1, size - 1);
    size_t step = data[0] % 16u + 1u;

    build_init(&out, 2 * size + 16);
    for (size_t at = 0; at < in.n && rc == 0; at += step)
        rc = smtpc_lines_feed(&l, slice_sub(in, at, step), &out, &err);
    if (rc == 0)
        rc = smtpc_lines_end(&l, &out, &err);
    if (rc == 0)
        check(in, build_slice(&out));
    build_done(&out);
    return 0;
}
