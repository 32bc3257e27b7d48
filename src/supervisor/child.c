/* Between fork and exec only system calls are made, and the child has lost everything but standard
 * error and its control channel before the program starts. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/num.h"
#include "rpc/call.h"
#include "supervisor/supervisor_private.h"

#define CHILD_CONTROL_FD 3
#define CHILD_KILL_GRACE_MS 250
#define CHILD_DRAIN_NS (30 * 60 * NS_PER_S)

void child_log(const struct supervisor *s, const struct child *c, enum log_level level,
               const char *message)
{
    log_event(s->log, level, "supervisor", 0, message,
              LOG_STR("process", config_role_name(c->role)), LOG_NUM("index", c->index),
              LOG_NUM("pid", c->pid));
}

struct child *child_of(struct supervisor *s, enum config_role role)
{
    for (size_t i = 0; i < s->children_n; i++)
        if (s->children[i].role == role && s->children[i].pid > 0)
            return &s->children[i];
    return NULL;
}

/* ---- in the new process ---- */

__attribute__((noreturn)) static void child_die(const char *program, const char *what)
{
    char text[512];
    int n = snprintf(text, sizeof(text), "godwit: cannot start %s: %s: %s\n", program, what,
                     strerrordesc_np(errno));

    if (n > 0)
        (void)!write(STDERR_FILENO, text, MIN((size_t)n, sizeof(text) - 1));
    _exit(127);
}

/* Changes to the user for good, and makes sure that there is no way back. */
static bool child_change_user(const struct files_user *user)
{
    if (user->uid == 0)
        return true;
    if (setgroups(0, NULL) < 0 || setresgid(user->gid, user->gid, user->gid) < 0 ||
        setresuid(user->uid, user->uid, user->uid) < 0)
        return false;
    errno = EPERM;
    return setuid(0) < 0 && getuid() == user->uid && geteuid() == user->uid &&
           getgid() == user->gid && getegid() == user->gid;
}

static bool child_keep_descriptors(int control)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0 ||
        dup2(control, CHILD_CONTROL_FD) < 0)
        return false;
    if (control == CHILD_CONTROL_FD && fcntl(CHILD_CONTROL_FD, F_SETFD, 0) < 0)
        return false;
    return syscall(SYS_close_range, CHILD_CONTROL_FD + 1, ~0U, 0) == 0;
}

__attribute__((noreturn)) static void child_run(const struct files_user *user, const char *program,
                                                int control, pid_t parent)
{
    char *const argv[] = {(char *)program, NULL};
#if defined(GODWIT_SANITIZED) || defined(GODWIT_TEST_HOOKS)
    char **environment = environ; /* options of the sanitizers, and disks that fail on purpose */
#else
    char *environment[] = {NULL};
#endif
    sigset_t none;

    (void)sigemptyset(&none);
    /* Ctrl-C reaches the whole group: only the supervisor acts on it. */
    if (signal(SIGINT, SIG_IGN) == SIG_ERR || signal(SIGHUP, SIG_IGN) == SIG_ERR ||
        sigprocmask(SIG_SETMASK, &none, NULL) < 0)
        child_die(program, "signals");
    if (!child_keep_descriptors(control))
        child_die(program, "descriptors");
    if (!child_change_user(user))
        child_die(program, "change of user");
    /* After the change of user, which clears it. */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
        child_die(program, "the supervisor has gone");
    (void)execve(program, argv, environment);
    child_die(program, "exec");
}

/* ---- in the supervisor ---- */

static int child_fork(struct supervisor *s, struct child *c, struct err *err)
{
    char program[4096];
    int pair[2];
    int rc = channel_pair(pair, err);

    if (rc < 0)
        return rc;
    (void)snprintf(program, sizeof(program), "%s/godwit-%s", s->options->program_directory,
                   config_role_name(c->role));
    pid_t parent = getpid();
    pid_t pid = fork();

    if (pid == 0)
        child_run(&s->user, program, pair[1], parent);
    rc = pid < 0 ? err_errno(err, errno, "cannot start a process") : 0;
    (void)fd_close(pair[1]);
    if (rc < 0) {
        (void)fd_close(pair[0]);
        return rc;
    }
    c->pid = pid;
    c->control = pair[0];
    return 0;
}

static void child_connect(struct supervisor *s, struct child *c)
{
    static const enum config_role servers[] = {CONFIG_STORE, CONFIG_KEYS};
    bool edge = config_role_is_edge(c->role);

    for (size_t i = 0; edge && i < ARRAY_SIZE(servers); i++) {
        struct child *to = child_of(s, servers[i]);

        if (to)
            channels_make(s, c, to);
    }
    for (size_t i = 0; !edge && i < s->children_n; i++)
        if (config_role_is_edge(s->children[i].role) && s->children[i].pid > 0)
            channels_make(s, &s->children[i], c);
}

void child_start(struct supervisor *s, struct child *c)
{
    struct err err;

    c->due_ns = 0;
    c->ready = c->stopping = false;
    c->end_ns = 0;
    c->started_ns = clock_mono_ns();
    c->threads = (uint32_t)s->config->process[c->role].threads;
    int rc = child_fork(s, c, &err);

    if (rc < 0) {
        log_err(s->log, LOG_ERROR, "supervisor", 0, "cannot start a process", &err);
        c->due_ns = clock_mono_ns() + MAX(backoff_next(&c->backoff, 0), NS_PER_MS);
        return;
    }
    child_log(s, c, LOG_DEBUG, "process started");
    rc = start_order_send(s, c, &err);
    if (rc < 0) {
        log_err(s->log, LOG_ERROR, "supervisor", 0, "cannot configure a process", &err);
        (void)kill(c->pid, SIGKILL);
        return;
    }
    if (c->role == CONFIG_KEYS)
        tls_keys_send(s, c);
    child_connect(s, c);
}

void child_order(struct supervisor *s, struct child *c, const Gw__ControlOrder *order,
                 const int *fds, size_t fds_n)
{
    struct err err;
    size_t n;

    if (c->pid <= 0 || c->control < 0)
        return;
    if (rpc_encode(&order->base, s->buf, &n, &err) == 0 &&
        channel_send(c->control, slice_of(s->buf, n), fds, fds_n, /* wait= */ false, &err) == 0)
        return;
    log_err(s->log, LOG_WARN, "supervisor", 0, "a process does not take orders: killing it", &err);
    (void)kill(c->pid, SIGKILL);
}

void child_stop(struct supervisor *s, struct child *c, uint32_t timeout_ms)
{
    Gw__Stop stop = GW__STOP__INIT;
    Gw__ControlOrder order = GW__CONTROL_ORDER__INIT;

    stop.timeout_ms = timeout_ms;
    order.order_case = GW__CONTROL_ORDER__ORDER_STOP;
    order.stop = &stop;
    c->stopping = true;
    c->end_ns = clock_mono_ns() + (timeout_ms + CHILD_KILL_GRACE_MS) * NS_PER_MS;
    child_order(s, c, &order, NULL, 0);
}

void child_drain(struct supervisor *s, struct child *c)
{
    Gw__Drain drain = GW__DRAIN__INIT;
    Gw__ControlOrder order = GW__CONTROL_ORDER__INIT;

    order.order_case = GW__CONTROL_ORDER__ORDER_DRAIN;
    order.drain = &drain;
    c->draining = true;
    c->due_ns = 0;
    c->end_ns = clock_mono_ns() + CHILD_DRAIN_NS;
    child_order(s, c, &order, NULL, 0);
}
