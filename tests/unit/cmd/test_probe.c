/* The doors of the real executables: each role is started as the supervisor starts it, says that it
 * is ready, and is then told to try what its sandbox forbids. Only in builds whose sandbox is
 * enforced and that have -Dtest_hooks=true. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
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
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "control.pb-c.h"
#include "rpc/call.h"

#define CONTROL_FD 3
#define TIMEOUT_MS 20000

enum { ENDS = -1 }; /* by SIGSYS */
#define LANDLOCK true

static char directory[] = "/tmp/test-probe-XXXXXX";

struct running {
    pid_t pid;
    int control;
};

/* What is tried; a path that is not absolute is one of the test's own directory, where the store
 * has "data". */
#define READ GW__PROBE__WHAT__WHAT_READ_FILE
#define MAKE GW__PROBE__WHAT__WHAT_MAKE_FILE
#define PROGRAM GW__PROBE__WHAT__WHAT_START_PROGRAM
#define PROCESS GW__PROBE__WHAT__WHAT_MAKE_PROCESS
#define INTERNET GW__PROBE__WHAT__WHAT_INTERNET_SOCKET
#define LOCAL GW__PROBE__WHAT__WHAT_LOCAL_SOCKET

struct row {
    const char *role;
    Gw__Probe__What what;
    const char *path;
    int expect;    /* an errno, 0 or ENDS */
    bool landlock; /* holds only where the kernel has it */
};

static const struct row rows[] = {
    {"mx", READ, "/etc/passwd", EACCES, false},
    {"mx", READ, "data/inside", EACCES, false},
    {"mx", MAKE, "new", EACCES, false},
    {"mx", PROGRAM, "/bin/true", ENDS, false},
    {"mx", PROCESS, "", ENDS, false},
    {"mx", INTERNET, "", ENDS, false},
    {"mx", LOCAL, "", ENDS, false},
    {"access", READ, "/etc/passwd", EACCES, false},
    {"access", READ, "data/inside", EACCES, false},
    {"access", MAKE, "new", EACCES, false},
    {"access", PROGRAM, "/bin/true", ENDS, false},
    {"access", PROCESS, "", ENDS, false},
    {"access", INTERNET, "", ENDS, false},
    {"access", LOCAL, "", ENDS, false},
    {"web", READ, "/etc/passwd", EACCES, false},
    {"web", READ, "data/inside", EACCES, false},
    {"web", MAKE, "new", EACCES, false},
    {"web", PROGRAM, "/bin/true", ENDS, false},
    {"web", PROCESS, "", ENDS, false},
    {"web", INTERNET, "", ENDS, false},
    {"web", LOCAL, "", ENDS, false},
    {"store", READ, "data/inside", 0, false},
    {"store", MAKE, "data/new", 0, false},
    {"store", READ, "/etc/passwd", EACCES, LANDLOCK},
    {"store", READ, "outside", EACCES, LANDLOCK},
    {"store", READ, "data/../outside", EACCES, LANDLOCK},
    {"store", READ, "data/link", EACCES, LANDLOCK},
    {"store", MAKE, "new", EACCES, LANDLOCK},
    {"store", PROGRAM, "/bin/true", ENDS, false},
    {"store", PROCESS, "", ENDS, false},
    {"store", INTERNET, "", ENDS, false},
    {"store", LOCAL, "", ENDS, false},
};

static void path_of(const char *name, char *buf, size_t size)
{
    int n =
        snprintf(buf, size, "%s%s%s", *name == '/' ? "" : directory, *name == '/' ? "" : "/", name);

    assert_in_range(n, 1, size - 1);
}

static void send_order(int control, const Gw__ControlOrder *order)
{
    static uint8_t buf[CHANNEL_RECORD_MAX];
    struct err err;
    size_t n;

    assert_int_equal(rpc_encode(&order->base, buf, &n, &err), 0);
    assert_int_equal(channel_send(control, slice_of(buf, n), NULL, 0, /* wait= */ true, &err), 0);
}

/* The next report; false when the process has ended. */
static bool receive_report(int control, Gw__ControlReport__ReportCase *case_out,
                           uint32_t *error_out)
{
    static uint8_t buf[CHANNEL_RECORD_MAX];
    struct channel_record record;
    ProtobufCMessage *message;
    struct arena a;
    struct err err;
    int rc = channel_receive(control, buf, &record, TIMEOUT_MS, &err);

    if (rc == -ERR_UNAVAILABLE)
        return false;
    assert_int_equal(rc, 0);
    arena_init(&a, RPC_DECODE_MAX);
    assert_int_equal(
        rpc_decode(&gw__control_report__descriptor, slice_of(buf, record.n), &a, &message, &err),
        0);
    const Gw__ControlReport *report = (const Gw__ControlReport *)(const void *)message;

    *case_out = report->report_case;
    *error_out =
        report->report_case == GW__CONTROL_REPORT__REPORT_PROBED ? report->probed->error : 0;
    arena_done(&a);
    return true;
}

static void send_start(int control, const char *role)
{
    Gw__RoleConfig config = GW__ROLE_CONFIG__INIT;
    Gw__ControlOrder order = GW__CONTROL_ORDER__INIT;
    uint8_t id_key[16] = {0};
    char data[128];

    path_of("data", data, sizeof(data));
    config.role = rpc_bytes(slice_str(role));
    config.log_levels = rpc_bytes(SLICE("error"));
    config.hostname = rpc_bytes(SLICE("localhost"));
    config.threads = 2;
    config.message_size_max = 1u << 20;
    config.connections_max = 10;
    config.id_key = rpc_bytes(slice_of(id_key, sizeof(id_key)));
    config.data_directory = rpc_bytes(slice_str(data));
    config.shards = 1;
    order.order_case = GW__CONTROL_ORDER__ORDER_START;
    order.start = &config;
    send_order(control, &order);
}

static struct running start_role(const char *role)
{
    struct running r;
    char program[512];
    int pair[2];
    struct err err;
    Gw__ControlReport__ReportCase report;
    uint32_t error;

    (void)snprintf(program, sizeof(program), "%s/godwit-%s", PROGRAMS, role);
    assert_int_equal(channel_pair(pair, &err), 0);
    r.pid = fork();
    assert_true(r.pid >= 0);
    if (r.pid == 0) {
        char *const argv[] = {program, NULL};
        /* Both ends may be below 3 or at it: out of the way first. */
        int control = fcntl(pair[1], F_DUPFD, CONTROL_FD + 10);

        if (dup2(control, CONTROL_FD) < 0 || close(control) < 0)
            _exit(126);
        (void)execv(program, argv);
        _exit(127);
    }
    (void)close(pair[1]);
    r.control = pair[0];
    send_start(r.control, role);
    assert_true(receive_report(r.control, &report, &error));
    assert_int_equal(report, GW__CONTROL_REPORT__REPORT_READY);
    return r;
}

/* An errno, 0, or ENDS; anything else is no answer. */
static int probe(const struct running *r, const struct row *row)
{
    Gw__Probe message = GW__PROBE__INIT;
    Gw__ControlOrder order = GW__CONTROL_ORDER__INIT;
    Gw__ControlReport__ReportCase report = GW__CONTROL_REPORT__REPORT__NOT_SET;
    uint32_t error;
    char path[256];
    int status;

    path_of(row->path, path, sizeof(path));
    message.what = row->what;
    message.path = rpc_bytes(slice_str(path));
    order.order_case = GW__CONTROL_ORDER__ORDER_PROBE;
    order.probe = &message;
    send_order(r->control, &order);
    if (!receive_report(r->control, &report, &error)) {
        assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
        return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? ENDS : -2;
    }
    assert_int_equal(report, GW__CONTROL_REPORT__REPORT_PROBED);
    /* The end of the channel is the end of the role. */
    (void)shutdown(r->control, SHUT_RDWR);
    assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return (int)error;
}

static bool has_landlock(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, 1u) >= 1;
}

static void test_doors(void **state)
{
    bool landlock = has_landlock();

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (rows[i].landlock && !landlock)
            continue;
        struct running r = start_role(rows[i].role);
        int got = probe(&r, &rows[i]);

        (void)close(r.control);
        if (got != rows[i].expect)
            fail_msg("%s, probe %d of '%s': %d, not %d", rows[i].role, (int)rows[i].what,
                     rows[i].path, got, rows[i].expect);
    }
}

/* ---- the test's own directory ---- */

static int make_file(const char *name)
{
    char path[256];

    path_of(name, path, sizeof(path));
    /* For everybody: what refuses is the sandbox, not the mode. */
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

    return fd < 0 ? -1 : close(fd);
}

static int prepare(void **state)
{
    char data[256], link[256], outside[256];

    (void)state;
    if (!mkdtemp(directory))
        return -1;
    path_of("data", data, sizeof(data));
    path_of("data/link", link, sizeof(link));
    path_of("outside", outside, sizeof(outside));
    if (mkdir(data, 0700) < 0 || make_file("outside") < 0 || make_file("data/inside") < 0)
        return -1;
    return symlink(outside, link);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

static int clean_up(void **state)
{
    (void)state;
    return nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_doors)};

    return cmocka_run_group_tests(tests, prepare, clean_up);
}
