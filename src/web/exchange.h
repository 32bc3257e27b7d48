/* One request and its answer. A handler looks at the request and calls one web_answer_*; the
 * connection writes it when the handler has returned. Everything lives in `a`, until then. */
#pragma once

#include "edge/edge.h"
#include "web/request.h"

struct json_t;

/* A file of the pages, built into the program. */
struct web_file {
    const char *path; /* "/account/index.html" */
    const char *type;
    const char *etag; /* quoted; of the content */
    const uint8_t *data;
    size_t n;
    bool lasting; /* its name changes with its content */
};

struct web_exchange {
    struct conn *c;
    const struct edge_listener *listener;
    const struct http_request *q;
    struct arena *a;
    bool tls;

    /* The answer. */
    unsigned status;
    struct slice type; /* of the body; empty: there is none */
    struct slice body; /* or: */
    const struct web_file *file;
    struct builder fields; /* lines of further fields */
    uint32_t delay_s;      /* said so much later, against guessing */
    bool close;            /* the last one on this connection */
};

/* A redirect repeats the target of its request. */
#define WEB_FIELDS_MAX (HTTP_HEAD_MAX + 4096u)

/* "404 Not Found", as text and as the reason of the status line. */
const char *web_status_text(unsigned status);

void web_answer_text(struct web_exchange *x, unsigned status);
/* Takes the reference. A value that cannot be written (memory) becomes status 500. */
void web_answer_json(struct web_exchange *x, unsigned status, struct json_t *value);
void web_answer_file(struct web_exchange *x, const struct web_file *file);
/* location: a path of ours or a URL without control characters. */
void web_answer_redirect(struct web_exchange *x, unsigned status, struct slice location);
/* Adds a field; the value without CR and LF. */
void web_answer_field(struct web_exchange *x, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets or, with an empty value, deletes a cookie of the account page. max_age_s 0: until the
 * browser ends. */
void web_answer_cookie(struct web_exchange *x, const char *name, struct slice value,
                       uint32_t max_age_s);

/* Writes status line, fields and, but for files and HEAD, the body. Fields that did not fit become
 * status 500. */
void web_answer_write(struct web_exchange *x);

/* ---- handlers ---- */

/* Answers the request, whose head passed route_find. */
struct web_route {
    struct slice path; /* whole, or a prefix when it ends in "*" (which does not count) */
    unsigned methods;
    size_t body_max;
    void (*run)(struct web_exchange *x);
};
/* Of the request's path; NULL: there is none. */
const struct web_route *web_route_find(enum edge_service service, struct slice path);

/* api.c: POST /account/api/FUNCTION */
void web_api_run(struct web_exchange *x);
#define WEB_API_PREFIX "/account/api/"

/* metrics.c: GET /metrics */
void web_metrics_run(struct web_exchange *x);
