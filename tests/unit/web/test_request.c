/* Requests from octets: what is read, what is refused, however the octets come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/num.h"
#include "web/request.h"

#define BODY_MAX 16u

/* Feeds the octets in pieces; the status, or 0 with the request in the reader. 1: not whole. */
static unsigned feed(struct http_reader *r, struct slice in, size_t step, size_t *used_out)
{
    enum http_step next = HTTP_STEP_MORE;
    size_t total = 0;

    while (next == HTTP_STEP_MORE && total < in.n) {
        size_t used = 0;
        struct slice piece = slice_sub(in, total, step);

        next = http_reader_feed(r, piece, &used);
        assert_true(used <= piece.n);
        total += used;
        if (next == HTTP_STEP_HEAD)
            next = http_reader_body(r, BODY_MAX);
        if (next == HTTP_STEP_MORE && used == 0)
            break;
    }
    *used_out = total;
    if (next == HTTP_STEP_REFUSED)
        return r->status;
    return next == HTTP_STEP_WHOLE ? 0 : 1;
}

#define CHUNKED "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

static const struct {
    const char *name, *in;
    unsigned status;
    const char *path, *query, *host, *body;
} rows[] = {
    {"simple", "GET /a HTTP/1.1\r\nHost: x\r\n\r\n", 0, "/a", "", "x", ""},
    {"query", "GET /a?b=c?d HTTP/1.1\r\nHost: x\r\n\r\n", 0, "/a", "b=c?d", "x", ""},
    {"escapes", "GET /%41%2f%c3%a9 HTTP/1.1\r\nHost: x\r\n\r\n", 0, "/A/\xc3\xa9", "", "x", ""},
    {"absolute", "GET http://y:1/a?b HTTP/1.1\r\nHost: x\r\n\r\n", 0, "/a", "b", "y:1", ""},
    {"absolute without path", "GET https://y HTTP/1.1\r\nHost: x\r\n\r\n", 0, "/", "", "y", ""},
    {"empty line before", "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 0, "/", "", "x", ""},
    {"1.0 without host", "GET / HTTP/1.0\r\n\r\n", 0, "/", "", "", ""},
    {"body", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 0, "/", "", "x", "abc"},
    {"longest body", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 16\r\n\r\n0123456789abcdef", 0,
     "/", "", "x", "0123456789abcdef"},
    {"too long a body", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 17\r\n\r\n", 413, NULL, NULL,
     NULL, NULL},
    {"chunks",
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
     "chunked\r\n\r\n2;e=1\r\nab\r\n1\r\nc\r\n0\r\n"
     "T: 1\r\n\r\n",
     0, "/", "", "x", "abc"},
    {"chunks too long",
     "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n0123456789abcdefg\r\n",
     413, NULL, NULL, NULL, NULL},
    {"bare LF after a size", CHUNKED "2\nab\r\n0\r\n\r\n", 400, NULL, NULL, NULL, NULL},
    {"bare LF in an extension", CHUNKED "2;e\nx\r\nab\r\n0\r\n\r\n", 400, NULL, NULL, NULL, NULL},
    {"bare LF after a chunk", CHUNKED "2\r\nab\n0\r\n\r\n", 400, NULL, NULL, NULL, NULL},
    {"bare LF in the trailer", CHUNKED "0\r\nT: 1\n\n", 400, NULL, NULL, NULL, NULL},
    {"bare LF at the end", CHUNKED "0\r\n\n", 400, NULL, NULL, NULL, NULL},
    {"folded trailer", CHUNKED "0\r\nT: 1\r\n x\r\n\r\n", 400, NULL, NULL, NULL, NULL},
    {"longer chunk than said", CHUNKED "2\r\nabc\r\n0\r\n\r\n", 400, NULL, NULL, NULL, NULL},
    {"blank after a size", CHUNKED "2 \r\nab\r\n0\r\n\r\n", 400, NULL, NULL, NULL, NULL},
    {"signed size", CHUNKED "+2\r\nab\r\n0\r\n\r\n", 400, NULL, NULL, NULL, NULL},
    {"0x size", CHUNKED "0x2\r\nab\r\n0\r\n\r\n", 400, NULL, NULL, NULL, NULL},
    {"no size", CHUNKED "\r\nab\r\n0\r\n\r\n", 400, NULL, NULL, NULL, NULL},
    {"nine digits", CHUNKED "000000002\r\n", 400, NULL, NULL, NULL, NULL},
    {"large size", CHUNKED "ffffffff\r\n", 413, NULL, NULL, NULL, NULL},
    {"chunks not whole", CHUNKED "2\r\nab\r\n0\r\n", 1, NULL, NULL, NULL, NULL},
    {"both lengths",
     "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
     NULL, NULL, NULL, NULL},
    {"no host", "GET / HTTP/1.1\r\n\r\n", 400, NULL, NULL, NULL, NULL},
    {"two hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400, NULL, NULL, NULL, NULL},
    {"bare LF", "GET / HTTP/1.1\nHost: x\r\n\r\n", 400, NULL, NULL, NULL, NULL},
    {"bare CR", "GET / HTTP/1.1\r\nHost: x\rY: z\r\n\r\n", 400, NULL, NULL, NULL, NULL},
    {"folded", "GET / HTTP/1.1\r\nHost: x\r\n y\r\n\r\n", 400, NULL, NULL, NULL, NULL},
    {"blank before colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400, NULL, NULL, NULL, NULL},
    {"no colon", "GET / HTTP/1.1\r\nHost: x\r\nfoo\r\n\r\n", 400, NULL, NULL, NULL, NULL},
    {"no name", "GET / HTTP/1.1\r\n: x\r\n\r\n", 400, NULL, NULL, NULL, NULL},
    {"field before", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400, NULL, NULL, NULL, NULL},
    {"escape", "GET /%4 HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL, NULL, NULL, NULL},
    {"control by escape", "GET /%0a HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL, NULL, NULL, NULL},
    {"fragment", "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL, NULL, NULL, NULL},
    {"relative", "GET a HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL, NULL, NULL, NULL},
    {"version 2", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505, NULL, NULL, NULL, NULL},
    {"unknown method", "FETCH / HTTP/1.1\r\nHost: x\r\n\r\n", 501, NULL, NULL, NULL, NULL},
    {"lower case", "get / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL, NULL, NULL, NULL},
    {"SMTP", "EHLO x\r\n", 400, NULL, NULL, NULL, NULL},
    {"not whole", "GET / HTTP/1.1\r\nHost: x\r\n", 1, NULL, NULL, NULL, NULL},
    {"body not whole", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nab", 1, NULL, NULL,
     NULL, NULL},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct slice in = slice_str(rows[i].in);

        for (size_t step = 1; step <= in.n; step++) {
            struct http_reader r;
            size_t used;

            http_reader_init(&r);
            unsigned status = feed(&r, in, step, &used);

            if (status != rows[i].status)
                fail_msg("%s in steps of %zu: %u", rows[i].name, step, status);
            if (status == 0 &&
                (!slice_eq(r.request->path, slice_str(rows[i].path)) ||
                 !slice_eq(r.request->query, slice_str(rows[i].query)) ||
                 !slice_eq(r.request->host, slice_str(rows[i].host)) ||
                 !slice_eq(r.request->body, slice_str(rows[i].body)) || used != in.n))
                fail_msg("%s in steps of %zu", rows[i].name, step);
            http_reader_reset(&r);
        }
    }
}

/* The first request ends where the second begins. */
static void test_pipeline(void **state)
{
    struct slice second = SLICE("GET /second HTTP/1.1\r\nHost: x\r\n\r\n");

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct builder both;
        struct http_reader r;
        size_t used;

        if (rows[i].status != 0)
            continue;
        build_init(&both, 1000);
        build_text(&both, rows[i].in);
        build_bytes(&both, second);
        http_reader_init(&r);
        assert_int_equal(feed(&r, build_slice(&both), SIZE_MAX, &used), 0);
        if (used != strlen(rows[i].in))
            fail_msg("%s: %zu", rows[i].name, used);
        http_reader_reset(&r);
        assert_true(http_reader_idle(&r));
        assert_int_equal(feed(&r, slice_from(build_slice(&both), used), SIZE_MAX, &used), 0);
        assert_true(slice_eq(r.request->path, SLICE("/second")));
        http_reader_reset(&r);
        build_done(&both);
    }
}

static void repeat(struct builder *b, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        build_text(b, text);
}

static void test_limits(void **state)
{
    static const struct {
        size_t octets, fields;
        unsigned status;
    } limits[] = {
        {HTTP_HEAD_MAX - 1, 2, 0},   {HTTP_HEAD_MAX, 2, 0},   {HTTP_HEAD_MAX + 1, 2, 431},
        {0, HTTP_FIELDS_MAX - 1, 0}, {0, HTTP_FIELDS_MAX, 0}, {0, HTTP_FIELDS_MAX + 1, 431},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
        struct builder b;
        struct http_reader r;
        size_t used;

        build_init(&b, 2 * HTTP_HEAD_MAX);
        build_text(&b, "GET / HTTP/1.1\r\nHost: x\r\n");
        repeat(&b, "A: b\r\n", limits[i].fields - 2);
        build_text(&b, "C: ");
        if (limits[i].octets > 0)
            repeat(&b, "d", limits[i].octets - b.n - 4);
        build_text(&b, "\r\n\r\n");
        http_reader_init(&r);
        if (feed(&r, build_slice(&b), SIZE_MAX, &used) != limits[i].status)
            fail_msg("row %zu: %u", i, r.status);
        http_reader_reset(&r);
        build_done(&b);
    }
}

static void test_keep_alive(void **state)
{
    static const struct {
        const char *in;
        bool keep;
    } kept[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nHost: x\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
        struct http_reader r;
        size_t used;

        http_reader_init(&r);
        assert_int_equal(feed(&r, slice_str(kept[i].in), SIZE_MAX, &used), 0);
        assert_int_equal(r.request->keep_alive, kept[i].keep);
        http_reader_reset(&r);
    }
}

static void test_cookies(void **state)
{
    static const struct {
        const char *cookies, *value;
    } jars[] = {
        {"a=1", "1"},       {"b=2; a=1", "1"}, {"a=1; b=2", "1"}, {"aa=2; a=1", "1"},
        {"a=", ""},         {"b=2", ""},       {"a=1; a=2", ""},  {"a=1=2", "1=2"},
        {"; ;a=1;; ", "1"}, {"A=2", ""},       {"a", ""},         {"xa=1", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(jars); i++) {
        struct http_request q = {.fields_n = 1};

        q.fields[0].name = SLICE("cookie");
        q.fields[0].value = slice_str(jars[i].cookies);
        if (!slice_eq(http_cookie(&q, SLICE("a")), slice_str(jars[i].value)))
            fail_msg("%s", jars[i].cookies);
    }
}

/* RFC 9110 13.1.2 */
static void test_if_none_match(void **state)
{
    static const struct {
        const char *value;
        bool listed;
    } values[] = {
        {"\"a\"", true},         {"\"b\"", false},  {"*", true},       {"", false},
        {"\"b\", \"a\"", true},  {"W/\"a\"", true}, {"\"ab\"", false}, {"a", false},
        {"\"b\",W/\"a\"", true}, {",", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        struct http_request q = {.fields = {{SLICE("if-none-match"), slice_str(values[i].value)}},
                                 .fields_n = 1};

        if (http_etag_listed(&q, SLICE("\"a\"")) != values[i].listed)
            fail_msg("%s", values[i].value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),    cmocka_unit_test(test_pipeline),
        cmocka_unit_test(test_limits),  cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_cookies), cmocka_unit_test(test_if_none_match),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
