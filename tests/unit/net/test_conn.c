/* Connections over real loopback sockets, plain, with immediate TLS and with STARTTLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "echo.h"
#include "net/limiter.h"

static void sleep_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

static bool comes_to(_Atomic unsigned *counter, unsigned value)
{
    for (int i = 0; i < 10000 && atomic_load(counter) != value; i++)
        sleep_ms(1);
    return atomic_load(counter) == value;
}

enum way { PLAIN, IMMEDIATE_12, IMMEDIATE_13, STARTTLS_12, STARTTLS_13, WAYS };

static void start(struct echo_server *s, enum way way)
{
    echo_server_start(
        s, &(struct echo_options){.tls = way != PLAIN,
                                  .tls_immediate = way == IMMEDIATE_12 || way == IMMEDIATE_13});
}

/* Connects and reads up to the end of the greeting. */
static void greet(struct client *c, const struct echo_server *s, enum way way)
{
    int version = way == IMMEDIATE_12 || way == STARTTLS_12 ? TLS1_2_VERSION : TLS1_3_VERSION;

    client_connect(c, s);
    if (way == IMMEDIATE_12 || way == IMMEDIATE_13)
        assert_true(client_tls(c, (struct slice){NULL, 0}, version));
    client_expect(c, "hello");
    if (way == STARTTLS_12 || way == STARTTLS_13) {
        client_send(c, SLICE("STARTTLS\r\n"));
        client_expect(c, "go");
        assert_true(client_tls(c, (struct slice){NULL, 0}, version));
    }
}

static void test_conversation(void **state)
{
    static const char *const versions[WAYS] = {"none 0", "TLS1.2 ", "TLS1.3 ", "TLS1.2 ",
                                               "TLS1.3 "};

    (void)state;
    for (enum way way = PLAIN; way < WAYS; way++) {
        struct echo_server s;
        struct client c;
        char buf[256];

        start(&s, way);
        greet(&c, &s, way);
        client_send(&c, SLICE("TLS?\r\n"));
        assert_non_null(client_line(&c, buf));
        assert_memory_equal(buf, versions[way], strlen(versions[way]));
        /* Several commands in one record, the last in two halves. */
        client_send(&c, SLICE("one\r\ntwo\r\nthree\r\nfo"));
        client_expect(&c, "echo one");
        client_expect(&c, "echo two");
        client_expect(&c, "echo three");
        sleep_ms(20);
        client_send(&c, SLICE("ur\r\nQUIT\r\nignored\r\n"));
        client_expect(&c, "echo four");
        client_expect(&c, "bye");
        client_expect(&c, NULL);
        client_close(&c);
        assert_true(comes_to(&s.service.closed, 1));
        echo_server_stop(&s);
    }
}

/* The record arrives octet by octet: nothing spins, nothing is lost. */
static void test_record_in_pieces(void **state)
{
    struct echo_server s;
    struct client c;
    uint8_t record[512];

    (void)state;
    start(&s, IMMEDIATE_13);
    greet(&c, &s, IMMEDIATE_13);
    BIO *socket_bio = SSL_get_wbio(c.ssl), *memory = BIO_new(BIO_s_mem());

    BIO_up_ref(socket_bio);
    SSL_set0_wbio(c.ssl, memory);
    client_send(&c, SLICE("in pieces\r\n"));
    int n = BIO_read(memory, record, sizeof(record));

    SSL_set0_wbio(c.ssl, socket_bio);
    assert_true(n > 11);
    for (int i = 0; i < n; i++) {
        assert_int_equal(send(c.fd, record + i, 1, 0), 1);
        sleep_ms(1);
    }
    client_expect(&c, "echo in pieces");
    client_close(&c);
    echo_server_stop(&s);
}

/* RFC 3207 4.2: what was smuggled in behind STARTTLS is never answered. */
static void test_plain_text_behind_starttls(void **state)
{
    struct echo_server s;
    struct client c;

    (void)state;
    start(&s, STARTTLS_13);
    client_connect(&c, &s);
    client_expect(&c, "hello");
    client_send(&c, SLICE("STARTTLS\r\ninjected\r\n"));
    client_expect(&c, NULL);
    client_close(&c);
    assert_true(comes_to(&s.service.closed, 1));
    echo_server_stop(&s);
}

static void test_producer_and_slow_reader(void **state)
{
    static const size_t expect = ECHO_BIG + sizeof("\r\ndone\r\necho after\r\nbye\r\n") - 1;

    (void)state;
    for (enum way way = PLAIN; way < WAYS; way++) {
        struct echo_server s;
        struct client c;

        start(&s, way);
        greet(&c, &s, way);
        client_send(&c, SLICE("BIG\r\nafter\r\nQUIT\r\n"));
        sleep_ms(100);
        assert_int_equal(client_read_all(&c), expect);
        client_close(&c);
        echo_server_stop(&s);
    }
}

static void test_flood_ends_the_connection(void **state)
{
    struct echo_server s;
    struct client c;

    (void)state;
    start(&s, PLAIN);
    greet(&c, &s, PLAIN);
    client_send(&c, SLICE("FLOOD\r\n"));
    assert_true(comes_to(&s.service.closed, 1));
    client_close(&c);
    echo_server_stop(&s);
}

static void test_input_without_end(void **state)
{
    struct echo_server s;
    struct client c;
    static const uint8_t junk[4096];
    ssize_t n = 1;

    (void)state;
    start(&s, PLAIN);
    greet(&c, &s, PLAIN);
    for (int i = 0; i < 1000 && n > 0 && !atomic_load(&s.service.closed); i++)
        n = send(c.fd, junk, sizeof(junk), MSG_NOSIGNAL);
    assert_true(comes_to(&s.service.closed, 1));
    client_close(&c);
    echo_server_stop(&s);
}

/* As much input as may wait, and then its end: one command of CONN_INPUT_MAX octets works. */
static void test_longest_input(void **state)
{
    struct echo_server s;
    struct client c;
    char *line = malloc(CONN_INPUT_MAX);

    (void)state;
    memset(line, 'x', CONN_INPUT_MAX);
    memcpy(line + CONN_INPUT_MAX - 2, "\r\n", 2);
    start(&s, IMMEDIATE_13);
    greet(&c, &s, IMMEDIATE_13);
    client_send(&c, slice_of(line, CONN_INPUT_MAX));
    client_send(&c, SLICE("QUIT\r\n"));
    assert_int_equal(client_read_all(&c), strlen("echo ") + CONN_INPUT_MAX + strlen("bye\r\n"));
    client_close(&c);
    free(line);
    echo_server_stop(&s);
}

static void test_timeouts(void **state)
{
    struct echo_server s;
    struct client c, half;

    (void)state;
    echo_server_start(&s, &(struct echo_options){.tls = true, .timeout_s = 1});
    client_connect(&c, &s);
    client_expect(&c, "hello");
    /* Half a handshake is given up too. */
    client_connect(&half, &s);
    client_expect(&half, "hello");
    client_send(&half, SLICE("STARTTLS\r\n"));
    client_expect(&half, "go");
    client_send(&half, SLICE("\x16\x03\x01"));
    client_expect(&c, "too slow");
    client_expect(&c, NULL);
    client_expect(&half, NULL);
    client_close(&c);
    client_close(&half);
    echo_server_stop(&s);
}

static void test_minimum_rate(void **state)
{
    static const uint8_t much[3001] = "much and more\r\n";
    struct echo_server s;
    struct client fast, slow;

    (void)state;
    start(&s, PLAIN);
    greet(&fast, &s, PLAIN);
    greet(&slow, &s, PLAIN);
    client_send(&fast, SLICE("RATE\r\n"));
    client_expect(&fast, "echo RATE");
    client_send(&slow, SLICE("RATE\r\nlittle\r\n"));
    client_send(&fast, slice_of(much, sizeof(much)));
    client_expect(&fast, "echo much and more");
    client_expect(&slow, "echo RATE");
    client_expect(&slow, "echo little");
    client_expect(&slow, "too slow");
    client_expect(&slow, NULL);
    client_send(&fast, SLICE("\r\nTLS?\r\n"));
    char buf[256];

    assert_non_null(client_line(&fast, buf));
    client_expect(&fast, "none 0");
    client_close(&fast);
    client_close(&slow);
    echo_server_stop(&s);
}

static void test_delay(void **state)
{
    struct echo_server s;
    struct client c;
    int64_t begin = clock_mono_ns();

    (void)state;
    start(&s, PLAIN);
    greet(&c, &s, PLAIN);
    client_send(&c, SLICE("DELAY\r\nnext\r\n"));
    client_expect(&c, "echo DELAY");
    assert_true(clock_mono_ns() - begin >= NS_PER_S);
    client_expect(&c, "echo next");
    /* A peer that resets while it is delayed is noticed at once. */
    client_send(&c, SLICE("DELAY\r\n"));
    sleep_ms(20);
    const struct linger reset = {.l_onoff = 1};

    assert_int_equal(setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
    client_close(&c);
    assert_true(comes_to(&s.service.closed, 1));
    echo_server_stop(&s);
}

static void test_wakes(void **state)
{
    struct echo_server s;
    struct client c;

    (void)state;
    start(&s, IMMEDIATE_13);
    greet(&c, &s, IMMEDIATE_13);
    conn_wake(s.service.last_ref, 0x8001);
    client_expect(&c, "woken 8001");
    for (int i = 0; i < 100; i++) {
        conn_wake(s.service.last_ref, 2);
        client_expect(&c, "woken 2");
    }
    client_send(&c, SLICE("DROP\r\n"));
    client_expect(&c, NULL);
    client_close(&c);
    assert_true(comes_to(&s.service.closed, 1));
    conn_wake(s.service.last_ref, 1);
    echo_server_stop(&s);
}

static void test_stop_says_farewell(void **state)
{
    struct echo_server s;
    struct client plain, secured, delayed;

    (void)state;
    start(&s, STARTTLS_13);
    greet(&plain, &s, PLAIN);
    greet(&secured, &s, STARTTLS_13);
    greet(&delayed, &s, PLAIN);
    client_send(&delayed, SLICE("DELAY\r\n"));
    sleep_ms(20);
    loop_wake_all(s.loop, LOOP_STOP);
    client_expect(&plain, "stopping");
    client_expect(&plain, NULL);
    client_expect(&secured, "stopping");
    client_expect(&secured, NULL);
    client_expect(&delayed, "echo DELAY");
    client_expect(&delayed, "stopping");
    client_close(&plain);
    client_close(&secured);
    client_close(&delayed);
    echo_server_stop(&s);
}

static int connect_errno(const struct echo_server *s)
{
    const struct sockaddr_in in = {.sin_family = AF_INET,
                                   .sin_port = htons(s->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = connect(fd, (const struct sockaddr *)&in, sizeof(in)) < 0 ? errno : 0;

    assert_int_equal(close(fd), 0);
    return rc;
}

/* What a process does that has been replaced. */
static void test_listening_ends_and_connections_go_on(void **state)
{
    struct echo_server s;
    struct client c;

    (void)state;
    start(&s, PLAIN);
    greet(&c, &s, PLAIN);
    conn_listen_end(s.loop, s.listening);
    for (int i = 0; i < 200 && loop_count(s.loop) > 1; i++)
        sleep_ms(10);
    assert_int_equal(loop_count(s.loop), 1);
    assert_int_equal(connect_errno(&s), ECONNREFUSED);
    client_send(&c, SLICE("still here\r\n"));
    client_expect(&c, "echo still here");
    conn_listen_end(s.loop, s.listening); /* a second time is harmless */
    client_close(&c);
    echo_server_stop(&s);
}

static void test_limits(void **state)
{
    static const struct clock clock;
    const struct limiter_config two = {{{0, {2, 2, 2}}}, 1};
    struct limiter *open = limiter_new(&two, &clock);
    struct echo_server s;
    struct client a, b, c;

    (void)state;
    echo_server_start(&s, &(struct echo_options){.open = open});
    greet(&a, &s, PLAIN);
    greet(&b, &s, PLAIN);
    client_connect(&c, &s);
    client_expect(&c, "too many");
    client_expect(&c, NULL);
    client_close(&c);
    client_close(&a);
    assert_true(comes_to(&s.service.closed, 1));
    sleep_ms(20);
    greet(&c, &s, PLAIN);
    client_close(&b);
    client_close(&c);
    echo_server_stop(&s);
    const struct addr loopback = {.ip = {127, 0, 0, 1}, .ip_n = 4};

    assert_true(limiter_room(open, &loopback, 2));
    limiter_free(open);
}

static void test_full_loop_refuses(void **state)
{
    struct echo_server s;
    struct client a, b;

    (void)state;
    echo_server_start(&s, &(struct echo_options){.connections_max = 1});
    greet(&a, &s, PLAIN);
    client_connect(&b, &s);
    client_expect(&b, "too many");
    client_close(&b);
    client_close(&a);
    echo_server_stop(&s);
}

/* No descriptors: accepting pauses without using the processor, and goes on afterwards. */
static void test_no_descriptors(void **state)
{
    struct rlimit before, none;
    struct rusage from, to;
    struct echo_server s;
    struct client c;

    (void)state;
    start(&s, PLAIN);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    c = (struct client){.fd = -1};
    client_connect(&c, &s);
    client_expect(&c, "hello");
    struct client late = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};

    none = (struct rlimit){.rlim_cur = 3, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct sockaddr_storage ss;
    socklen_t ss_n = sizeof(ss);

    assert_int_equal(getpeername(c.fd, (struct sockaddr *)&ss, &ss_n), 0);
    assert_int_equal(connect(late.fd, (struct sockaddr *)&ss, ss_n), 0);
    assert_int_equal(getrusage(RUSAGE_SELF, &from), 0);
    sleep_ms(700);
    assert_int_equal(getrusage(RUSAGE_SELF, &to), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    int64_t used_us = (to.ru_utime.tv_sec - from.ru_utime.tv_sec) * 1000000 +
                      (to.ru_utime.tv_usec - from.ru_utime.tv_usec) +
                      (to.ru_stime.tv_sec - from.ru_stime.tv_sec) * 1000000 +
                      (to.ru_stime.tv_usec - from.ru_stime.tv_usec);

    assert_true(used_us < 200000);
    client_expect(&late, "hello");
    client_close(&late);
    client_close(&c);
    echo_server_stop(&s);
}

static void test_alpn(void **state)
{
    static const struct {
        const char *name;
        struct slice offer;
        bool expect;
    } rows[] = {
        {"nothing offered", {NULL, 0}, true},
        {"ours",
         SLICE_INIT("\x04"
                    "echo"),
         true},
        {"ours among others",
         SLICE_INIT("\x02h2\x04"
                    "echo"),
         true},
        {"others", SLICE_INIT("\x02h2\x08http/1.1"), false},
        {"a prefix of ours",
         SLICE_INIT("\x03"
                    "ech"),
         false},
    };
    struct echo_server s;

    (void)state;
    echo_server_start(&s,
                      &(struct echo_options){.tls = true, .tls_immediate = true, .alpn = "echo"});
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct client c;

        client_connect(&c, &s);
        if (client_tls(&c, rows[i].offer, TLS1_3_VERSION) != rows[i].expect)
            fail_msg("%s", rows[i].name);
        if (rows[i].expect)
            client_expect(&c, "hello");
        client_close(&c);
    }
    echo_server_stop(&s);
}

static void test_old_tls_is_refused(void **state)
{
    struct echo_server s;
    struct client c;

    (void)state;
    start(&s, IMMEDIATE_13);
    client_connect(&c, &s);
    assert_false(client_tls(&c, (struct slice){NULL, 0}, TLS1_1_VERSION));
    client_close(&c);
    echo_server_stop(&s);
}

/* A whole server behind the door of an edge: handshakes, answers, threads, shutdown. */
static void serve_in_sandbox(int port_fd, int end_fd)
{
    struct echo_server s;
    char c;

    echo_server_start(&s, &(struct echo_options){.tls = true, .sandbox = true, .timeout_s = 1});
    if (write(port_fd, &s.port, sizeof(s.port)) != (ssize_t)sizeof(s.port) ||
        read(end_fd, &c, 1) != 0)
        _exit(1);
    echo_server_stop(&s);
    _exit(0);
}

static void test_sandbox(void **state)
{
    struct echo_server s = {.port = 0};
    int port[2], end[2], status = -1;

    (void)state;
    assert_int_equal(pipe(port) | pipe(end), 0);
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(end[1]);
        serve_in_sandbox(port[1], end[0]);
    }
    (void)close(port[1]);
    (void)close(end[0]);
    assert_int_equal(read(port[0], &s.port, sizeof(s.port)), sizeof(s.port));
    for (enum way way = PLAIN; way < WAYS; way++) {
        struct client c;

        if (way == IMMEDIATE_12 || way == IMMEDIATE_13)
            continue;
        greet(&c, &s, way);
        client_send(&c, SLICE("BIG\r\nQUIT\r\n"));
        assert_true(client_read_all(&c) > ECHO_BIG);
        client_close(&c);
    }
    struct client idle;

    greet(&idle, &s, STARTTLS_13);
    client_expect(&idle, "too slow");
    client_close(&idle);
    (void)close(end[1]);
    (void)close(port[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversation),
        cmocka_unit_test(test_record_in_pieces),
        cmocka_unit_test(test_plain_text_behind_starttls),
        cmocka_unit_test(test_producer_and_slow_reader),
        cmocka_unit_test(test_flood_ends_the_connection),
        cmocka_unit_test(test_input_without_end),
        cmocka_unit_test(test_longest_input),
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_minimum_rate),
        cmocka_unit_test(test_delay),
        cmocka_unit_test(test_wakes),
        cmocka_unit_test(test_stop_says_farewell),
        cmocka_unit_test(test_listening_ends_and_connections_go_on),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_full_loop_refuses),
        cmocka_unit_test(test_no_descriptors),
        cmocka_unit_test(test_alpn),
        cmocka_unit_test(test_old_tls_is_refused),
        cmocka_unit_test(test_sandbox),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
