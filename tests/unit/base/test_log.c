#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/log.h"
#include "base/num.h"

static const struct clock frozen = {.frozen_ns = INT64_C(1700000000123456789)};

struct capture {
    struct log *log;
    int fd;
    char text[20000];
};

static void capture_open(struct capture *c, bool json, const struct clock *clock)
{
    c->fd = memfd_create("log", MFD_CLOEXEC);
    assert_true(c->fd >= 0);
    c->log = log_new(c->fd, json, clock);
    assert_non_null(c->log);
}

/* What was written since the last call. */
static struct slice capture_read(struct capture *c)
{
    ssize_t n = pread(c->fd, c->text, sizeof(c->text), 0);

    assert_true(n >= 0);
    assert_int_equal(ftruncate(c->fd, 0), 0);
    assert_int_equal(lseek(c->fd, 0, SEEK_SET), 0);
    return slice_of(c->text, (size_t)n);
}

static void capture_close(struct capture *c)
{
    log_free(c->log);
    (void)fd_close(c->fd);
}

static void assert_text(struct slice is, const char *expected)
{
    if (!slice_eq(is, slice_str(expected)))
        fail_msg("wrote: %.*s", SLICE_FMT(is));
}

static void test_logfmt(void **state)
{
    struct capture c;

    (void)state;
    capture_open(&c, false, &frozen);
    log_set_role(c.log, "mx");
    log_event(c.log, LOG_INFO, "smtp", 0x18f3a, "message delivered",
              LOG_STR("from", "ann@example.org"), LOG_NUM("size_bytes", -3),
              LOG_HEX("id", UINT64_MAX), LOG_STR("empty", ""), LOG_STR("quoted", "a b"));
    assert_text(capture_read(&c),
                "t=2023-11-14T22:13:20.123Z l=info m=\"message delivered\" role=mx pkg=smtp "
                "cid=18f3a from=ann@example.org size_bytes=-3 id=ffffffffffffffff empty= "
                "quoted=\"a b\"\n");
    capture_close(&c);
}

static void test_json(void **state)
{
    struct capture c;

    (void)state;
    capture_open(&c, true, NULL);
    log_event(c.log, LOG_WARN, "imap", 0, "x", LOG_STR("k", "v\"\\\n\x7f"), LOG_NUM("n", 7));
    assert_text(capture_read(&c),
                "{\"l\":\"warn\",\"m\":\"x\",\"pkg\":\"imap\",\"k\":\"v\\\"\\\\\\n\\u007f\","
                "\"n\":7}\n");
    capture_close(&c);
}

/* A reader of JSON strings as strict as RFC 8259 7. */
static void skip_json_string(struct cursor *c)
{
    cur_byte(c, '"', "quote");
    while (cur_ok(c) && cur_peek(c) != '"') {
        int byte = cur_peek(c);

        if (byte < 0x20 || byte >= 0x7f)
            cur_reject(c, "printable ASCII");
        (void)cur_take(c, 1, "character");
        if (byte != '\\')
            continue;
        if (cur_eat(c, 'u'))
            (void)cur_take(c, 4, "four digits");
        else if (!cur_eat(c, '"') && !cur_eat(c, '\\') && !cur_eat(c, 'n') && !cur_eat(c, 'r') &&
                 !cur_eat(c, 't'))
            cur_reject(c, "escape");
    }
    cur_byte(c, '"', "quote");
}

static void assert_json_object_line(struct slice line)
{
    struct cursor c = cur_init(line);

    cur_byte(&c, '{', "brace");
    do {
        skip_json_string(&c);
        cur_byte(&c, ':', "colon");
        if (cur_peek(&c) == '"') {
            skip_json_string(&c);
        } else {
            (void)cur_eat(&c, '-');
            (void)cur_number(&c, UINT64_MAX, "number");
        }
    } while (cur_eat(&c, ','));
    cur_byte(&c, '}', "brace");
    cur_byte(&c, '\n', "line end");
    cur_end(&c, "end");
    if (!cur_ok(&c))
        fail_msg("expected %s at %zu of %.*s", c.rule, c.at, SLICE_FMT(line));
}

/* Whatever a peer sends as a value: one line, no field more than was written. */
static void test_values_cannot_break_out(void **state)
{
    struct capture plain, json;
    uint8_t value[64];

    (void)state;
    capture_open(&plain, false, NULL);
    capture_open(&json, true, NULL);
    for (unsigned byte = 0; byte < 256; byte++) {
        memset(value, (int)byte, sizeof(value));
        memcpy(value + 4, "\" l=error m=\"x", 14);
        log_event(plain.log, LOG_INFO, "p", 0, "m", LOG_SLICE("v", slice_of(value, 64)));
        log_event(json.log, LOG_INFO, "p", 0, "m", LOG_SLICE("v", slice_of(value, 64)));
        struct slice line = capture_read(&plain);

        assert_int_equal(slice_find_byte(line, '\n'), line.n - 1);
        assert_true(slice_starts(line, SLICE("l=info m=\"m\" pkg=p v=")));
        struct cursor c = cur_init(slice_from(line, strlen("l=info m=\"m\" pkg=p v=")));

        skip_json_string(&c);
        cur_byte(&c, '\n', "line end");
        cur_end(&c, "end");
        assert_true(cur_ok(&c));
        assert_json_object_line(capture_read(&json));
    }
    capture_close(&plain);
    capture_close(&json);
}

static void test_long_lines_are_cut(void **state)
{
    static uint8_t big[5000];
    struct capture c;

    (void)state;
    memset(big, 'x', sizeof(big));
    for (int json = 0; json < 2; json++) {
        capture_open(&c, json, NULL);
        log_event(c.log, LOG_INFO, "p", 0, "m", LOG_SLICE("a", slice_of(big, sizeof(big))),
                  LOG_SLICE("b", slice_of(big, sizeof(big))),
                  LOG_SLICE("c", slice_of(big, sizeof(big))),
                  LOG_SLICE("d", slice_of(big, sizeof(big))), LOG_NUM("last", 1));
        struct slice line = capture_read(&c);

        assert_in_range(line.n, 3000, 4010);
        assert_int_equal(slice_find_byte(line, '\n'), line.n - 1);
        assert_true(slice_find(line, SLICE("last")) != SIZE_MAX);
        if (json)
            assert_json_object_line(line);
        capture_close(&c);
    }
}

static void test_levels(void **state)
{
    struct capture c;
    struct err err;

    (void)state;
    capture_open(&c, false, NULL);
    assert_true(log_wants(c.log, LOG_INFO, "smtp"));
    assert_false(log_wants(c.log, LOG_DEBUG, "smtp"));
    assert_int_equal(log_set_levels(c.log, SLICE("warn,smtp=debug,imap=error"), &err), 0);
    assert_true(log_wants(c.log, LOG_DEBUG, "smtp"));
    assert_false(log_wants(c.log, LOG_TRACE, "smtp"));
    assert_true(log_wants(c.log, LOG_ERROR, "imap"));
    assert_false(log_wants(c.log, LOG_WARN, "imap"));
    assert_true(log_wants(c.log, LOG_WARN, "net"));
    assert_false(log_wants(c.log, LOG_INFO, "net"));
    log_event(c.log, LOG_INFO, "net", 0, "not wanted");
    assert_int_equal(capture_read(&c).n, 0);
    log_event(NULL, LOG_ERROR, "net", 0, "no log at all");
    capture_close(&c);
}

static void test_bad_levels_change_nothing(void **state)
{
    static const char *const bad[] = {
        "",
        "loud",
        "info,",
        "info,smtp",
        "info,smtp=loud",
        "info,=debug",
        "smtp=debug",
        "INFO",
        "info,name_of_16_chars=info",
        ("info,a=info,b=info,c=info,d=info,e=info,f=info,g=info,h=info,i=info,j=info,k=info,l=info,"
         "m=info,n=info,o=info,p=info,q=info"),
    };
    struct capture c;
    struct err err;

    (void)state;
    capture_open(&c, false, NULL);
    assert_int_equal(log_set_levels(c.log, SLICE(" error , name_of_15_char=trace"), &err), 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        if (log_set_levels(c.log, slice_str(bad[i]), &err) != -ERR_SYNTAX)
            fail_msg("\"%s\" is taken", bad[i]);
        assert_false(log_wants(c.log, LOG_WARN, "smtp"));
        assert_true(log_wants(c.log, LOG_TRACE, "name_of_15_char"));
    }
    capture_close(&c);
}

static void test_error_fields(void **state)
{
    struct capture c;
    struct err err;

    (void)state;
    capture_open(&c, false, NULL);
    (void)err_set(&err, ERR_IO, "write failed");
    (void)err_detail(&err, "disk");
    log_err(c.log, LOG_ERROR, "store", 1, "commit", &err);
    assert_text(capture_read(&c), "l=error m=\"commit\" pkg=store cid=1 err=\"write failed: disk\" "
                                  "kind=io\n");
    capture_close(&c);
}

#define LOGGERS 8
#define LINES_EACH 500

static void *log_much(void *arg)
{
    struct log *log = arg;
    char text[300];

    memset(text, 'x', sizeof(text));
    for (int i = 0; i < LINES_EACH; i++)
        log_event(log, LOG_INFO, "test", 0, "line",
                  LOG_SLICE("text", slice_of(text, (size_t)i % sizeof(text))));
    return NULL;
}

static bool is_whole(struct slice line)
{
    return slice_starts(line, SLICE("l=info m=\"line\" pkg=test text=")) &&
           slice_ends(line, SLICE("\n")) &&
           slice_find(slice_from(line, 1), SLICE("l=info")) == SIZE_MAX;
}

/* Lines of many threads arrive all, and whole. */
static void test_many_threads(void **state)
{
    pthread_t threads[LOGGERS];
    FILE *file = tmpfile();
    struct log *log = log_new(fileno(file), false, NULL);
    char line[1024];
    int lines = 0;

    (void)state;
    for (int i = 0; i < LOGGERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_much, log), 0);
    for (int i = 0; i < LOGGERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    rewind(file);
    while (fgets(line, sizeof(line), file)) {
        assert_true(is_whole(slice_str(line)));
        lines++;
    }
    assert_int_equal(lines, LOGGERS * LINES_EACH);
    log_free(log);
    (void)fclose(file);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logfmt),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_values_cannot_break_out),
        cmocka_unit_test(test_long_lines_are_cut),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_bad_levels_change_nothing),
        cmocka_unit_test(test_error_fields),
        cmocka_unit_test(test_many_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
