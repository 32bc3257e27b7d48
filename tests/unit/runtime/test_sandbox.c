/* What is forbidden is refused, or ends the process; what a role needs works. Each row runs in a
 * child of its own. Under sanitizers, whose runtime needs more than a role, the profiles only log:
 * there the rows that expect an end are left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "runtime/channel.h"
#include "runtime/loop.h"
#include "runtime/sandbox.h"

#ifdef GODWIT_SANITIZED
#define SANITIZED true
#else
#define SANITIZED false
#endif

/* Of privileged ones that nobody uses. */
#define PORT_ALLOWED 53
#define PORT_FORBIDDEN 7

static char directory[] = "/tmp/godwit-sandbox-XXXXXX";
static char outside[] = "/tmp/godwit-outside-XXXXXX";
static int pair[2];

/* Each returns 0 when it worked, or an errno. */
static int open_etc(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
}

static int run_program(void)
{
    char *argv[] = {NULL};

    (void)execve("/bin/true", argv, argv);
    return errno;
}

static int internet_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int datagram_socket(void)
{
    return socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0 ? errno : 0;
}

static int raw_socket(void)
{
    return socket(AF_INET, SOCK_RAW, 1) < 0 ? errno : 0;
}

static int packet_socket(void)
{
    return socket(AF_NETLINK, SOCK_DGRAM, 0) < 0 ? errno : 0;
}

/* To this machine, where hardly anybody listens: being refused by nobody is success. */
static int connect_to(uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    return connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != ECONNREFUSED ? errno : 0;
}

static int connect_to_name_server(void)
{
    return connect_to(PORT_ALLOWED);
}

static int connect_elsewhere(void)
{
    return connect_to(PORT_FORBIDDEN);
}

static int listen_somewhere(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    return listen(fd, 1) < 0 ? errno : 0;
}

static int local_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int new_process(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return pid < 0 ? errno : 0;
}

static int signal_other(void)
{
    return kill(getppid(), 0) < 0 ? errno : 0;
}

static int executable_memory(void)
{
    void *p =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? errno : 0;
}

static int trace(void)
{
    return prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0) < 0 ? errno : 0;
}

static void *thread_main(void *arg)
{
    return arg;
}

static int new_thread(void)
{
    pthread_t t;
    int rc = pthread_create(&t, NULL, thread_main, NULL);

    return rc ? rc : pthread_join(t, NULL);
}

static int pass_descriptor(void)
{
    static uint8_t buf[CHANNEL_RECORD_MAX];
    struct channel_record r;
    struct err err;

    if (channel_send(pair[0], SLICE("x"), &pair[0], 1, true, &err) < 0 ||
        channel_receive(pair[1], buf, &r, 1000, &err) < 0)
        return EIO;
    channel_record_done(&r);
    return 0;
}

static int much_memory(void)
{
    for (size_t n = 1; n < 64u << 20; n *= 4) {
        char *p = malloc(n);

        if (!p)
            return ENOMEM;
        memset(p, 1, n);
        free(p);
    }
    return 0;
}

/* A body travels to an edge in a sealed file without a name. */
static int sealed_memory(void)
{
    int fd = memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || write(fd, "abc", 3) != 3 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) < 0)
        return errno;
    return close(fd) < 0 ? errno : 0;
}

/* The store makes its loop behind the door. */
static int new_loop(void)
{
    static const struct clock clock;
    const struct env env = {.clock = &clock};
    struct loop *l;
    struct err err;

    if (loop_new(&env, 2, 4, &l, &err) < 0 || loop_start(l, &err) < 0)
        return EIO;
    loop_free(l);
    return 0;
}

static int core_limit(void)
{
    struct rlimit core;

    return getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0 ? 0 : EINVAL;
}

static int open_outside(void)
{
    return open(outside, O_RDWR | O_CLOEXEC) < 0 ? errno : 0;
}

static int truncate_outside(void)
{
    return open(outside, O_WRONLY | O_TRUNC | O_CLOEXEC) < 0 ? errno : 0;
}

static int create_outside(void)
{
    return open("/tmp/godwit-sandbox-new", O_RDWR | O_CREAT | O_CLOEXEC, 0600) < 0 ? errno : 0;
}

static int move_outside(void)
{
    return rename("inside", outside) < 0 ? errno : 0;
}

static int make_link(void)
{
    return symlink("/etc/passwd", "link") < 0 ? errno : 0;
}

/* What a database and a spool do. */
static int work_inside(void)
{
    struct stat st;
    int fd = open("inside", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || pwrite(fd, "abc", 3, 0) != 3 || fdatasync(fd) < 0 || fsync(fd) < 0 ||
        ftruncate(fd, 65536) < 0 || fallocate(fd, 0, 0, 131072) < 0 || fstat(fd, &st) < 0)
        return errno;
    void *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    struct flock lock = {.l_type = F_WRLCK};

    if (p == MAP_FAILED || fcntl(fd, F_SETLK, &lock) < 0 || munmap(p, 65536) < 0 ||
        access("inside", R_OK | W_OK) < 0 || mkdir("sub", 0700) < 0 ||
        rename("inside", "sub/moved") < 0 || link("sub/moved", "again") < 0 ||
        unlink("again") < 0 || unlink("sub/moved") < 0 || rmdir("sub") < 0)
        return errno;
    (void)close(fd);
    return 0;
}

/* An unnamed file gets its name when it is complete. */
static int name_a_file(void)
{
    char path[64];
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0)
        return errno;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW) < 0 || unlink("named") < 0)
        return errno;
    (void)close(fd);
    return 0;
}

enum { ENDS = -1 };

#define DNS SANDBOX_RESOLVING_EDGE

static const struct {
    const char *name;
    enum sandbox_role role;
    int (*act)(void);
    int expect;
} rows[] = {
    {"edge opens a file", SANDBOX_EDGE, open_etc, EACCES},
    {"edge starts a program", SANDBOX_EDGE, run_program, ENDS},
    {"edge makes an internet socket", SANDBOX_EDGE, internet_socket, ENDS},
    {"edge makes a local socket", SANDBOX_EDGE, local_socket, ENDS},
    {"edge makes a process", SANDBOX_EDGE, new_process, ENDS},
    {"edge signals another", SANDBOX_EDGE, signal_other, ENDS},
    {"edge makes memory executable", SANDBOX_EDGE, executable_memory, ENDS},
    {"edge lets others trace it", SANDBOX_EDGE, trace, ENDS},
    {"edge makes a directory", SANDBOX_EDGE, work_inside, EACCES},
    {"edge makes a thread", SANDBOX_EDGE, new_thread, 0},
    {"edge passes a descriptor", SANDBOX_EDGE, pass_descriptor, 0},
    {"edge makes a loop", SANDBOX_EDGE, new_loop, 0},
    {"edge uses memory", SANDBOX_EDGE, much_memory, 0},
    {"edge dumps no core", SANDBOX_EDGE, core_limit, 0},
    {"resolving edge opens a file", DNS, open_etc, EACCES},
    {"resolving edge makes a directory", DNS, work_inside, EACCES},
    {"resolving edge starts a program", DNS, run_program, ENDS},
    {"resolving edge makes a process", DNS, new_process, ENDS},
    {"resolving edge signals another", DNS, signal_other, ENDS},
    {"resolving edge makes a local socket", DNS, local_socket, ENDS},
    {"resolving edge makes a raw socket", DNS, raw_socket, ENDS},
    {"resolving edge makes a socket of the kernel", DNS, packet_socket, ENDS},
    {"resolving edge listens", DNS, listen_somewhere, ENDS},
    {"resolving edge makes a datagram socket", DNS, datagram_socket, 0},
    {"resolving edge makes an internet socket", DNS, internet_socket, 0},
    {"resolving edge connects to a name server", DNS, connect_to_name_server, 0},
    {"resolving edge connects elsewhere", DNS, connect_elsewhere, EACCES},
    {"resolving edge makes a thread", DNS, new_thread, 0},
    {"resolving edge makes a loop", DNS, new_loop, 0},
    {"store makes an internet socket", SANDBOX_STORE, internet_socket, ENDS},
    {"store makes a local socket", SANDBOX_STORE, local_socket, ENDS},
    {"store starts a program", SANDBOX_STORE, run_program, ENDS},
    {"store makes a process", SANDBOX_STORE, new_process, ENDS},
    {"store opens a file of the system", SANDBOX_STORE, open_etc, EACCES},
    {"store opens a file outside", SANDBOX_STORE, open_outside, EACCES},
    {"store truncates outside", SANDBOX_STORE, truncate_outside, EACCES},
    {"store makes a file outside", SANDBOX_STORE, create_outside, EACCES},
    {"store moves a file outside", SANDBOX_STORE, move_outside, EACCES},
    {"store makes a symbolic link", SANDBOX_STORE, make_link, ENDS},
    {"store works inside", SANDBOX_STORE, work_inside, 0},
    {"store names a file", SANDBOX_STORE, name_a_file, 0},
    {"store makes a thread", SANDBOX_STORE, new_thread, 0},
    {"store passes a descriptor", SANDBOX_STORE, pass_descriptor, 0},
    {"store seals memory", SANDBOX_STORE, sealed_memory, 0},
    {"edge makes files in memory", SANDBOX_EDGE, sealed_memory, ENDS},
    {"keys opens a file", SANDBOX_KEYS, open_etc, EACCES},
    {"keys starts a program", SANDBOX_KEYS, run_program, ENDS},
    {"keys makes an internet socket", SANDBOX_KEYS, internet_socket, ENDS},
    {"keys makes a local socket", SANDBOX_KEYS, local_socket, ENDS},
    {"keys makes a process", SANDBOX_KEYS, new_process, ENDS},
    {"keys lets others trace it", SANDBOX_KEYS, trace, ENDS},
    {"keys makes files in memory", SANDBOX_KEYS, sealed_memory, ENDS},
    {"keys passes a descriptor", SANDBOX_KEYS, pass_descriptor, 0},
    {"keys makes a loop", SANDBOX_KEYS, new_loop, 0},
    {"store makes a loop", SANDBOX_STORE, new_loop, 0},
    {"store uses memory", SANDBOX_STORE, much_memory, 0},
};

/* The wait status of a child that enters the role's sandbox and acts. */
static int run_child(enum sandbox_role role, int (*act)(void))
{
    static const struct clock clock;
    static const uint16_t allowed = PORT_ALLOWED;
    const struct env env = {.clock = &clock, .log = log_new(STDERR_FILENO, false, NULL)};
    const struct sandbox_config config = {.role = role,
                                          .directory = directory,
                                          .tcp_ports = &allowed,
                                          .tcp_ports_n = role == DNS ? 1 : 0,
                                          .log_only = SANITIZED};
    struct err err;
    int status = -1;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        if (chdir(directory) < 0 || sandbox_enter(&config, &env, &err) < 0)
            _exit(255);
        _exit(act());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    log_free(env.log);
    return status;
}

/* What keeps the store in its directory; a kernel without it is warned about at the start. */
static long landlock_abi(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, 1u);
}

/* Whether this kernel can refuse what the row wants refused. */
static bool can_refuse(size_t row)
{
    if (rows[row].act == connect_elsewhere)
        return landlock_abi() >= 4; /* ports */
    return rows[row].role != SANDBOX_STORE || rows[row].expect != EACCES || landlock_abi() >= 1;
}

static void test_profiles(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (SANITIZED && rows[i].expect != 0)
            continue;
        if (!can_refuse(i))
            continue;
        int status = run_child(rows[i].role, rows[i].act);
        bool good = rows[i].expect == ENDS
                        ? WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS
                        : WIFEXITED(status) && WEXITSTATUS(status) == rows[i].expect;

        if (!good)
            fail_msg("%s: status %x", rows[i].name, (unsigned)status);
    }
}

/* Sanitizer builds live on: the call is allowed and logged. */
static int enter_log_only(void)
{
    static const struct clock clock;
    const struct env env = {.clock = &clock, .log = log_new(STDERR_FILENO, false, NULL)};
    const struct sandbox_config config = {.role = SANDBOX_EDGE, .log_only = true};
    struct err err;

    return sandbox_enter(&config, &env, &err) < 0 ? 255 : internet_socket() + open_etc();
}

static void test_log_only(void **state)
{
    int status = -1;
    pid_t pid = fork();

    (void)state;
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(enter_log_only());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int prepare(void **state)
{
    struct err err;
    int fd;

    (void)state;
    if (!mkdtemp(directory) || channel_pair(pair, &err) < 0)
        return -1;
    fd = mkostemp(outside, O_CLOEXEC);
    (void)fd_close(fd);
    char path[64];

    (void)snprintf(path, sizeof(path), "%s/inside", directory);
    return fd_close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) == -1 && fd >= 0 ? 0 : -1;
}

static int clean_up(void **state)
{
    char path[64];

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/inside", directory);
    (void)unlink(path);
    (void)unlink(outside);
    (void)fd_close(pair[0]);
    (void)fd_close(pair[1]);
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profiles),
        cmocka_unit_test(test_log_only),
    };

    return cmocka_run_group_tests(tests, prepare, clean_up);
}
