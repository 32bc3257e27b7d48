/* The control socket. Whoever can connect is root or the server's user; a request is one record,
 * its answer too. A client stays connected until it closes, so that `godwit stop` sees the end. */
#include <errno.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/num.h"
#include "rpc/call.h"
#include "supervisor/admin.h"
#include "supervisor/supervisor_private.h"

void clients_accept(struct supervisor *s)
{
    int fd = accept4(s->ctl_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(s->client); i++)
        if (s->client[i] < 0) {
            s->client[i] = fd;
            return;
        }
    log_event(s->log, LOG_WARN, "supervisor", 0, "too many administrators at the same time");
    (void)fd_close(fd);
}

static void fill_status(struct supervisor *s, struct arena *a, Gw__AdminResponse *response)
{
    response->processes = ARENA_ARRAY(a, s->children_n, Gw__AdminProcess *);
    for (size_t i = 0; response->processes && i < s->children_n; i++) {
        const struct child *c = &s->children[i];
        Gw__AdminProcess *row = ARENA_NEW(a, Gw__AdminProcess);

        if (!row)
            return;
        gw__admin_process__init(row);
        row->role = rpc_bytes(slice_str(config_role_name(c->role)));
        row->pid = (uint32_t)c->pid;
        row->restarts = c->restarts;
        row->ready = c->ready && !c->draining;
        row->uptime_ms = (uint64_t)((clock_mono_ns() - c->started_ns) / NS_PER_MS);
        response->processes[response->n_processes++] = row;
    }
}

static int carry_out(struct supervisor *s, const Gw__AdminRequest *request, struct arena *a,
                     Gw__AdminResponse *response, int *fd_out, struct err *err)
{
    if (request->version != ADMIN_VERSION)
        return err_set(err, ERR_INVALID,
                       "the running server is of another version than this command: restart it");
    switch (request->request_case) {
    case GW__ADMIN_REQUEST__REQUEST_STATUS:
        fill_status(s, a, response);
        return 0;
    case GW__ADMIN_REQUEST__REQUEST_STOP:
        supervisor_stop(s);
        return 0;
    case GW__ADMIN_REQUEST__REQUEST_RELOAD:
        return reload_run(s, err);
    case GW__ADMIN_REQUEST__REQUEST_STORE:
        return supervisor_admin_channel(s, fd_out, err);
    case GW__ADMIN_REQUEST__REQUEST_LOG_LEVELS: {
        struct slice spec = rpc_slice(request->log_levels->spec);
        int rc = spec.n > 0 ? supervisor_set_levels(s, spec, err) : 0;

        response->log_levels = rpc_bytes(slice_str(s->levels));
        return rc;
    }
    default:
        return err_set(err, ERR_INVALID, "the server does not know this request");
    }
}

static const char *request_name(const Gw__AdminRequest *request)
{
    static const char *const names[] = {"status", "stop", "loglevels", "reload", "store"};
    unsigned i = (unsigned)request->request_case - GW__ADMIN_REQUEST__REQUEST_STATUS;

    return i < ARRAY_SIZE(names) ? names[i] : "unknown";
}

static int answer(struct supervisor *s, int client, struct slice record, struct arena *a,
                  struct err *err)
{
    Gw__AdminResponse response = GW__ADMIN_RESPONSE__INIT;
    ProtobufCMessage *message;
    struct err failure = {0};
    _cleanup_fd_ int fd = -1;
    size_t n;
    int rc = rpc_decode(&gw__admin_request__descriptor, record, a, &message, err);

    if (rc < 0)
        return rc;
    const Gw__AdminRequest *request = (const Gw__AdminRequest *)(const void *)message;

    log_event(s->log, LOG_INFO, "supervisor", 0, "order of an administrator",
              LOG_STR("order", request_name(request)));
    response.version = ADMIN_VERSION;
    rc = carry_out(s, request, a, &response, &fd, &failure);
    if (rc < 0) {
        response.kind = failure.kind;
        response.text = rpc_bytes(slice_str(failure.text));
    }
    rc = rpc_encode(&response.base, s->buf, &n, err);
    if (rc < 0)
        return rc;
    return channel_send(client, slice_of(s->buf, n), &fd, fd >= 0 ? 1 : 0, /* wait= */ false, err);
}

void clients_serve(struct supervisor *s, size_t i)
{
    struct channel_record record;
    struct arena a;
    struct err err;
    int rc = channel_receive(s->client[i], s->buf, &record, 0, &err);

    if (rc == -ERR_TIMEOUT)
        return;
    arena_init(&a, RPC_DECODE_MAX);
    if (rc == 0) {
        channel_record_done(&record);
        rc = answer(s, s->client[i], slice_of(s->buf, record.n), &a, &err);
    }
    arena_done(&a);
    if (rc < 0)
        s->client[i] = fd_close(s->client[i]);
}
