#include "base/num.h"
#include "rpc/call.h"
#include "supervisor/supervisor_private.h"

struct start {
    Gw__RoleConfig config;
    Gw__LimiterSettings rate, open, failures;
    uint32_t rate_max[3], open_max[3], failures_max[3];
    Gw__Listener listener[LISTEN_SOCKETS_MAX];
    Gw__Listener *listeners[LISTEN_SOCKETS_MAX];
    Gw__Network network[LISTEN_SOCKETS_MAX][LISTEN_NETWORKS_MAX];
    Gw__Network *networks[LISTEN_SOCKETS_MAX][LISTEN_NETWORKS_MAX];
    size_t listeners_n;
    int fds[1 + LISTEN_SOCKETS_MAX]; /* in the order of role.c */
    size_t n;
};

static void set_limiter(Gw__LimiterSettings *settings, uint32_t max[3], uint32_t window_s,
                        const struct config_classes *classes)
{
    gw__limiter_settings__init(settings);
    settings->window_s = window_s;
    settings->n_max = 3;
    settings->max = max;
    for (size_t i = 0; i < 3; i++)
        max[i] = (uint32_t)classes->max[i];
}

static void set_listener(struct start *start, size_t n, const struct listen_socket *socket)
{
    const struct listen_settings *settings = &socket->settings;
    Gw__Listener *listener = &start->listener[n];

    gw__listener__init(listener);
    listener->service = (Gw__Listener__Service)socket->kind;
    listener->no_starttls = settings->no_starttls;
    listener->tls_for_mail = settings->tls_for_mail;
    listener->no_require_tls = !settings->requiretls;
    listener->dsn = settings->dsn;
    for (size_t i = 0; i < settings->xclient_n; i++) {
        const struct network *network = &settings->xclient[i];

        gw__network__init(&start->network[n][i]);
        start->network[n][i].ip = rpc_bytes(addr_ip_octets(&network->addr));
        start->network[n][i].bits = network->bits;
        start->networks[n][i] = &start->network[n][i];
    }
    listener->n_xclient = settings->xclient_n;
    listener->xclient = start->networks[n];
}

static void set_edge(struct supervisor *s, const struct child *c, struct start *start)
{
    const struct config *config = s->config;

    for (size_t i = 0; i < s->listeners.n; i++) {
        const struct listen_socket *socket = &s->listeners.socket[i];

        if (listen_role(socket->kind) != c->role)
            continue;
        set_listener(start, start->listeners_n, socket);
        start->listeners[start->listeners_n] = &start->listener[start->listeners_n];
        start->listeners_n++;
        start->fds[start->n++] = socket->fd;
    }
    start->config.n_listeners = start->listeners_n;
    start->config.listeners = start->listeners;
    start->config.message_size_max = (uint64_t)config->message_size_max;
    start->config.plain_auth = config->plain_auth;
    start->config.pedantic = config->pedantic;
    start->config.no_delays = !config->delays;
    start->config.id_key = rpc_bytes(slice_of(s->id_key, sizeof(s->id_key)));
    start->config.connections_max = (uint32_t)config->process[c->role].connections;
    start->config.tls_certificate_pem = rpc_bytes(build_slice(&s->tls.certificate_pem));
    start->config.tls_key_pem = rpc_bytes(secret_slice(&s->tls.key_pem));
    set_limiter(&start->rate, start->rate_max, 60, &config->connection_rate);
    set_limiter(&start->open, start->open_max, 0, &config->connections_open);
    set_limiter(&start->failures, start->failures_max, 60, &config->auth_failures);
    start->config.connection_rate = &start->rate;
    start->config.connections_open = &start->open;
    start->config.auth_failures = &start->failures;
}

static void set_store(struct supervisor *s, struct start *start)
{
    start->config.data_directory = rpc_bytes(slice_str(s->config->data_directory));
    start->config.shards = (uint32_t)s->config->shards;
    start->config.commit_wait_us = (uint32_t)s->config->commit_wait_us;
}

static void set_common(struct supervisor *s, const struct child *c, struct start *start)
{
    const struct config *config = s->config;

    gw__role_config__init(&start->config);
    start->config.role = rpc_bytes(slice_str(config_role_name(c->role)));
    start->config.log_json = strcmp(config->log_format, "json") == 0;
    start->config.log_time = config->log_time;
    start->config.log_levels = rpc_bytes(slice_str(s->levels));
    start->config.clock_offset_ns = s->clock.offset_ns;
    start->config.clock_frozen_ns = s->clock.frozen_ns;
    start->config.hostname = rpc_bytes(slice_str(config->hostname));
    start->config.threads = (uint32_t)config->process[c->role].threads;
    start->config.metrics = true;
    start->fds[start->n++] = s->metrics[c->role][c->index].fd;
}

static int send_order(struct supervisor *s, const struct child *c, const Gw__ControlOrder *order,
                      const int *fds, size_t fds_n, struct err *err)
{
    size_t n;
    int rc = rpc_encode(&order->base, s->buf, &n, err);

    return rc < 0
               ? rc
               : channel_send(c->control, slice_of(s->buf, n), fds, fds_n, /* wait= */ false, err);
}

int start_order_send(struct supervisor *s, struct child *c, struct err *err)
{
    struct start start = {.n = 0};
    Gw__ControlOrder order = GW__CONTROL_ORDER__INIT;
    Gw__Descriptors more = GW__DESCRIPTORS__INIT;

    set_common(s, c, &start);
    if (c->role == CONFIG_STORE)
        set_store(s, &start);
    else
        set_edge(s, c, &start);
    order.order_case = GW__CONTROL_ORDER__ORDER_START;
    order.start = &start.config;
    size_t sent = MIN(start.n, (size_t)CHANNEL_FDS_MAX);
    int rc = send_order(s, c, &order, start.fds, sent, err);

    while (rc == 0 && sent < start.n) {
        size_t n = MIN(start.n - sent, (size_t)CHANNEL_FDS_MAX);

        order.order_case = GW__CONTROL_ORDER__ORDER_DESCRIPTORS;
        order.descriptors = &more;
        rc = send_order(s, c, &order, start.fds + sent, n, err);
        sent += n;
    }
    wipe(s->buf, sizeof(s->buf));
    return rc;
}
