#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "runtime/metrics.h"

struct fixture {
    int fds[2];
    struct metrics *m[2];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct err err;

    assert_non_null(f);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(metrics_segment_new(&f->fds[i], &err), 0);
        assert_int_equal(metrics_map(f->fds[i], /* writable= */ true, &f->m[i], &err), 0);
    }
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 2; i++) {
        metrics_unmap(f->m[i]);
        (void)fd_close(f->fds[i]);
    }
    free(f);
    return 0;
}

/* The text over both segments; the caller frees it. */
static char *rendered(struct fixture *f)
{
    struct builder b;
    struct err err;
    size_t n;

    build_init(&b, METRICS_TEXT_MAX);
    assert_int_equal(metrics_render(&(struct metrics_view){f->m, 2}, &b, &err), 0);
    build_byte(&b, '\0');
    return (char *)build_take(&b, &n);
}

static void assert_has(const char *text, const char *lines)
{
    if (!strstr(text, lines))
        fail_msg("no such lines:\n%s", lines);
}

static void test_sums_over_segments(void **state)
{
    struct fixture *f = *state;

    metrics_add(f->m[0], METRIC_CONNECTIONS, 1, "smtp", "smtp");
    metrics_add(f->m[0], METRIC_CONNECTIONS, 2, "smtp", "submission");
    metrics_add(f->m[1], METRIC_CONNECTIONS, 40, "smtp", "smtp");
    metrics_add(f->m[0], METRIC_STORE_WRITES, 7);
    metrics_add(NULL, METRIC_STORE_WRITES, 7);
    _cleanup_free_ char *text = rendered(f);

    assert_has(text, "# HELP godwit_connections_total Connections, also those that were refused.\n"
                     "# TYPE godwit_connections_total counter\n"
                     "godwit_connections_total{protocol=\"smtp\",service=\"smtp\"} 41\n"
                     "godwit_connections_total{protocol=\"smtp\",service=\"submission\"} 2\n"
                     "# HELP ");
    assert_has(text, "# TYPE godwit_store_writes_total counter\ngodwit_store_writes_total 7\n");
    /* Without labels: there from the start. */
    assert_has(text, "\ngodwit_store_queue_length 0\n");
    assert_has(text, "\ngodwit_metrics_dropped_total 0\n");
}

static void test_histogram_is_cumulative(void **state)
{
    struct fixture *f = *state;
    const char *const labels[] = {"smtp", "rcpt", "550", "5.1.1", NULL};

    metrics_observe_labels(f->m[0], METRIC_SMTP_COMMAND, 1 * NS_PER_MS, labels);
    metrics_observe_labels(f->m[0], METRIC_SMTP_COMMAND, 1 * NS_PER_MS + 1, labels);
    metrics_observe_labels(f->m[1], METRIC_SMTP_COMMAND, 40 * NS_PER_MS, labels);
    metrics_observe_labels(f->m[1], METRIC_SMTP_COMMAND, 121 * NS_PER_S, labels);
    _cleanup_free_ char *text = rendered(f);

#define RCPT "kind=\"smtp\",cmd=\"rcpt\",code=\"550\",ecode=\"5.1.1\""
    assert_has(text, "# TYPE godwit_smtp_command_duration_seconds histogram\n"
                     "godwit_smtp_command_duration_seconds_bucket{" RCPT ",le=\"0.001\"} 1\n"
                     "godwit_smtp_command_duration_seconds_bucket{" RCPT ",le=\"0.005\"} 2\n"
                     "godwit_smtp_command_duration_seconds_bucket{" RCPT ",le=\"0.01\"} 2\n"
                     "godwit_smtp_command_duration_seconds_bucket{" RCPT ",le=\"0.05\"} 3\n");
    assert_has(text, "_bucket{" RCPT ",le=\"120\"} 3\n"
                     "godwit_smtp_command_duration_seconds_bucket{" RCPT ",le=\"+Inf\"} 4\n"
                     "godwit_smtp_command_duration_seconds_sum{" RCPT "} 121.042000001\n"
                     "godwit_smtp_command_duration_seconds_count{" RCPT "} 4\n");
    assert_has(text, "godwit_store_commit_writes_bucket{le=\"1\"} 0\n");
    assert_has(text, "godwit_store_commit_writes_sum 0\ngodwit_store_commit_writes_count 0\n");
}

/* What peers can choose does not make new series. */
static void test_labels_are_bounded(void **state)
{
    static const struct {
        const char *cmd, *code, *ecode, *expect;
    } rows[] = {
        {"mail", "250", "2.1.0", "cmd=\"mail\",code=\"250\",ecode=\"2.1.0\""},
        {"GET / HTTP/1.1\"\n", "500", "5.5.2", "cmd=\"(unknown)\",code=\"500\",ecode=\"5.5.2\""},
        {"data", "354", "", "cmd=\"data\",code=\"354\",ecode=\"\""},
        {"auth", "525", "5.7.13", "cmd=\"auth\",code=\"525\",ecode=\"5.7.13\""},
        {"quit", "1000", "5.7.100", "cmd=\"quit\",code=\"\",ecode=\"\""},
        {"noop", "000", "0.0.0", "cmd=\"noop\",code=\"000\",ecode=\"0.0.0\""},
        {"vrfy", "999", "9.9.99", "cmd=\"vrfy\",code=\"999\",ecode=\"9.9.99\""},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        metrics_observe(f->m[0], METRIC_SMTP_COMMAND, 0, "submission", rows[i].cmd, rows[i].code,
                        rows[i].ecode);
    metrics_add(f->m[0], METRIC_STARTTLS_ERRORS, 1, "alert-255-of-their-own");
    _cleanup_free_ char *text = rendered(f);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_has(text, rows[i].expect);
    assert_has(text, "godwit_starttls_errors_total{reason=\"other\"} 1\n");
}

static void test_full_family_counts_what_it_drops(void **state)
{
    struct fixture *f = *state;
    char code[4];

    for (int i = 0; i < 600; i++) {
        (void)snprintf(code, sizeof(code), "%03d", i);
        metrics_observe(f->m[0], METRIC_SMTP_COMMAND, 0, "smtp", "mail", code, "");
    }
    _cleanup_free_ char *text = rendered(f);

    assert_has(text, "\ngodwit_metrics_dropped_total 88\n"); /* 600 - 512 */
}

static void test_gauges(void **state)
{
    struct fixture *f = *state;

    metrics_add(f->m[0], METRIC_STORE_QUEUE, 5);
    metrics_add(f->m[0], METRIC_STORE_QUEUE, -2);
    metrics_add(f->m[1], METRIC_STORE_QUEUE, -9);
    metrics_add(f->m[0], METRIC_STORE_WRITES, 3);
    {
        _cleanup_free_ char *text = rendered(f);

        assert_has(text, "# TYPE godwit_store_queue_length gauge\ngodwit_store_queue_length 0\n");
    }
    metrics_forget_gauges(f->m[1]);
    {
        _cleanup_free_ char *text = rendered(f);

        assert_has(text, "\ngodwit_store_queue_length 3\n");
    }
    metrics_forget_gauges(f->m[0]);
    _cleanup_free_ char *text = rendered(f);

    assert_has(text, "\ngodwit_store_queue_length 0\n");
    assert_has(text, "\ngodwit_store_writes_total 3\n");
}

/* The reader cannot write, and nobody can make it read where there is no memory. */
static void test_views_are_for_reading(void **state)
{
    struct fixture *f = *state;
    struct metrics *m;
    struct err err;
    int view;

    metrics_add(f->m[0], METRIC_STORE_WRITES, 3);
    assert_int_equal(metrics_segment_view(f->fds[0], &view, &err), 0);
    assert_int_not_equal(metrics_map(view, /* writable= */ true, &m, &err), 0);
    assert_int_equal(metrics_map(view, /* writable= */ false, &m, &err), 0);
    (void)fd_close(view);
    assert_int_not_equal(ftruncate(f->fds[0], 0), 0);
    assert_int_not_equal(ftruncate(f->fds[0], (off_t)metrics_size() + 1), 0);
    struct builder b;

    build_init(&b, METRICS_TEXT_MAX);
    assert_int_equal(metrics_render(&(struct metrics_view){&m, 1}, &b, &err), 0);
    assert_int_not_equal(slice_find(build_slice(&b), SLICE("\ngodwit_store_writes_total 3\n")),
                         SIZE_MAX);
    build_done(&b);
    metrics_unmap(m);
    int other = memfd_create("other", MFD_CLOEXEC);

    assert_true(other >= 0);
    assert_int_equal(metrics_map(other, true, &m, &err), -ERR_INVALID);
    (void)fd_close(other);
}

/* A process that was taken over may write anything into its segment. */
static void test_hostile_segment(void **state)
{
    struct fixture *f = *state;
    uint64_t *words = mmap(NULL, metrics_size(), PROT_WRITE, MAP_SHARED, f->fds[0], 0);

    assert_ptr_not_equal(words, MAP_FAILED);
    for (unsigned round = 0; round < 8; round++) {
        for (size_t i = 0; i < metrics_size() / 8; i++)
            words[i] =
                round == 0 ? UINT64_MAX : ((uint64_t)rand() << 33) ^ (uint64_t)rand() % 70000;
        _cleanup_free_ char *text = rendered(f);

        /* Lines have their form, whatever the numbers are. */
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
            assert_true(strncmp(line, "# ", 2) == 0 || strncmp(line, "godwit_", 7) == 0);
    }
    (void)munmap(words, metrics_size());
}

static void *count(void *arg)
{
    for (int i = 0; i < 20000; i++) {
        metrics_add(arg, METRIC_CONNECTIONS, 1, "smtp", i % 2 ? "smtp" : "submission");
        metrics_observe(arg, METRIC_STORE_COMMIT_WRITES, 3);
    }
    return NULL;
}

static void test_threads_lose_nothing(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, f->m[i % 2]), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    _cleanup_free_ char *text = rendered(f);

    assert_has(text, "\ngodwit_connections_total{protocol=\"smtp\",service=\"smtp\"} 40000\n");
    assert_has(text,
               "\ngodwit_connections_total{protocol=\"smtp\",service=\"submission\"} 40000\n");
    assert_has(text, "\ngodwit_store_commit_writes_count 80000\n");
    assert_has(text, "\ngodwit_store_commit_writes_sum 240000\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_sums_over_segments),
        TEST(test_histogram_is_cumulative),
        TEST(test_labels_are_bounded),
        TEST(test_full_family_counts_what_it_drops),
        TEST(test_gauges),
        TEST(test_views_are_for_reading),
        TEST(test_hostile_segment),
        TEST(test_threads_lose_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
