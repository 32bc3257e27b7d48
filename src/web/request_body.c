/* The body: as long as Content-Length says, or in chunks. RFC 9112 6.2, 7.1.
 *
 * http-parser would undo chunks too, but takes lines of chunks and of the trailer whose end another
 * reader sees elsewhere: LF without CR, and any octets in an extension. */
#include "base/ascii.h"
#include "base/cursor.h"
#include "base/num.h"
#include "web/request_private.h"

#define SIZE_DIGITS 8u

static void take_data(struct http_reader *r, struct slice in, size_t *used)
{
    struct slice data = slice_sub(in, *used, (size_t)MIN(r->left, (uint64_t)in.n));

    build_bytes(&r->body, data);
    *used += data.n;
    r->left -= data.n;
}

/* false: the line is not whole yet. */
static bool take_line(struct http_reader *r, struct slice in, size_t *used)
{
    struct slice rest = slice_from(in, *used);
    size_t end = slice_find_byte(rest, '\n');
    size_t n = end == SIZE_MAX ? rest.n : end + 1;

    build_bytes(&r->line, slice_sub(rest, 0, n));
    *used += n;
    return end != SIZE_MAX;
}

static bool is_hex(int byte)
{
    return ascii_hex_value(byte) >= 0;
}

/* chunk-size [ chunk-ext ]: nothing that is an extension is known. */
static unsigned read_size(struct http_reader *r, struct slice line)
{
    struct cursor c = cur_init(line);
    struct slice digits = cur_span(&c, is_hex, 1, "size");

    if (!cur_ok(&c) || digits.n > SIZE_DIGITS || (!cur_at_end(&c) && cur_peek(&c) != ';'))
        return 400;
    r->left = 0;
    for (size_t i = 0; i < digits.n; i++)
        r->left = r->left * 16 + (uint64_t)ascii_hex_value(digits.p[i]);
    if (r->left > r->body.max - r->body.n)
        return 413;
    r->chunk = r->left > 0 ? HTTP_CHUNK_END : HTTP_CHUNK_TRAILER;
    return 0;
}

/* A line of the framing, with its LF. 0, or the status of the refusal. */
static unsigned read_line(struct http_reader *r, struct slice line)
{
    if (!slice_ends(line, SLICE("\r\n")))
        return 400;
    line.n -= 2;
    for (size_t i = 0; i < line.n; i++)
        if (ascii_is_control(line.p[i]) && line.p[i] != '\t')
            return 400;
    switch (r->chunk) {
    case HTTP_CHUNK_SIZE:
        return read_size(r, line);
    case HTTP_CHUNK_END:
        r->chunk = HTTP_CHUNK_SIZE;
        return line.n == 0 ? 0 : 400;
    default:
        break;
    }
    r->complete = line.n == 0;
    if (++r->trailers > HTTP_FIELDS_MAX)
        return 431;
    return r->complete || http_field_strict(line) ? 0 : 400;
}

static unsigned read_chunks(struct http_reader *r, struct slice in, size_t *used)
{
    unsigned status = 0;

    while (status == 0 && !r->complete && *used < in.n) {
        if (r->left > 0) {
            take_data(r, in, used);
        } else if (take_line(r, in, used)) {
            status = build_ok(&r->line) ? read_line(r, build_slice(&r->line)) : 400;
            build_truncate(&r->line, 0);
        } else if (!build_ok(&r->line)) {
            status = 400;
        }
    }
    return status;
}

unsigned http_body_read(struct http_reader *r, struct slice in, size_t *used_out)
{
    unsigned status = 0;

    if (r->request->chunked) {
        status = read_chunks(r, in, used_out);
    } else {
        take_data(r, in, used_out);
        r->complete = r->left == 0;
    }
    return status == 0 && !build_ok(&r->body) ? 503 : status;
}
