/* Orders to the running server: stop, status, reload, loglevels. */
#include <inttypes.h>

#include "cmd/admin_client.h"

static int order(struct admin_client *client, const struct invocation *in,
                 Gw__AdminRequest *request, const Gw__AdminResponse **out, struct err *err)
{
    int rc = admin_client_open(client, in, err);

    return rc < 0 ? rc : admin_call(client->fd, request, &client->arena, out, NULL, err);
}

int cmd_stop(const struct invocation *in, struct err *err)
{
    Gw__AdminRequest request = GW__ADMIN_REQUEST__INIT;
    Gw__AdminStop stop = GW__ADMIN_STOP__INIT;
    const Gw__AdminResponse *response;
    struct admin_client client;

    request.request_case = GW__ADMIN_REQUEST__REQUEST_STOP;
    request.stop = &stop;
    int rc = order(&client, in, &request, &response, err);

    if (rc == 0) {
        struct channel_record record;
        uint8_t buf[CHANNEL_RECORD_MAX];

        /* Nothing comes any more; the end of the connection is the end of the server. */
        rc = channel_receive(client.fd, buf, &record, 30000, err);
        if (rc == -ERR_UNAVAILABLE)
            rc = 0;
        else
            rc = err_set(err, ERR_TIMEOUT, "the server was told to stop, but has not ended yet");
    }
    admin_client_done(&client);
    return rc;
}

int cmd_status(const struct invocation *in, struct err *err)
{
    Gw__AdminRequest request = GW__ADMIN_REQUEST__INIT;
    Gw__AdminStatus status = GW__ADMIN_STATUS__INIT;
    const Gw__AdminResponse *response;
    struct admin_client client;

    request.request_case = GW__ADMIN_REQUEST__REQUEST_STATUS;
    request.status = &status;
    int rc = order(&client, in, &request, &response, err);

    if (rc == 0)
        (void)printf("%-8s %8s %9s %10s  %s\n", "process", "pid", "restarts", "uptime_s", "state");
    for (size_t i = 0; rc == 0 && i < response->n_processes; i++) {
        const Gw__AdminProcess *p = response->processes[i];

        (void)printf("%-8.*s %8" PRIu32 " %9" PRIu32 " %10" PRIu64 "  %s\n",
                     SLICE_FMT(rpc_slice(p->role)), p->pid, p->restarts, p->uptime_ms / 1000,
                     p->ready ? "ready" : "not ready");
    }
    admin_client_done(&client);
    return rc;
}

int cmd_reload(const struct invocation *in, struct err *err)
{
    Gw__AdminRequest request = GW__ADMIN_REQUEST__INIT;
    Gw__AdminReload reload = GW__ADMIN_RELOAD__INIT;
    const Gw__AdminResponse *response;
    struct admin_client client;

    request.request_case = GW__ADMIN_REQUEST__REQUEST_RELOAD;
    request.reload = &reload;
    int rc = order(&client, in, &request, &response, err);

    admin_client_done(&client);
    return rc;
}

int cmd_loglevels(const struct invocation *in, struct err *err)
{
    Gw__AdminRequest request = GW__ADMIN_REQUEST__INIT;
    Gw__AdminLogLevels levels = GW__ADMIN_LOG_LEVELS__INIT;
    const Gw__AdminResponse *response;
    struct admin_client client;

    if (in->args_n > 0 && in->args[0][0] == '\0')
        return err_set(err, ERR_INVALID, "the levels are empty: say for example info,smtp=debug");
    levels.spec = rpc_bytes(slice_str(in->args_n > 0 ? in->args[0] : ""));
    request.request_case = GW__ADMIN_REQUEST__REQUEST_LOG_LEVELS;
    request.log_levels = &levels;
    int rc = order(&client, in, &request, &response, err);

    if (rc == 0)
        (void)printf("%.*s\n", SLICE_FMT(rpc_slice(response->log_levels)));
    admin_client_done(&client);
    return rc;
}
