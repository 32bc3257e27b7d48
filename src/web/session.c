/* A connection: requests one after the other, each answered before the next one is looked at.
 *
 *   HEAD --whole--> checks, route --> BODY --whole--> handler --> answer (file: produced) --> HEAD
 *
 * What is refused before its body was read ends the connection, because what follows is not known
 * to be a request. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "net/limiter.h"
#include "web/exchange.h"
#include "web/host.h"
#include "web/web.h"

#define IDLE_S 65     /* between requests */
#define REQUEST_S 30  /* silence within one */
#define RATE_MIN 2000 /* octets per minute, within one */

struct web_session {
    struct conn *c;
    const struct edge_listener *listener;
    struct http_reader reader;
    const struct web_route *route;
    /* A file under way. */
    const struct web_file *file;
    size_t sent;
    bool close;
};

static void exchange_init(struct web_exchange *x, struct web_session *s)
{
    *x = (struct web_exchange){
        .c = s->c,
        .listener = s->listener,
        .q = s->reader.request,
        .a = conn_arena(s->c),
        .tls = conn_tls(s->c).on,
        .close = s->reader.request == NULL || !s->reader.request->keep_alive,
    };
    build_init(&x->fields, WEB_FIELDS_MAX);
}

static void log_answer(const struct web_exchange *x)
{
    /* The path, never the query: it may hold a token. */
    conn_log(x->c, LOG_DEBUG, "http request", LOG_SLICE("path", x->q ? x->q->path : SLICE("")),
             LOG_NUM("status", x->status), LOG_SLICE("host", x->q ? x->q->host : SLICE("")));
    /* The next request may be another's: proxies share connections. */
    conn_set_user(x->c, SLICE(""));
}

/* Writes the answer; what the connection does next. */
static enum conn_next finish(struct web_session *s, struct web_exchange *x)
{
    bool head = x->q && x->q->method == WEB_HEAD;

    log_answer(x);
    if (x->delay_s > 0 && !s->listener->settings->no_delays)
        conn_delay(s->c, x->delay_s);
    web_answer_write(x);
    build_done(&x->fields);
    http_reader_reset(&s->reader);
    s->route = NULL;
    s->close = x->close;
    conn_set_timeout(s->c, IDLE_S);
    conn_set_min_rate(s->c, 0);
    if (x->file && !head) {
        s->file = x->file;
        s->sent = 0;
        conn_set_producer(s->c);
        return CONN_AGAIN;
    }
    return s->close ? CONN_CLOSE : CONN_AGAIN;
}

static enum conn_next refuse(struct web_session *s, unsigned status)
{
    struct web_exchange x;

    exchange_init(&x, s);
    x.close = x.close || s->reader.status != 0 || !s->reader.complete;
    web_answer_text(&x, status);
    if (status == 405 && s->route)
        web_answer_field(&x, "Allow", "%s", s->route->methods & WEB_POST ? "POST" : "GET, HEAD");
    return finish(s, &x);
}

/* Plain HTTP serves nothing but the way to HTTPS, except where passwords may be sent without TLS.
 */
static enum conn_next to_https(struct web_session *s, struct slice name)
{
    uint32_t port = s->listener->settings->ports[EDGE_HTTPS];
    const struct http_request *q = s->reader.request;
    bool literal = slice_find_byte(name, ':') != SIZE_MAX;
    _cleanup_(build_done) struct builder location = {0};
    struct web_exchange x;

    if (port == 0)
        return refuse(s, 404);
    exchange_init(&x, s);
    x.close = x.close || !s->reader.complete;
    build_init(&location, WEB_FIELDS_MAX);
    build_printf(&location, literal ? "https://[%.*s]" : "https://%.*s", SLICE_FMT(name));
    if (port != 443)
        build_printf(&location, ":%u", port);
    build_bytes(&location, slice_starts(q->target, SLICE("/")) ? q->target : SLICE("/"));
    web_answer_redirect(&x, 308, build_slice(&location));
    return finish(s, &x);
}

/* The head is there. *on_out: the request goes on; else it was answered. */
static enum conn_next check_head(struct web_session *s, bool *on_out)
{
    const struct edge_settings *settings = s->listener->settings;
    const struct http_request *q = s->reader.request;
    struct slice name = host_name(q->host);

    *on_out = false;
    if (s->listener->request_rate && !limiter_add(s->listener->request_rate, conn_remote(s->c), 1))
        return refuse(s, 429);
    if (q->host.n > 0 && name.n == 0)
        return refuse(s, 400);
    if (!host_is_ours(name, settings->hostname))
        return refuse(s, 404);
    if (s->listener->service != EDGE_METRICS && !conn_tls(s->c).on && !settings->plain_auth)
        return to_https(s, name);
    s->route = web_route_find(s->listener->service, q->path);
    if (!s->route)
        return refuse(s, 404);
    if (!(s->route->methods & q->method))
        return refuse(s, 405);
    *on_out = true;
    return CONN_MORE;
}

static enum conn_next run(struct web_session *s)
{
    struct web_exchange x;

    exchange_init(&x, s);
    s->route->run(&x);
    return finish(s, &x);
}

static enum conn_next on_head(struct web_session *s)
{
    bool on;
    enum conn_next next = check_head(s, &on);

    if (!on)
        return next;
    switch (http_reader_body(&s->reader, s->route->body_max)) {
    case HTTP_STEP_WHOLE:
        return run(s);
    case HTTP_STEP_REFUSED:
        return refuse(s, s->reader.status);
    default:
        break;
    }
    /* RFC 9110 10.1.1 */
    if (s->reader.request->expects)
        conn_write(s->c, SLICE("HTTP/1.1 100 Continue\r\n\r\n"));
    return CONN_AGAIN;
}

static enum conn_next session_input(struct conn *c, void *session, struct slice in,
                                    size_t *used_out)
{
    struct web_session *s = session;

    if (http_reader_idle(&s->reader)) {
        conn_set_timeout(c, REQUEST_S);
        conn_set_min_rate(c, RATE_MIN);
    }
    switch (http_reader_feed(&s->reader, in, used_out)) {
    case HTTP_STEP_HEAD:
        return on_head(s);
    case HTTP_STEP_WHOLE:
        return run(s);
    case HTTP_STEP_REFUSED:
        return refuse(s, s->reader.status);
    case HTTP_STEP_MORE:
        break;
    }
    return CONN_MORE;
}

static enum conn_next session_produce(struct conn *c, void *session)
{
    struct web_session *s = session;
    struct slice rest = slice_from(slice_of(s->file->data, s->file->n), s->sent);
    struct slice next = slice_sub(rest, 0, CONN_OUTPUT_HIGH);

    conn_write(c, next);
    s->sent += next.n;
    if (next.n < rest.n)
        return CONN_AGAIN;
    s->file = NULL;
    return s->close ? CONN_CLOSE : CONN_MORE;
}

static void *session_open(struct conn *c, const void *service)
{
    struct web_session *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->c = c;
    s->listener = service;
    http_reader_init(&s->reader);
    conn_set_timeout(c, REQUEST_S);
    return s;
}

static enum conn_next session_secured(struct conn *c, void *session)
{
    (void)c;
    (void)session;
    return CONN_MORE;
}

static enum conn_next session_wake(struct conn *c, void *session, unsigned events)
{
    (void)c;
    (void)session;
    (void)events;
    return CONN_MORE;
}

static enum conn_next session_timeout(struct conn *c, void *session)
{
    struct web_session *s = session;

    (void)c;
    return http_reader_idle(&s->reader) ? CONN_CLOSE : refuse(s, 408);
}

static enum conn_next session_stopping(struct conn *c, void *session)
{
    (void)c;
    (void)session;
    return CONN_CLOSE;
}

static void session_close(struct conn *c, void *session)
{
    struct web_session *s = session;

    (void)c;
    http_reader_reset(&s->reader);
    free(s);
}

const struct protocol web_protocol = {
    .name = "web",
    .open = session_open,
    .input = session_input,
    .secured = session_secured,
    .produce = session_produce,
    .wake = session_wake,
    .timeout = session_timeout,
    .stopping = session_stopping,
    .close = session_close,
};
