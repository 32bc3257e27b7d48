/* One thread, one poll: signals, the control socket and its clients, the children's reports, and
 * the next deadline of a child. */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/num.h"
#include "rpc/call.h"
#include "supervisor/admin.h"
#include "supervisor/notify.h"
#include "supervisor/supervisor_private.h"

/* Together with the time for killing they stay under four seconds: the store, which ends after the
 * edges, has what they leave of STOP_MS. */
#define EDGE_STOP_MS 3000
#define STORE_STOP_MS 400
#define STOP_MS 3600

const struct config *supervisor_config(const struct supervisor *s)
{
    return s->config;
}

struct child *supervisor_add_child(struct supervisor *s, enum config_role role, unsigned index)
{
    if (s->children_n == SUPERVISOR_CHILDREN_MAX)
        return NULL;
    struct child *c = &s->children[s->children_n++];

    *c = (struct child){.role = role, .index = index, .generation = s->generation, .control = -1};
    return c;
}

int supervisor_set_levels(struct supervisor *s, struct slice spec, struct err *err)
{
    Gw__LogLevels levels = GW__LOG_LEVELS__INIT;
    Gw__ControlOrder order = GW__CONTROL_ORDER__INIT;

    if (spec.n >= sizeof(s->levels))
        return err_set(err, ERR_LIMIT, "log levels are longer than %zu octets",
                       sizeof(s->levels) - 1);
    int rc = log_set_levels(s->log, spec, err);

    if (rc < 0)
        return rc;
    (void)snprintf(s->levels, sizeof(s->levels), "%.*s", SLICE_FMT(spec));
    levels.spec = rpc_bytes(spec);
    order.order_case = GW__CONTROL_ORDER__ORDER_LOG_LEVELS;
    order.log_levels = &levels;
    for (size_t i = 0; i < s->children_n; i++)
        child_order(s, &s->children[i], &order, NULL, 0);
    return 0;
}

/* ---- stopping: edges first, then what they need ---- */

void supervisor_stop(struct supervisor *s)
{
    if (s->stopping)
        return;
    s->stopping = true;
    s->stop_ns = clock_mono_ns();
    log_event(s->log, LOG_INFO, "supervisor", 0, "stopping");
    notify_service_manager("STOPPING=1");
    listen_close(&s->listeners);
    for (size_t i = 0; i < s->children_n; i++) {
        s->children[i].due_ns = 0;
        if (config_role_is_edge(s->children[i].role) && s->children[i].pid > 0)
            child_stop(s, &s->children[i], EDGE_STOP_MS);
    }
}

static size_t running(const struct supervisor *s, bool edges)
{
    size_t n = 0;

    for (size_t i = 0; i < s->children_n; i++)
        n += s->children[i].pid > 0 && config_role_is_edge(s->children[i].role) == edges;
    return n;
}

/* True when nothing is left. */
static bool stop_proceeds(struct supervisor *s)
{
    int64_t left_ms = STOP_MS - (clock_mono_ns() - s->stop_ns) / NS_PER_MS;

    if (running(s, /* edges= */ true) > 0)
        return false;
    for (size_t i = 0; i < s->children_n; i++)
        if (s->children[i].pid > 0 && !s->children[i].stopping)
            child_stop(s, &s->children[i], (uint32_t)MAX(left_ms, STORE_STOP_MS));
    return running(s, /* edges= */ false) == 0;
}

static void fail(struct supervisor *s, const struct err *err)
{
    if (s->failure.kind == ERR_NONE)
        s->failure = *err;
    supervisor_stop(s);
}

/* ---- children ---- */

static void forget_child(struct supervisor *s, size_t i)
{
    s->children[i] = s->children[--s->children_n];
    tls_keys_forget(s);
}

static void log_exit(const struct supervisor *s, const struct child *c, int status)
{
    bool expected = c->stopping || (c->draining && WIFEXITED(status) && WEXITSTATUS(status) == 0);

    log_event(s->log, expected ? LOG_DEBUG : LOG_ERROR, "supervisor", 0, "process ended",
              LOG_STR("process", config_role_name(c->role)), LOG_NUM("index", c->index),
              LOG_NUM("pid", c->pid),
              WIFSIGNALED(status) ? LOG_NUM("signal", WTERMSIG(status))
                                  : LOG_NUM("code", WEXITSTATUS(status)));
}

static void on_exit_of(struct supervisor *s, size_t i, int status)
{
    struct child *c = &s->children[i];
    int64_t now_ns = clock_mono_ns();
    bool was_ready = c->ready;

    log_exit(s, c, status);
    c->control = fd_close(c->control);
    c->pid = 0;
    c->ready = false;
    places_ended(s, c);
    if (c->draining) {
        forget_child(s, i);
        return;
    }
    if (s->stopping)
        return;
    if (!s->announced && !was_ready) {
        struct err err;

        (void)err_set(&err, ERR_UNAVAILABLE,
                      "the process %s could not start: see the log above for the reason",
                      config_role_name(c->role));
        fail(s, &err);
        return;
    }
    c->restarts++;
    c->due_ns = now_ns + backoff_next(&c->backoff, now_ns - c->started_ns);
}

static void wait_for_children(struct supervisor *s)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (size_t i = 0; i < s->children_n; i++)
            if (s->children[i].pid == pid) {
                on_exit_of(s, i, status);
                break;
            }
}

static bool all_ready(const struct supervisor *s)
{
    for (size_t i = 0; i < s->children_n; i++)
        if (!s->children[i].ready)
            return false;
    return true;
}

static void announce(struct supervisor *s)
{
    struct err err;

    s->announced = true;
    log_event(s->log, LOG_INFO, "supervisor", 0, "ready to serve",
              LOG_STR("version", GODWIT_VERSION), LOG_STR("hostname", s->config->hostname));
    if (s->options->ready && s->options->ready(s->options->owner, s, &err) < 0)
        fail(s, &err);
    else
        notify_service_manager("READY=1");
}

static void on_ready(struct supervisor *s, struct child *c)
{
    c->ready = true;
    log_event(s->log, LOG_DEBUG, "supervisor", 0, "process is ready",
              LOG_STR("process", config_role_name(c->role)), LOG_NUM("pid", c->pid),
              LOG_NUM("start_ms", (clock_mono_ns() - c->started_ns) / NS_PER_MS));
    for (size_t i = s->children_n; i-- > 0;) {
        struct child *old = &s->children[i];

        if (old->role != c->role || old->index != c->index || old->draining ||
            old->generation >= c->generation)
            continue;
        c->restarts = old->restarts;
        child_drain(s, old);
    }
    if (!s->announced && !s->stopping && all_ready(s))
        announce(s);
}

/* While the other side is away there is nothing to connect to: its next start does it. */
static void on_channels_lost(struct supervisor *s, struct child *c, enum config_role role)
{
    struct child *to = child_of(s, role);

    if (!config_role_is_edge(c->role) || !to || !to->ready)
        return;
    log_event(s->log, LOG_WARN, "supervisor", 0, "process lost its channels: it gets new ones",
              LOG_STR("process", config_role_name(c->role)), LOG_NUM("pid", c->pid),
              LOG_STR("to", config_role_name(role)));
    channels_make(s, c, to);
}

static void carry_out_report(struct supervisor *s, struct child *c, const Gw__ControlReport *report)
{
    if (report->report_case == GW__CONTROL_REPORT__REPORT_READY && !c->ready)
        on_ready(s, c);
    else if (report->report_case == GW__CONTROL_REPORT__REPORT_CHANNELS_LOST)
        on_channels_lost(s, c, report->channels_lost->keys ? CONFIG_KEYS : CONFIG_STORE);
}

static void on_report(struct supervisor *s, struct child *c)
{
    struct channel_record record;
    struct arena a;
    ProtobufCMessage *message;
    struct err err;
    int rc = channel_receive(c->control, s->buf, &record, 0, &err);

    if (rc == -ERR_TIMEOUT)
        return;
    if (rc < 0) {
        /* It ends, or does something that it never should. */
        c->control = fd_close(c->control);
        if (rc != -ERR_UNAVAILABLE)
            (void)kill(c->pid, SIGKILL);
        return;
    }
    channel_record_done(&record);
    arena_init(&a, RPC_DECODE_MAX);
    rc =
        rpc_decode(&gw__control_report__descriptor, slice_of(s->buf, record.n), &a, &message, &err);
    if (rc < 0) {
        log_err(s->log, LOG_ERROR, "supervisor", 0, "unreadable report", &err);
        (void)kill(c->pid, SIGKILL);
    } else {
        carry_out_report(s, c, (const Gw__ControlReport *)(const void *)message);
    }
    arena_done(&a);
}

/* Starts what is due, stops what has drained too long, kills what does not stop. */
static void on_deadlines(struct supervisor *s)
{
    int64_t now_ns = clock_mono_ns();

    for (size_t i = s->children_n; i-- > 0;) {
        struct child *c = &s->children[i];

        if (c->draining && c->pid <= 0) {
            forget_child(s, i);
            continue;
        }
        if (c->due_ns != 0 && c->due_ns <= now_ns && c->pid <= 0)
            child_start(s, c);
        if (c->end_ns == 0 || c->end_ns > now_ns || c->pid <= 0)
            continue;
        c->end_ns = 0;
        if (c->stopping) {
            child_log(s, c, LOG_WARN, "process did not stop in time: killed");
            (void)kill(c->pid, SIGKILL);
        } else {
            child_stop(s, c, EDGE_STOP_MS);
        }
    }
}

static int next_timeout_ms(const struct supervisor *s)
{
    int64_t next_ns = INT64_MAX, now_ns = clock_mono_ns();

    for (size_t i = 0; i < s->children_n; i++) {
        if (s->children[i].due_ns)
            next_ns = MIN(next_ns, s->children[i].due_ns);
        if (s->children[i].end_ns)
            next_ns = MIN(next_ns, s->children[i].end_ns);
    }
    if (next_ns == INT64_MAX)
        return -1;
    return next_ns <= now_ns ? 0 : (int)MIN((next_ns - now_ns) / NS_PER_MS + 1, 3600 * 1000);
}

/* ---- signals ---- */

static void on_signal(struct supervisor *s)
{
    struct signalfd_siginfo info;
    struct err err;

    while (read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        switch (info.ssi_signo) {
        case SIGCHLD:
            wait_for_children(s);
            break;
        case SIGHUP:
            if (s->stopping)
                break;
            notify_reloading();
            (void)!reload_run(s, &err);
            notify_service_manager("READY=1");
            break;
        default:
            supervisor_stop(s);
        }
    }
}

static int open_signals(struct supervisor *s, struct err *err)
{
    static const int numbers[] = {SIGCHLD, SIGHUP, SIGTERM, SIGINT};
    sigset_t set;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        (void)sigaddset(&set, numbers[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return err_errno(err, errno, "cannot set up signals");
    s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return s->signal_fd < 0 ? err_errno(err, errno, "cannot set up signals") : 0;
}

/* ---- the loop ---- */

struct watch {
    struct pollfd fds[2 + SUPERVISOR_CLIENTS_MAX + SUPERVISOR_CHILDREN_MAX];
    pid_t pid[SUPERVISOR_CHILDREN_MAX]; /* children move in their table */
    size_t children_n;
};

static void set_watch(const struct supervisor *s, struct watch *w)
{
    size_t n = 0;

    w->fds[n++] = (struct pollfd){.fd = s->signal_fd, .events = POLLIN};
    w->fds[n++] = (struct pollfd){.fd = s->stopping ? -1 : s->ctl_fd, .events = POLLIN};
    for (size_t i = 0; i < SUPERVISOR_CLIENTS_MAX; i++)
        w->fds[n++] = (struct pollfd){.fd = s->client[i], .events = POLLIN};
    w->children_n = s->children_n;
    for (size_t i = 0; i < s->children_n; i++) {
        w->fds[n++] = (struct pollfd){.fd = s->children[i].control, .events = POLLIN};
        w->pid[i] = s->children[i].pid;
    }
}

static void handle_watch(struct supervisor *s, const struct watch *w)
{
    const struct pollfd *clients = &w->fds[2], *children = &w->fds[2 + SUPERVISOR_CLIENTS_MAX];

    for (size_t i = 0; i < w->children_n; i++)
        for (size_t k = 0; children[i].revents && k < s->children_n; k++)
            if (s->children[k].pid == w->pid[i] && s->children[k].control == children[i].fd)
                on_report(s, &s->children[k]);
    for (size_t i = 0; i < SUPERVISOR_CLIENTS_MAX; i++)
        if (clients[i].revents && s->client[i] == clients[i].fd)
            clients_serve(s, i);
    if (w->fds[1].revents)
        clients_accept(s);
    if (w->fds[0].revents)
        on_signal(s);
}

static void run(struct supervisor *s)
{
    struct watch w;

    for (;;) {
        if (s->stopping && stop_proceeds(s))
            return;
        set_watch(s, &w);
        int n = poll(w.fds, 2 + SUPERVISOR_CLIENTS_MAX + w.children_n, next_timeout_ms(s));

        if (n > 0)
            handle_watch(s, &w);
        on_deadlines(s);
    }
}

/* ---- start ---- */

static int read_configuration(struct supervisor *s, struct err *err)
{
    struct config_errors own = {0};
    struct config_errors *errors = s->options->config_errors ? s->options->config_errors : &own;
    int rc = config_load(s->options->config_path, &s->config, errors);

    if (rc < 0)
        rc = err_set(err, ERR_INVALID, "%s", errors->n > 0 ? errors->text[0] : "out of memory");
    config_errors_done(&own);
    return rc;
}

static int set_up_log(struct supervisor *s, struct err *err)
{
    const struct config *config = s->config;

    s->clock = (struct clock){.offset_ns = config->clock_offset_s * NS_PER_S,
                              .frozen_ns = config->clock_frozen_s * NS_PER_S};
    s->log = log_new(STDERR_FILENO, strcmp(config->log_format, "json") == 0,
                     config->log_time ? &s->clock : NULL);
    if (!s->log)
        return err_set(err, ERR_NOMEM, "out of memory");
    log_set_role(s->log, "supervisor");
    s->env = (struct env){.clock = &s->clock, .log = s->log};
    return supervisor_set_levels(s, slice_str(config->log_levels), err);
}

/* In this order, so that a second server disturbs nothing of the first: ports, lock, socket. */
static int open_everything(struct supervisor *s, struct err *err)
{
    int rc = read_configuration(s, err);

    if (rc == 0)
        rc = set_up_log(s, err);
    if (rc == 0 && !s->options->keep_user)
        rc = files_user_find(s->config, &s->user, err);
    if (rc == 0)
        rc = tls_files_read(s->config, &s->tls, err);
    if (rc == 0)
        rc = files_anchors_read(s->config, &s->anchors, err);
    if (rc == 0)
        rc = listen_open(s->config, &s->env, &s->listeners, err);
    if (rc == 0)
        rc = files_data_open(s->config, &s->user, &s->lock_fd, s->id_key, err);
    if (rc == 0)
        rc = places_open(s, err);
    if (rc == 0)
        rc = open_signals(s, err);
    if (rc == 0)
        rc = admin_listen(s->config->data_directory, &s->ctl_fd, err);
    return rc;
}

static bool has_work(const struct supervisor *s, enum config_role role)
{
    for (size_t i = 0; i < s->listeners.n; i++)
        if (listen_role(s->listeners.socket[i].kind) == role)
            return true;
    return role == CONFIG_STORE || (role == CONFIG_KEYS && s->tls.n > 0);
}

static void start_children(struct supervisor *s)
{
    tls_keys_hold(s);
    for (int role = 0; role < CONFIG_ROLE_COUNT; role++)
        for (unsigned i = 0;
             has_work(s, (enum config_role)role) && i < (unsigned)s->config->process[role].count;
             i++)
            (void)supervisor_add_child(s, (enum config_role)role, i);
    for (size_t i = 0; i < s->children_n; i++)
        child_start(s, &s->children[i]);
}

static void release(struct supervisor *s)
{
    if (s->ctl_fd >= 0)
        admin_unlink(s->config->data_directory);
    (void)fd_close(s->ctl_fd);
    listen_close(&s->listeners);
    places_close(s);
    (void)fd_close(s->signal_fd);
    (void)fd_close(s->lock_fd);
    /* Last: a waiting `godwit stop` returns now. */
    for (size_t i = 0; i < SUPERVISOR_CLIENTS_MAX; i++)
        (void)fd_close(s->client[i]);
    tls_files_done(&s->tls);
    tls_keys_close(s);
    build_done(&s->anchors);
    log_free(s->log);
    config_free(s->config);
    free(s);
}

int supervisor_run(const struct supervisor_options *options, struct err *err)
{
    struct supervisor *s = calloc(1, sizeof(*s));

    if (!s)
        return err_set(err, ERR_NOMEM, "out of memory");
    s->options = options;
    s->lock_fd = s->ctl_fd = s->signal_fd = -1;
    for (size_t i = 0; i < SUPERVISOR_CLIENTS_MAX; i++)
        s->client[i] = -1;
    places_init(s);
    int rc = open_everything(s, err);

    if (rc == 0) {
        start_children(s);
        run(s);
        log_event(s->log, LOG_INFO, "supervisor", 0, "stopped");
        if (s->failure.kind != ERR_NONE) {
            *err = s->failure;
            rc = -(int)err->kind;
        }
    }
    release(s);
    return rc;
}
