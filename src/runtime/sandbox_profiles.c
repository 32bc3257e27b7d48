/* What each role may ask of the kernel once the door is shut. What is not listed ends the process.
 *
 * The lists come from running each role under a filter that ends it, and then forbidding each call
 * singly; the C library's own late needs are in the common part (malloc asks for the processors
 * when it makes an arena, qsort for the size of memory). */
#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "runtime/sandbox_private.h"

#define CLONE_A_THREAD (CLONE_VM | CLONE_THREAD)

const char *const sandbox_common_calls[] = {
    /* descriptors that exist */
    "read",
    "write",
    "readv",
    "writev",
    "pread64",
    "pwrite64",
    "lseek",
    "close",
    "fcntl",
    "fstat",
    "newfstatat",
    "ftruncate",
    "poll",
    "ppoll",
    "dup",
    "dup3",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "eventfd2",
    "timerfd_create",
    "timerfd_settime",
    /* sockets that exist */
    "recvfrom",
    "sendto",
    "recvmsg",
    "sendmsg",
    "shutdown",
    "getsockopt",
    "setsockopt",
    "getsockname",
    "getpeername",
    /* threads */
    "futex",
    "set_robust_list",
    "rseq",
    "exit",
    "exit_group",
    "gettid",
    "sched_yield",
    "sched_getaffinity",
    "membarrier",
    "restart_syscall",
    /* memory */
    "munmap",
    "mremap",
    "madvise",
    "brk",
    /* time and chance */
    "clock_gettime",
    "gettimeofday",
    "time",
    "clock_nanosleep",
    "nanosleep",
    "getrandom",
    /* signals */
    "rt_sigprocmask",
    "rt_sigaction",
    "rt_sigreturn",
    "rt_sigtimedwait",
    "sigaltstack",
    /* about ourselves */
    "getpid",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getrusage",
    "getrlimit",
    "sysinfo",
    "uname",
    NULL,
};

const struct sandbox_rule sandbox_common_rules[] = {
    /* Memory is never both written by us and run. */
    {"mmap", 0, 1, {SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)}},
    {"mprotect", 0, 1, {SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)}},
    /* Threads, but no processes. A filter cannot look into clone3's structure; the C library then
     * takes clone. */
    {"clone", 0, 1, {SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_A_THREAD, CLONE_A_THREAD)}},
    {"clone3", ENOSYS, 0, {{0}}},
    /* Limits are read, not set. */
    {"prlimit64", 0, 1, {SCMP_A2(SCMP_CMP_EQ, 0, 0)}},
    {"prctl", 0, 1, {SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME, 0)}},
    /* The C library asks whether its output is a terminal. */
    {"ioctl", ENOTTY, 0, {{0}}},
    {NULL, 0, 0, {{0}}},
};

/* access, web: accept, and nothing that names a file, an address or a program. */
static const char *const edge_calls[] = {"accept4", NULL};

static const struct sandbox_rule edge_rules[] = {
    /* Not fatal: malloc opens files of /sys and /proc at times of its own choosing, and does
     * without. */
    {"openat", EACCES, 0, {{0}}},
    {"open", EACCES, 0, {{0}}},
    {NULL, 0, 0, {{0}}},
};

/* keys: records come and go on channels that exist; descriptors come from the supervisor. */
static const char *const keys_calls[] = {NULL};

/* mx, when it looks up names. A filter sees the kind of a socket, not where it leads to; binding is
 * how each question gets a port of its own. */
static const char *const resolving_edge_calls[] = {"accept4", "connect", "bind", "pipe2", NULL};

#define SOCKET_KIND 0xf
#define SOCKET_RULE(family, kind)                                                                  \
    {                                                                                              \
        "socket", 0, 2,                                                                            \
        {                                                                                          \
            SCMP_A0(SCMP_CMP_EQ, family, 0), SCMP_A1(SCMP_CMP_MASKED_EQ, SOCKET_KIND, kind)        \
        }                                                                                          \
    }

static const struct sandbox_rule resolving_edge_rules[] = {
    SOCKET_RULE(AF_INET, SOCK_DGRAM),
    SOCKET_RULE(AF_INET6, SOCK_DGRAM),
    SOCKET_RULE(AF_INET, SOCK_STREAM),
    SOCKET_RULE(AF_INET6, SOCK_STREAM),
    {"openat", EACCES, 0, {{0}}},
    {"open", EACCES, 0, {{0}}},
    {NULL, 0, 0, {{0}}},
};

/* store: files. Which ones, Landlock says. */
static const char *const store_calls[] = {
    "openat",
    "open",
    "access",
    "faccessat",
    "faccessat2",
    "stat",
    "lstat",
    "statx",
    "statfs",
    "fstatfs",
    "readlink",
    "readlinkat",
    "getdents64",
    "getcwd",
    "preadv",
    "pwritev",
    "preadv2",
    "pwritev2",
    "fsync",
    "fdatasync",
    "fallocate",
    "sync_file_range",
    "copy_file_range",
    "sendfile",
    "fadvise64",
    "flock",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "rmdir",
    "link",
    "linkat",
    "fchmod",
    "fchown",
    "umask",
    "utimensat",
    "memfd_create",
    NULL,
};

static const struct sandbox_rule store_rules[] = {
    {NULL, 0, 0, {{0}}},
};

static const struct sandbox_profile profiles[] = {
    [SANDBOX_EDGE] = {"edge", edge_calls, edge_rules, 0, false},
    [SANDBOX_RESOLVING_EDGE] = {"resolving edge", resolving_edge_calls, resolving_edge_rules, 0,
                                true},
    [SANDBOX_KEYS] = {"keys", keys_calls, edge_rules, 0, false},
    [SANDBOX_STORE] = {"store", store_calls, store_rules,
                       LL(WRITE_FILE) | LL(READ_FILE) | LL(READ_DIR) | LL(REMOVE_DIR) |
                           LL(REMOVE_FILE) | LL(MAKE_DIR) | LL(MAKE_REG) | LL(REFER) | LL(TRUNCATE),
                       false},
};

const struct sandbox_profile *sandbox_profile_of(enum sandbox_role role)
{
    return &profiles[role];
}
