/* The head is collected until its empty line, checked, and then parsed in one go: the parser's
 * pieces are slices of it. The body is read as it comes. */
#include "web/request.h"

#include <stdlib.h>

#include "base/num.h"
#include "base/secret.h"
#include "web/request_private.h"

void http_reader_init(struct http_reader *r)
{
    *r = (struct http_reader){0};
    build_init(&r->head, HTTP_HEAD_MAX);
}

void http_reader_reset(struct http_reader *r)
{
    /* They may hold passwords and tokens. */
    if (r->head.p)
        wipe(r->head.p, r->head.n);
    if (r->body.p)
        wipe(r->body.p, r->body.n);
    build_done(&r->head);
    build_done(&r->body);
    build_done(&r->line);
    build_done(&r->path);
    free(r->request);
    http_reader_init(r);
}

bool http_reader_idle(const struct http_reader *r)
{
    return r->head.n == 0;
}

static enum http_step refuse(struct http_reader *r, unsigned status)
{
    r->status = status;
    return HTTP_STEP_REFUSED;
}

/* ---- what the parser tells ---- */

static struct http_reader *reader_of(const http_parser *p)
{
    return p->data;
}

static int on_url(http_parser *p, const char *at, size_t n)
{
    reader_of(p)->request->target = slice_of(at, n);
    return 0;
}

/* Fields come whole: the head is parsed in one go. */
static int on_field(http_parser *p, const char *at, size_t n)
{
    struct http_reader *r = reader_of(p);

    if (r->request->fields_n == HTTP_FIELDS_MAX) {
        r->status = 431;
        return 1;
    }
    r->request->fields[r->request->fields_n++].name = slice_of(at, n);
    return 0;
}

static int on_value(http_parser *p, const char *at, size_t n)
{
    struct http_request *q = reader_of(p)->request;

    if (q->fields_n > 0)
        q->fields[q->fields_n - 1].value = slice_trim(slice_of(at, n));
    return 0;
}

/* The head is whole: the body is not the parser's. */
static int on_fields_end(http_parser *p)
{
    struct http_reader *r = reader_of(p);

    r->request->keep_alive = http_should_keep_alive(p) != 0 && !p->upgrade;
    r->parsed = true;
    return 0;
}

static const http_parser_settings callbacks = {
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_fields_end,
};

static unsigned status_of(const struct http_reader *r)
{
    if (r->status)
        return r->status;
    switch (HTTP_PARSER_ERRNO(&r->parser)) {
    case HPE_INVALID_METHOD:
        return 501;
    case HPE_INVALID_VERSION:
        return 505;
    default:
        return 400;
    }
}

/* ---- the head ---- */

static enum web_method method_of(unsigned method)
{
    switch (method) {
    case HTTP_GET:
        return WEB_GET;
    case HTTP_HEAD:
        return WEB_HEAD;
    case HTTP_POST:
        return WEB_POST;
    default:
        return WEB_OTHER;
    }
}

/* 0, or the status of the refusal. */
static unsigned read_fields(struct http_reader *r)
{
    struct http_request *q = r->request;
    unsigned hosts = 0;

    for (size_t i = 0; i < q->fields_n; i++) {
        struct slice name = q->fields[i].name, value = q->fields[i].value;

        if (slice_eq_nocase(name, SLICE("Host"))) {
            q->host = value;
            hosts++;
        } else if (slice_eq_nocase(name, SLICE("Transfer-Encoding"))) {
            /* RFC 9112 6.1: only chunked is known; two fields are a list of codings. */
            if (!slice_eq_nocase(value, SLICE("chunked")) || q->chunked)
                return 501;
            q->chunked = true;
        } else if (slice_eq_nocase(name, SLICE("Content-Length"))) {
            q->length = r->parser.content_length;
        } else if (slice_eq_nocase(name, SLICE("Expect"))) {
            /* RFC 9110 10.1.1: ignored in HTTP/1.0. */
            q->expects = r->parser.http_minor > 0 && slice_eq_nocase(value, SLICE("100-continue"));
        }
    }
    /* RFC 9112 3.2: exactly one Host. */
    if (hosts > 1 || (hosts == 0 && r->parser.http_minor > 0))
        return 400;
    /* RFC 9112 6.1: chunked in HTTP/1.0 means that somebody in between did not understand it. */
    return q->chunked && r->parser.http_minor == 0 ? 400 : 0;
}

static enum http_step parse_head(struct http_reader *r)
{
    struct slice head = build_slice(&r->head);

    if (!http_head_strict(head))
        return refuse(r, 400);
    r->request = calloc(1, sizeof(*r->request));
    if (!r->request)
        return refuse(r, 503);
    http_parser_init(&r->parser, HTTP_REQUEST);
    r->parser.data = r;
    size_t n = http_parser_execute(&r->parser, &callbacks, (const char *)head.p, head.n);

    if (HTTP_PARSER_ERRNO(&r->parser) != HPE_OK || n != head.n || !r->parsed)
        return refuse(r, status_of(r));
    if (r->parser.http_major != 1)
        return refuse(r, 505);
    unsigned status = read_fields(r);

    if (status == 0)
        status = http_target_read(r);
    if (status != 0)
        return refuse(r, status);
    r->request->method = method_of(r->parser.method);
    r->left = r->request->length;
    r->complete = r->left == 0 && !r->request->chunked;
    return HTTP_STEP_HEAD;
}

/* Collects octets; *whole_out: the empty line is there. false: too many. */
static bool collect_head(struct http_reader *r, struct slice in, size_t *used_out, bool *whole_out)
{
    size_t used = 0;

    /* RFC 9112 2.2: an empty line before a request is ignored. */
    while (r->head.n == 0 && used < in.n && (in.p[used] == '\r' || in.p[used] == '\n'))
        used++;
    size_t from = r->head.n < 3 ? 0 : r->head.n - 3;
    size_t room = HTTP_HEAD_MAX - r->head.n;
    struct slice next = slice_sub(in, used, room);

    build_bytes(&r->head, next);
    size_t end = slice_find(slice_from(build_slice(&r->head), from), SLICE("\r\n\r\n"));

    *whole_out = end != SIZE_MAX;
    if (*whole_out) {
        size_t total = from + end + 4;

        used += next.n - (r->head.n - total);
        build_truncate(&r->head, total);
    } else {
        used += next.n;
    }
    *used_out = used;
    return build_ok(&r->head) && (*whole_out || r->head.n < HTTP_HEAD_MAX);
}

/* Whether this can become a request: it begins with a word in capitals, and its first line names
 * HTTP. TLS on the plain port, or a line of SMTP, is not waited for. */
static bool may_be_http(struct slice head)
{
    size_t end = slice_find_byte(head, '\n');
    struct slice line = slice_trim(slice_sub(head, 0, end));

    for (size_t i = 0; i < head.n && head.p[i] != ' '; i++)
        if (head.p[i] < 'A' || head.p[i] > 'Z' || i >= 20)
            return false;
    return end == SIZE_MAX ||
           slice_starts(slice_from(line, line.n - MIN(line.n, 9u)), SLICE(" HTTP/"));
}

static enum http_step feed_head(struct http_reader *r, struct slice in, size_t *used_out)
{
    bool whole;

    if (!collect_head(r, in, used_out, &whole))
        return refuse(r, slice_find_byte(build_slice(&r->head), '\n') == SIZE_MAX ? 414 : 431);
    if (!may_be_http(build_slice(&r->head)))
        return refuse(r, 400);
    return whole ? parse_head(r) : HTTP_STEP_MORE;
}

/* ---- the body ---- */

enum http_step http_reader_body(struct http_reader *r, size_t max)
{
    r->in_body = true;
    if (r->complete)
        return HTTP_STEP_WHOLE;
    if (r->left > max)
        return refuse(r, 413);
    build_init(&r->body, max);
    build_init(&r->line, HTTP_CHUNK_LINE_MAX);
    return HTTP_STEP_MORE;
}

static enum http_step feed_body(struct http_reader *r, struct slice in, size_t *used_out)
{
    unsigned status = http_body_read(r, in, used_out);

    if (status != 0)
        return refuse(r, status);
    if (!r->complete)
        return HTTP_STEP_MORE;
    r->request->body = build_slice(&r->body);
    return HTTP_STEP_WHOLE;
}

enum http_step http_reader_feed(struct http_reader *r, struct slice in, size_t *used_out)
{
    *used_out = 0;
    if (!r->in_body)
        return feed_head(r, in, used_out);
    return r->complete ? HTTP_STEP_WHOLE : feed_body(r, in, used_out);
}
