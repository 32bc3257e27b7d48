/* The child's end of the control channel. The channel is read by the first thread only; everything
 * that needs opening (the descriptor for SIGTERM) is opened in role_begin, before the sandbox.
 *
 * SIGTERM comes from outside, or from the kernel when the supervisor dies; it is blocked in all
 * threads and means the same as the end of the channel: stop in the ordinary way. */
#include "rpc/role.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/num.h"
#include "base/secret.h"
#include "rpc/call.h"
#ifdef GODWIT_TEST_HOOKS
#include "rpc/probe.h"
#endif
#include "runtime/channel.h"
#include "runtime/metrics.h"

#define CONTROL_FD 3
#define ROLE_FDS_MAX 256
#define STOP_TIMEOUT_MS 3000
#define DRAIN_POLL_MS 1000

struct role {
    struct env env;
    struct clock clock;
    struct log *log;
    struct arena start_arena; /* of the configuration */
    struct arena order_arena; /* of one order */
    const Gw__RoleConfig *config;
    int signal_fd;
    struct metrics *metrics;
    struct metrics *views[ROLE_FDS_MAX];
    struct metrics_view view;
    int fds[ROLE_FDS_MAX]; /* those of metrics, listening sockets, certificates */
    size_t fds_n;
    size_t metrics_n;
    bool draining;
    uint32_t stop_timeout_ms;
    uint8_t buf[CHANNEL_RECORD_MAX];
};

/* One order with its descriptors; lives in `a`. */
static int receive_order(struct role *r, struct arena *a, const Gw__ControlOrder **out,
                         struct channel_record *record, struct err *err)
{
    ProtobufCMessage *message;
    int rc = channel_receive(CONTROL_FD, r->buf, record, -1, err);

    if (rc < 0)
        return rc;
    rc = rpc_decode(&gw__control_order__descriptor, slice_of(r->buf, record->n), a, &message, err);
    if (rc < 0) {
        channel_record_done(record);
        return rc;
    }
    *out = (const Gw__ControlOrder *)(const void *)message;
    return 0;
}

static int keep_fds(struct role *r, struct channel_record *record, struct err *err)
{
    if (record->fds_n > ROLE_FDS_MAX - r->fds_n) {
        channel_record_done(record);
        return err_set(err, ERR_LIMIT, "too many descriptors");
    }
    for (size_t i = 0; i < record->fds_n; i++)
        r->fds[r->fds_n++] = record->fds[i];
    return 0;
}

static int receive_start(struct role *r, struct err *err)
{
    struct channel_record record;
    const Gw__ControlOrder *order;
    int rc = receive_order(r, &r->start_arena, &order, &record, err);

    if (rc < 0)
        return rc;
    rc = keep_fds(r, &record, err);
    if (rc < 0)
        return rc;
    if (order->order_case != GW__CONTROL_ORDER__ORDER_START)
        return err_set(err, ERR_INVALID, "the first order is not the configuration");
    r->config = order->start;
    r->metrics_n = (r->config->metrics ? 1u : 0u) + MIN(r->config->metrics_views, ROLE_FDS_MAX);
    size_t wanted = r->metrics_n + r->config->n_listeners + r->config->certificates;

    while (r->fds_n < wanted) {
        rc = receive_order(r, &r->order_arena, &order, &record, err);
        if (rc < 0)
            return rc;
        bool expected =
            order->order_case == GW__CONTROL_ORDER__ORDER_DESCRIPTORS && record.fds_n > 0;

        arena_reset(&r->order_arena);
        rc = keep_fds(r, &record, err);
        if (rc < 0)
            return rc;
        if (!expected)
            return err_set(err, ERR_INVALID, "descriptors are missing");
    }
    return 0;
}

static int set_up_log(struct role *r, const char *name, struct err *err)
{
    r->clock = (struct clock){.offset_ns = r->config->clock_offset_ns,
                              .frozen_ns = r->config->clock_frozen_ns};
    r->log = log_new(STDERR_FILENO, r->config->log_json, r->config->log_time ? &r->clock : NULL);
    if (!r->log)
        return err_set(err, ERR_NOMEM, "out of memory");
    log_set_role(r->log, name);
    r->env = (struct env){.clock = &r->clock, .log = r->log, .metrics = r->metrics};
    return log_set_levels(r->log, rpc_slice(r->config->log_levels), err);
}

static int set_up_metrics(struct role *r, struct err *err)
{
    size_t own = r->config->metrics ? 1 : 0;
    int rc = 0;

    if (own > 0)
        rc = metrics_map(r->fds[0], /* writable= */ true, &r->metrics, err);
    for (size_t i = own; rc == 0 && i < r->metrics_n; i++) {
        rc = metrics_map(r->fds[i], /* writable= */ false, &r->views[r->view.n], err);
        r->view.n += rc == 0;
    }
    r->view.segments = r->views;
    for (size_t i = 0; i < r->metrics_n; i++)
        r->fds[i] = fd_close(r->fds[i]);
    return rc;
}

static int set_up_signals(struct role *r, struct err *err)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return err_errno(err, errno, "cannot set up signals");
    r->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (r->signal_fd < 0)
        return err_errno(err, errno, "cannot set up signals");
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
        return err_errno(err, errno, "cannot watch the supervisor");
    return 0;
}

static void require_control_channel(const char *name)
{
    struct stat st;

    if (fstat(CONTROL_FD, &st) == 0 && S_ISSOCK(st.st_mode)) {
        (void)fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC);
        return;
    }
    (void)fprintf(stderr,
                  "godwit-%s is a part of the godwit mail server and is started by it:\n"
                  "  godwit serve --config FILE\n",
                  name);
    exit(2);
}

int role_begin(const char *name, struct role **out, struct err *err)
{
    require_control_channel(name);
    struct role *r = calloc(1, sizeof(*r));

    if (!r)
        return err_set(err, ERR_NOMEM, "out of memory");
    r->signal_fd = -1;
    r->stop_timeout_ms = STOP_TIMEOUT_MS;
    arena_init(&r->start_arena, RPC_DECODE_MAX);
    arena_init(&r->order_arena, RPC_DECODE_MAX);
    int rc = set_up_signals(r, err);

    if (rc == 0)
        rc = receive_start(r, err);
    if (rc == 0)
        rc = set_up_metrics(r, err);
    if (rc == 0)
        rc = set_up_log(r, name, err);
    if (rc < 0) {
        /* There may be no log yet to which the caller could write. */
        (void)fprintf(stderr, "godwit-%s: cannot start: %s %s\n", name, err->text, err->detail);
        role_free(r);
        return rc;
    }
    *out = r;
    return 0;
}

void role_free(struct role *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->fds_n; i++)
        (void)fd_close(r->fds[i]);
    (void)fd_close(r->signal_fd);
    arena_done(&r->start_arena);
    arena_done(&r->order_arena);
    log_free(r->log);
    metrics_unmap(r->metrics);
    for (size_t i = 0; i < r->view.n; i++)
        metrics_unmap(r->views[i]);
    wipe(r->buf, sizeof(r->buf));
    free(r);
}

const struct env *role_env(const struct role *r)
{
    return &r->env;
}

const Gw__RoleConfig *role_config(const struct role *r)
{
    return r->config;
}

const struct metrics_view *role_metrics_view(const struct role *r)
{
    return &r->view;
}

int role_take_fd(struct role *r, size_t index)
{
    index += r->metrics_n;
    return index < r->fds_n ? TAKE_FD(r->fds[index]) : -1;
}

uint32_t role_stop_timeout_ms(const struct role *r)
{
    return r->stop_timeout_ms;
}

/* Not with r->buf: any thread may report. */
static void send_report(struct role *r, const Gw__ControlReport *report)
{
    uint8_t buf[64];
    struct err err;
    size_t n;

    if (protobuf_c_message_get_packed_size(&report->base) > sizeof(buf))
        abort();
    if (rpc_encode(&report->base, buf, &n, &err) < 0 ||
        channel_send(CONTROL_FD, slice_of(buf, n), NULL, 0, /* wait= */ true, &err) < 0)
        log_err(r->log, LOG_ERROR, "role", 0, "cannot report to the supervisor", &err);
}

void role_ready(struct role *r)
{
    Gw__Ready ready = GW__READY__INIT;
    Gw__ControlReport report = GW__CONTROL_REPORT__INIT;

    report.report_case = GW__CONTROL_REPORT__REPORT_READY;
    report.ready = &ready;
    send_report(r, &report);
}

void role_want_channels(struct role *r, bool keys)
{
    Gw__ChannelsLost lost = GW__CHANNELS_LOST__INIT;
    Gw__ControlReport report = GW__CONTROL_REPORT__INIT;

    report.report_case = GW__CONTROL_REPORT__REPORT_CHANNELS_LOST;
    lost.keys = keys;
    report.channels_lost = &lost;
    send_report(r, &report);
}

#ifdef GODWIT_TEST_HOOKS
static void carry_out_probe(struct role *r, const Gw__Probe *probe)
{
    Gw__Probed probed = GW__PROBED__INIT;
    Gw__ControlReport report = GW__CONTROL_REPORT__INIT;

    probed.error = probe_try(probe);
    report.report_case = GW__CONTROL_REPORT__REPORT_PROBED;
    report.probed = &probed;
    send_report(r, &report);
}
#endif

static void carry_out_levels(struct role *r, const Gw__LogLevels *levels)
{
    struct err err;

    if (log_set_levels(r->log, rpc_slice(levels->spec), &err) < 0)
        log_err(r->log, LOG_WARN, "role", 0, "log levels not changed", &err);
}

/* The descriptors go to the handler, and are closed for every other order. False: time to end. */
static bool carry_out(struct role *r, const struct role_handler *handler,
                      const Gw__ControlOrder *order, struct channel_record *record)
{
    switch (order->order_case) {
    case GW__CONTROL_ORDER__ORDER_CHANNELS:
        handler->channels(handler->owner, order->channels, record->fds, record->fds_n);
        record->fds_n = 0;
        return true;
    case GW__CONTROL_ORDER__ORDER_KEY:
        if (handler->key && record->fds_n == 1)
            handler->key(handler->owner, order->key, record->fds[0]);
        return true;
    case GW__CONTROL_ORDER__ORDER_FORGET_KEYS:
        if (handler->forget_keys)
            handler->forget_keys(handler->owner, order->forget_keys);
        return true;
    case GW__CONTROL_ORDER__ORDER_LOG_LEVELS:
        carry_out_levels(r, order->log_levels);
        return true;
    case GW__CONTROL_ORDER__ORDER_STOP:
        r->stop_timeout_ms = order->stop->timeout_ms;
        return false;
    case GW__CONTROL_ORDER__ORDER_DRAIN:
        if (!handler->drain)
            return false;
        if (!r->draining)
            handler->drain(handler->owner);
        r->draining = true;
        return true;
#ifdef GODWIT_TEST_HOOKS
    case GW__CONTROL_ORDER__ORDER_PROBE:
        carry_out_probe(r, order->probe);
        return true;
#endif
    default:
        log_event(r->log, LOG_WARN, "role", 0, "unexpected order from the supervisor",
                  LOG_NUM("order", order->order_case));
        return true;
    }
}

static bool run_one_order(struct role *r, const struct role_handler *handler)
{
    const Gw__ControlOrder *order;
    struct channel_record record;
    struct err err;
    int rc = receive_order(r, &r->order_arena, &order, &record, &err);

    if (rc < 0) {
        log_err(r->log, rc == -ERR_UNAVAILABLE ? LOG_INFO : LOG_ERROR, "role", 0,
                "no supervisor any more: stopping", &err);
        return false;
    }
    bool go_on = carry_out(r, handler, order, &record);

    channel_record_done(&record);
    arena_reset(&r->order_arena);
    return go_on;
}

void role_run(struct role *r, const struct role_handler *handler)
{
    struct pollfd fds[] = {{.fd = CONTROL_FD, .events = POLLIN},
                           {.fd = r->signal_fd, .events = POLLIN}};

    for (;;) {
        int n = poll(fds, 2, r->draining ? DRAIN_POLL_MS : -1);

        if (r->draining && handler->drained && handler->drained(handler->owner))
            return;
        if (n <= 0)
            continue;
        if (fds[1].revents) {
            log_event(r->log, LOG_INFO, "role", 0, "stopping: signal");
            return;
        }
        if (fds[0].revents && !run_one_order(r, handler))
            return;
    }
}
