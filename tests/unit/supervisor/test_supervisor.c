/* The supervisor runs in a child of the test, with real processes (fake_role.c) below it; the test
 * plays the administrator on its control socket. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/num.h"
#include "supervisor/admin.h"
#include "supervisor/supervisor.h"

#define WAIT_MS 10000

struct fixture {
    char directory[64];
    char config[96];
    char data[96];
    uint16_t port;
    pid_t pid;
};

static void pause_ms(long ms)
{
    (void)usleep((useconds_t)ms * 1000);
}

static void write_file(const char *directory, const char *name, const char *text)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static bool is_free(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    _cleanup_fd_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int yes = 1;

    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), 0);
    return bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

/* The first of two free ports. They lie above those that the kernel gives to clients, so that no
 * connection of another program takes one meanwhile, and start where no other run of this test
 * does. */
static uint16_t free_ports(void)
{
    for (unsigned i = 0; i < 2000; i++) {
        uint16_t port = (uint16_t)(61000 + ((unsigned)getpid() + i) % 2000 * 2);

        if (is_free(port) && is_free((uint16_t)(port + 1)))
            return port;
    }
    fail_msg("no free ports");
    return 0;
}

static void write_config(const struct fixture *f, const char *more)
{
    char text[1024];

    (void)snprintf(text, sizeof(text),
                   "hostname = localhost\ndata_directory = data\nplain_auth = true\n"
                   "log { levels = error }\n"
                   "process mx { threads = 3 }\nprocess access { threads = 12 }\n"
                   "listener l {\n  addresses = {127.0.0.1}\n  smtp { port = %u }\n"
                   "  imap { port = %u }\n}\n%s",
                   f->port, f->port + 1u, more);
    write_file(f->directory, "godwit.conf", text);
}

static int setup(void **state)
{
    static struct fixture f;

    f = (struct fixture){.port = free_ports()};
    (void)snprintf(f.directory, sizeof(f.directory), "/tmp/test-supervisor-XXXXXX");
    assert_non_null(mkdtemp(f.directory));
    (void)snprintf(f.config, sizeof(f.config), "%s/godwit.conf", f.directory);
    (void)snprintf(f.data, sizeof(f.data), "%s/data", f.directory);
    for (int role = 0; role < CONFIG_ROLE_COUNT; role++) {
        char link[160];

        (void)snprintf(link, sizeof(link), "%s/godwit-%s", f.directory,
                       config_role_name((enum config_role)role));
        assert_int_equal(symlink(FAKE_ROLE, link), 0);
    }
    write_config(&f, "");
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    const struct fixture *f = *state;
    char command[128];

    if (f->pid > 0) {
        (void)kill(f->pid, SIGTERM);
        (void)waitpid(f->pid, NULL, 0);
    }
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", f->directory);
    return system(command);
}

/* The exit code says what kind of error it was. */
static void start(struct fixture *f)
{
    f->pid = fork();
    assert_true(f->pid >= 0);
    if (f->pid > 0)
        return;
    struct supervisor_options options = {
        .config_path = f->config, .program_directory = f->directory, .keep_user = true};
    struct err err = {0};

    if (supervisor_run(&options, &err) == 0)
        _exit(0);
    (void)fprintf(stderr, "supervisor: %s %s\n", err.text, err.detail);
    _exit(100 + (int)err.kind);
}

static int wait_exit(struct fixture *f)
{
    int status;

    assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
    f->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* How many lines of the notes begin so. */
static int noted(const struct fixture *f, const char *line)
{
    char path[128], text[128];
    int n = 0;

    (void)snprintf(path, sizeof(path), "%s/notes", f->directory);
    FILE *file = fopen(path, "re");

    while (file && fgets(text, sizeof(text), file))
        n += strncmp(text, line, strlen(line)) == 0;
    if (file)
        (void)fclose(file);
    return n;
}

static void wait_noted(const struct fixture *f, const char *line, int times)
{
    for (int i = 0; i < WAIT_MS / 10; i++) {
        if (noted(f, line) >= times)
            return;
        pause_ms(10);
    }
    fail_msg("not noted %d times: %s", times, line);
}

/* Calls until the server answers; the answer lives in `a`. */
static int ask(const struct fixture *f, Gw__AdminRequest *request, struct arena *a,
               const Gw__AdminResponse **out, int *fd_out, struct err *err)
{
    int fd = -1;

    for (int i = 0; i < WAIT_MS / 10 && admin_connect(f->data, &fd, err) < 0; i++)
        pause_ms(10);
    assert_true(fd >= 0);
    int rc = admin_call(fd, request, a, out, fd_out, err);

    (void)fd_close(fd);
    return rc;
}

/* The pid of a process of that role that is ready; waits for it. */
static pid_t pid_of(const struct fixture *f, const char *role, pid_t other_than)
{
    for (int i = 0; i < WAIT_MS / 10; i++) {
        Gw__AdminRequest request = GW__ADMIN_REQUEST__INIT;
        Gw__AdminStatus status = GW__ADMIN_STATUS__INIT;
        const Gw__AdminResponse *response;
        struct arena a;
        struct err err;
        pid_t pid = 0;

        request.request_case = GW__ADMIN_REQUEST__REQUEST_STATUS;
        request.status = &status;
        arena_init(&a, 1 << 20);
        assert_int_equal(ask(f, &request, &a, &response, NULL, &err), 0);
        for (size_t k = 0; k < response->n_processes; k++)
            if (response->processes[k]->ready &&
                slice_eq(
                    slice_of(response->processes[k]->role.data, response->processes[k]->role.len),
                    slice_str(role)) &&
                (pid_t)response->processes[k]->pid != other_than)
                pid = (pid_t)response->processes[k]->pid;
        arena_done(&a);
        if (pid)
            return pid;
        pause_ms(10);
    }
    fail_msg("%s does not become ready", role);
    return 0;
}

static bool can_connect(const struct fixture *f)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(f->port)};
    _cleanup_fd_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

static void test_start_and_stop(void **state)
{
    struct fixture *f = *state;
    int64_t before_ns = clock_mono_ns();

    start(f);
    (void)pid_of(f, "store", 0);
    (void)pid_of(f, "mx", 0);
    (void)pid_of(f, "access", 0);
    wait_noted(f, "mx listeners 1", 1);
    wait_noted(f, "access listeners 1", 1);
    wait_noted(f, "store listeners 0", 1);
    wait_noted(f, "mx channels 4", 1);
    wait_noted(f, "access channels 13", 1);
    wait_noted(f, "store channels 4", 1);
    wait_noted(f, "store channels 13", 1);
    assert_true(can_connect(f));
    assert_int_equal(kill(f->pid, SIGTERM), 0);
    assert_int_equal(wait_exit(f), 0);
    assert_int_equal(noted(f, "mx stopped 3000"), 1);
    assert_int_equal(noted(f, "access stopped 3000"), 1);
    assert_int_equal(noted(f, "store stopped 3"), 1);
    assert_true(clock_mono_ns() - before_ns < 8 * NS_PER_S);
    assert_false(can_connect(f));
}

static void test_edge_crash(void **state)
{
    struct fixture *f = *state;

    start(f);
    pid_t first = pid_of(f, "mx", 0);

    wait_noted(f, "store channels 4", 1);
    wait_noted(f, "mx channels 4", 1);
    assert_int_equal(kill(first, SIGKILL), 0);
    assert_true(can_connect(f)); /* the socket is still there */
    (void)pid_of(f, "mx", first);
    wait_noted(f, "store channels 4", 2);
    wait_noted(f, "mx channels 4", 2);
    assert_int_equal(noted(f, "access channels 13"), 1);
}

static void test_store_crash(void **state)
{
    struct fixture *f = *state;

    start(f);
    pid_t first = pid_of(f, "store", 0);

    wait_noted(f, "mx channels 4", 1);
    wait_noted(f, "access channels 13", 1);
    wait_noted(f, "store channels 13", 1);
    assert_int_equal(kill(first, SIGKILL), 0);
    (void)pid_of(f, "store", first);
    wait_noted(f, "mx channels 4", 2);
    wait_noted(f, "access channels 13", 2);
    wait_noted(f, "store channels 13", 2);
}

static void test_broken_start(void **state)
{
    struct fixture *f = *state;

    write_file(f->directory, "mx-broken", "");
    start(f);
    assert_int_equal(wait_exit(f), 100 + ERR_UNAVAILABLE);
}

static void test_port_in_use(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(f->port)};
    _cleanup_fd_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct supervisor_options options = {
        .config_path = f->config, .program_directory = f->directory, .keep_user = true};
    struct err err;

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(supervisor_run(&options, &err), -ERR_UNAVAILABLE);
    assert_non_null(strstr(err.text, "in use by another program"));
    assert_int_not_equal(access(f->data, F_OK), 0); /* nothing was touched */
}

static void test_second_server(void **state)
{
    struct fixture *f = *state;
    struct fixture second = *f;

    start(f);
    (void)pid_of(f, "store", 0);
    second.port = free_ports();
    write_config(&second, "");
    start(&second);
    assert_int_equal(wait_exit(&second), 100 + ERR_UNAVAILABLE);
    (void)pid_of(f, "store", 0); /* its control socket still answers */
}

static void test_reload(void **state)
{
    struct fixture *f = *state;

    start(f);
    pid_t mx = pid_of(f, "mx", 0), store = pid_of(f, "store", 0);

    write_config(f, "nonsense = 1\n");
    assert_int_equal(kill(f->pid, SIGHUP), 0);
    pause_ms(300);
    assert_int_equal(pid_of(f, "mx", 0), mx);
    write_config(f, "message_size_max = 1M\n");
    assert_int_equal(kill(f->pid, SIGHUP), 0);
    (void)pid_of(f, "mx", mx);
    wait_noted(f, "mx stopped 3000", 1);
    assert_int_equal(pid_of(f, "store", 0), store);
}

static void test_admin(void **state)
{
    struct fixture *f = *state;
    Gw__AdminRequest request = GW__ADMIN_REQUEST__INIT;
    Gw__AdminLogLevels levels = GW__ADMIN_LOG_LEVELS__INIT;
    Gw__AdminStore store = GW__ADMIN_STORE__INIT;
    const Gw__AdminResponse *response;
    struct arena a;
    struct err err;
    int fd = -1;

    start(f);
    (void)pid_of(f, "store", 0);
    arena_init(&a, 1 << 20);
    request.request_case = GW__ADMIN_REQUEST__REQUEST_LOG_LEVELS;
    request.log_levels = &levels;
    levels.spec = (ProtobufCBinaryData){9, (uint8_t *)(uintptr_t) "loudly=up"};
    assert_int_equal(ask(f, &request, &a, &response, NULL, &err), -ERR_SYNTAX);
    levels.spec = (ProtobufCBinaryData){13, (uint8_t *)(uintptr_t) "warn,mx=error"};
    assert_int_equal(ask(f, &request, &a, &response, NULL, &err), 0);
    assert_memory_equal(response->log_levels.data, "warn,mx=error", 13);
    request.request_case = GW__ADMIN_REQUEST__REQUEST_STORE;
    request.store = &store;
    if (ask(f, &request, &a, &response, &fd, &err) < 0)
        fail_msg("%s %s", err.text, err.detail);
    assert_true(fd >= 0);
    (void)fd_close(fd);
    wait_noted(f, "store admin 1", 1);
    arena_done(&a);
}

/* The children end with the supervisor, whatever ends it. */
static void test_supervisor_killed(void **state)
{
    struct fixture *f = *state;

    start(f);
    pid_t store = pid_of(f, "store", 0);

    assert_int_equal(kill(f->pid, SIGKILL), 0);
    assert_int_equal(wait_exit(f), -SIGKILL);
    wait_noted(f, "store stopped 3000", 1);
    for (int i = 0; i < WAIT_MS / 10 && kill(store, 0) == 0; i++)
        pause_ms(10);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_start_and_stop), TEST(test_edge_crash),  TEST(test_store_crash),
        TEST(test_broken_start),   TEST(test_port_in_use), TEST(test_second_server),
        TEST(test_reload),         TEST(test_admin),       TEST(test_supervisor_killed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
