#include "web/exchange.h"

#include <jansson.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/num.h"

static const struct {
    unsigned status;
    const char *text;
} statuses[] = {
    {200, "200 OK"},
    {303, "303 See Other"},
    {304, "304 Not Modified"},
    {308, "308 Permanent Redirect"},
    {400, "400 Bad Request"},
    {403, "403 Forbidden"},
    {404, "404 Not Found"},
    {405, "405 Method Not Allowed"},
    {408, "408 Request Timeout"},
    {413, "413 Content Too Large"},
    {414, "414 URI Too Long"},
    {429, "429 Too Many Requests"},
    {431, "431 Request Header Fields Too Large"},
    {501, "501 Not Implemented"},
    {503, "503 Service Unavailable"},
    {505, "505 HTTP Version Not Supported"},
};

const char *web_status_text(unsigned status)
{
    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
        if (statuses[i].status == status)
            return statuses[i].text;
    return "500 Internal Server Error";
}

void web_answer_text(struct web_exchange *x, unsigned status)
{
    x->status = status;
    x->type = SLICE("text/plain; charset=utf-8");
    x->body = arena_printf(x->a, "%s\n", web_status_text(status));
}

void web_answer_json(struct web_exchange *x, unsigned status, json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;

    json_decref(value);
    x->body = text ? arena_copy(x->a, slice_str(text)) : SLICE("");
    free(text);
    if (x->body.n == 0) {
        web_answer_text(x, 500);
        return;
    }
    x->status = status;
    x->type = SLICE("application/json; charset=utf-8");
    web_answer_field(x, "Cache-Control", "no-store");
}

void web_answer_file(struct web_exchange *x, const struct web_file *file)
{
    web_answer_field(x, "ETag", "%s", file->etag);
    web_answer_field(x, "Cache-Control",
                     file->lasting ? "public, max-age=31536000, immutable" : "no-cache");
    if (http_etag_listed(x->q, slice_str(file->etag))) {
        x->status = 304;
        return;
    }
    x->status = 200;
    x->type = slice_str(file->type);
    x->file = file;
}

void web_answer_redirect(struct web_exchange *x, unsigned status, struct slice location)
{
    web_answer_text(x, status);
    /* Not printed: SLICE_FMT shortens. */
    build_text(&x->fields, "Location: ");
    build_bytes(&x->fields, location);
    build_text(&x->fields, "\r\n");
}

void web_answer_field(struct web_exchange *x, const char *name, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    build_printf(&x->fields, "%s: ", name);
    build_vprintf(&x->fields, format, args);
    build_text(&x->fields, "\r\n");
    va_end(args);
}

/* RFC 6265 4.1 */
void web_answer_cookie(struct web_exchange *x, const char *name, struct slice value,
                       uint32_t max_age_s)
{
    build_printf(&x->fields, "Set-Cookie: %s=%.*s; Path=/account/; HttpOnly; SameSite=Strict%s",
                 name, SLICE_FMT(value), x->tls ? "; Secure" : "");
    if (max_age_s > 0 || value.n == 0)
        build_printf(&x->fields, "; Max-Age=%u", max_age_s);
    build_text(&x->fields, "\r\n");
}

/* Nothing from elsewhere, nothing inline, no frames. The names of the page's own files are all that
 * it may load. */
#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "              \
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "            \
    "require-trusted-types-for 'script'"

/* RFC 9110 5.6.7, 6.6.1 */
static void write_date(struct web_exchange *x)
{
    struct clock_utc t = clock_utc_of(clock_now_ns(conn_env(x->c)->clock) / NS_PER_S);

    conn_printf(x->c, "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n",
                clock_weekday_name(t.weekday), t.day, clock_month_name(t.month), t.year, t.hour,
                t.minute, t.second);
}

static void write_security(struct web_exchange *x)
{
    const struct edge_settings *settings = x->listener->settings;

    conn_write(x->c, SLICE("X-Frame-Options: deny\r\n"
                           "X-Content-Type-Options: nosniff\r\n"
                           "Content-Security-Policy: " POLICY "\r\n"
                           "Referrer-Policy: same-origin\r\n"
                           "Cross-Origin-Opener-Policy: same-origin\r\n"
                           "Cross-Origin-Resource-Policy: same-origin\r\n"));
    /* RFC 6797: not for localhost, where other programs use other ports of the same name. */
    if (x->tls && x->q && !slice_eq_nocase(settings->hostname, SLICE("localhost")))
        conn_write(x->c, SLICE("Strict-Transport-Security: max-age=31536000\r\n"));
}

void web_answer_write(struct web_exchange *x)
{
    if (!build_ok(&x->fields)) {
        build_done(&x->fields);
        x->file = NULL;
        x->close = true;
        web_answer_text(x, 500);
    }
    size_t n = x->file ? x->file->n : x->body.n;

    conn_printf(x->c, "HTTP/1.1 %s\r\n", web_status_text(x->status));
    write_date(x);
    if (x->type.n > 0)
        conn_printf(x->c, "Content-Type: %.*s\r\n", SLICE_FMT(x->type));
    if (x->status != 304)
        conn_printf(x->c, "Content-Length: %zu\r\n", n);
    if (x->close)
        conn_write(x->c, SLICE("Connection: close\r\n"));
    conn_write(x->c, build_slice(&x->fields));
    write_security(x);
    conn_write(x->c, SLICE("\r\n"));
    if (!x->file && !(x->q && x->q->method == WEB_HEAD))
        conn_write(x->c, x->body);
}
