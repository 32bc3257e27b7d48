/* HTTP/1.1 requests: from octets to a request (RFC 9112), with limits.
 *
 *   struct http_reader r;
 *   http_reader_init(&r);
 *   switch (http_reader_feed(&r, in, &used)) {
 *   case HTTP_STEP_HEAD:    the head is in r.request: http_reader_body(&r, max), then feed on
 *   case HTTP_STEP_WHOLE:   the body too; http_reader_reset before the next one
 *   case HTTP_STEP_MORE:    everything was used, more is needed
 *   case HTTP_STEP_REFUSED: r.status says why: answer it and close
 *
 * libhttp-parser reads the grammar; it is lenient in places, so the head is looked at before. What
 * is refused although RFC 9112 lets a server accept it: line ends without CR, folded fields, blanks
 * before a colon, Transfer-Encoding other than "chunked" or beside Content-Length, several Host
 * fields, LF without CR between chunks. Nothing is kept of a request that was not pipelined: an
 * idle reader owns no memory. */
#pragma once

#include <http_parser.h>
#include <stdbool.h>

#include "base/builder.h"
#include "base/slice.h"

#define HTTP_HEAD_MAX (16u * 1024) /* octets of request line and fields */
#define HTTP_FIELDS_MAX 100u       /* also of a trailer, which is not kept */
#define HTTP_CHUNK_LINE_MAX 1024u  /* octets of the lines between chunks */

enum web_method { WEB_GET = 1u << 0, WEB_HEAD = 1u << 1, WEB_POST = 1u << 2, WEB_OTHER = 1u << 3 };

struct http_field {
    struct slice name, value; /* value without blanks around it */
};

/* Everything borrows from the reader until its reset. */
struct http_request {
    enum web_method method;
    struct slice path;  /* percent-decoded, begins with "/"; no control characters */
    struct slice query; /* as sent, without "?" */
    struct slice target;
    struct slice host; /* Host, or the authority of an absolute target; may be empty in HTTP/1.0 */
    struct slice body;
    struct http_field fields[HTTP_FIELDS_MAX];
    size_t fields_n;
    uint64_t length; /* Content-Length, or 0 */
    bool chunked;
    bool expects;    /* Expect: 100-continue */
    bool keep_alive; /* the connection may serve another one */
};

enum http_step { HTTP_STEP_MORE, HTTP_STEP_HEAD, HTTP_STEP_WHOLE, HTTP_STEP_REFUSED };

struct http_reader {
    struct http_request *request; /* NULL before the head is whole */
    unsigned status;              /* after HTTP_STEP_REFUSED: 400, 413, 414, 431, 501, 505 */

    bool complete; /* the whole message has come */

    /* Inside. */
    struct http_parser parser; /* of the head */
    bool parsed;               /* it came to the end of the fields */
    bool in_body;
    struct builder head, body, path;
    uint64_t left; /* octets of the body, or of this chunk */
    struct builder line;
    unsigned trailers;
    enum { HTTP_CHUNK_SIZE, HTTP_CHUNK_END, HTTP_CHUNK_TRAILER } chunk;
};

void http_reader_init(struct http_reader *r);
/* Forgets the request and gives back its memory. */
void http_reader_reset(struct http_reader *r);
/* Takes octets up to the end of the head, or of the message. */
enum http_step http_reader_feed(struct http_reader *r, struct slice in, size_t *used_out);
/* After HTTP_STEP_HEAD: how long a body may be. HTTP_STEP_WHOLE when there is none, HTTP_STEP_MORE
 * when feeding goes on, HTTP_STEP_REFUSED when it is announced to be longer. */
enum http_step http_reader_body(struct http_reader *r, size_t max);
/* Nothing of a request has come. */
bool http_reader_idle(const struct http_reader *r);

/* The first field of that name; empty when there is none. */
struct slice http_field(const struct http_request *request, struct slice name);
/* The value of a cookie; empty when there is none, or two of that name (RFC 6265 4.2). */
struct slice http_cookie(const struct http_request *request, struct slice name);
/* Whether If-None-Match says that the client has what the entity tag (with its quotes) names. RFC
 * 9110 13.1.2; tags of ours hold no comma. */
bool http_etag_listed(const struct http_request *request, struct slice etag);
