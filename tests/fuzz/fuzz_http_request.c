/* fuzz: dep_web */
/* Pipelined requests. The first octet says how the rest is cut. Laws: however the octets come, the
 * same requests are read, and the same refusal; what is read borrows from the reader and holds no
 * control characters where none may be. */
#include <stdlib.h>

#include "base/ascii.h"
#include "web/host.h"
#include "web/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BODY_MAX 1024u
#define READ_MAX 64u

struct read {
    unsigned status; /* 0: whole */
    size_t path_n, body_n, fields_n, cookie_n;
};

static void check(const struct http_request *q)
{
    if (q->path.n == 0 || q->path.p[0] != '/' || q->body.n > BODY_MAX)
        abort();
    for (size_t i = 0; i < q->path.n; i++)
        if (ascii_is_control(q->path.p[i]))
            abort();
    for (size_t i = 0; i < q->fields_n; i++)
        if (q->fields[i].name.n == 0 || slice_find(q->fields[i].value, SLICE("\n")) != SIZE_MAX)
            abort();
}

/* All requests; their number. */
static size_t read_all(struct slice in, size_t step, struct read out[READ_MAX])
{
    struct http_reader r;
    size_t n = 0, at = 0;

    http_reader_init(&r);
    while (at < in.n && n < READ_MAX) {
        size_t used = 0;
        enum http_step next = http_reader_feed(&r, slice_sub(in, at, step), &used);

        at += used;
        if (next == HTTP_STEP_HEAD)
            next = http_reader_body(&r, BODY_MAX);
        if (next == HTTP_STEP_REFUSED) {
            out[n++] = (struct read){.status = r.status};
            break;
        }
        if (next != HTTP_STEP_WHOLE)
            continue;
        check(r.request);
        out[n++] = (struct read){0, r.request->path.n, r.request->body.n, r.request->fields_n,
                                 http_cookie(r.request, SLICE("a")).n};
        (void)host_is_ours(host_name(r.request->host), SLICE("mail.example"));
        http_reader_reset(&r);
    }
    http_reader_reset(&r);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct read whole[READ_MAX], cut[READ_MAX];

    if (size < 2)
        return 0;
    struct slice in = slice_of(data + 1, size - 1);
    size_t n = read_all(in, SIZE_MAX, whole);

    if (read_all(in, 1u + data[0] % 64, cut) != n)
        abort();
    for (size_t i = 0; i < n; i++) {
        bool refused = whole[i].status != 0;

        if (refused != (cut[i].status != 0) ||
            (!refused &&
             (whole[i].path_n != cut[i].path_n || whole[i].body_n != cut[i].body_n ||
              whole[i].fields_n != cut[i].fields_n || whole[i].cookie_n != cut[i].cookie_n)))
            abort();
    }
    return 0;
}
