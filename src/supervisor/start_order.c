#include "base/num.h"
#include "rpc/call.h"
#include "supervisor/supervisor_private.h"

#define MINUTE_S 60
#define DAY_S (24 * 3600)
#define TLS_VERSION_1_2 0x0303
#define TLS_VERSION_1_3 0x0304

struct window {
    Gw__LimiterWindow window;
    uint32_t max[3];
};

struct networks {
    struct network parsed[LISTEN_NETWORKS_MAX];
    Gw__Network network[LISTEN_NETWORKS_MAX];
    Gw__Network *list[LISTEN_NETWORKS_MAX];
};

struct start {
    Gw__RoleConfig config;
    struct window rate, open, failures_minute, failures_day, request;
    Gw__LimiterWindow *rates[1], *opens[1], *failures[2], *requests[1];
    uint32_t ports[CONFIG_SERVICE_COUNT];
    Gw__Listener listener[LISTEN_SOCKETS_MAX];
    Gw__Listener *listeners[LISTEN_SOCKETS_MAX];
    struct networks xclient[LISTEN_SOCKETS_MAX], proxies[LISTEN_SOCKETS_MAX];
    size_t listeners_n;
    Gw__DnsSettings dns;
    ProtobufCBinaryData forward_to[CONFIG_DNS_MAX], zones[CONFIG_DNS_MAX];
    uint32_t tcp_ports[1 + 2 * CONFIG_DNS_MAX];
    int fds[1 + CONFIG_ROLE_COUNT * SUPERVISOR_PLACES_MAX + LISTEN_SOCKETS_MAX +
            CONFIG_TLS_MAX]; /* in the order of role.c */
    size_t n;
};

static Gw__LimiterWindow *window_of(struct window *w, uint32_t seconds,
                                    const struct config_classes *classes)
{
    gw__limiter_window__init(&w->window);
    w->window.seconds = seconds;
    w->window.n_max = ARRAY_SIZE(w->max);
    w->window.max = w->max;
    for (size_t i = 0; i < ARRAY_SIZE(w->max); i++)
        w->max[i] = (uint32_t)classes->max[i];
    return &w->window;
}

static void set_limiters(struct start *start, const struct config *config)
{
    start->rates[0] = window_of(&start->rate, MINUTE_S, &config->connection_rate);
    start->opens[0] = window_of(&start->open, 0, &config->connections_open);
    start->failures[0] = window_of(&start->failures_minute, MINUTE_S, &config->auth_failures);
    start->failures[1] = window_of(&start->failures_day, DAY_S, &config->auth_failures_day);
    start->requests[0] = window_of(&start->request, MINUTE_S, &config->request_rate);
    start->config.request_rate = start->requests;
    start->config.n_request_rate = ARRAY_SIZE(start->requests);
    start->config.connection_rate = start->rates;
    start->config.n_connection_rate = ARRAY_SIZE(start->rates);
    start->config.connections_open = start->opens;
    start->config.n_connections_open = ARRAY_SIZE(start->opens);
    start->config.auth_failures = start->failures;
    start->config.n_auth_failures = ARRAY_SIZE(start->failures);
}

/* The configuration has checked the texts. */
static size_t set_networks(struct networks *out, const struct config_texts *texts)
{
    size_t n = 0;

    for (size_t i = 0; i < MIN(texts->n, (size_t)LISTEN_NETWORKS_MAX); i++) {
        struct err err;

        if (network_parse(slice_str(texts->item[i]), &out->parsed[n], &err) < 0)
            continue;
        gw__network__init(&out->network[n]);
        out->network[n].ip = rpc_bytes(addr_ip_octets(&out->parsed[n].addr));
        out->network[n].bits = out->parsed[n].bits;
        out->list[n] = &out->network[n];
        n++;
    }
    return n;
}

static void set_service(struct start *start, size_t i, const struct config_listener *listener,
                        const struct config_service *service)
{
    const char *starttls = service->starttls ? service->starttls : "offered";
    const char *minimum = listener->tls.minimum ? listener->tls.minimum : "1.2";
    Gw__Listener *out = &start->listener[i];

    out->name = rpc_bytes(slice_str(listener->name));
    out->no_starttls = strcmp(starttls, "off") == 0;
    out->tls_for_mail = strcmp(starttls, "required") == 0;
    out->no_require_tls = !service->requiretls;
    out->dsn = service->dsn;
    out->session_tickets = service->session_tickets;
    out->no_client_auth = !listener->tls.client_auth;
    out->tls_minimum = strcmp(minimum, "1.3") == 0 ? TLS_VERSION_1_3 : TLS_VERSION_1_2;
    out->n_xclient = set_networks(&start->xclient[i], &service->xclient);
    out->xclient = start->xclient[i].list;
    out->n_proxies = set_networks(&start->proxies[i], &listener->proxy_networks);
    out->proxies = start->proxies[i].list;
    if (listener->hostname)
        out->hostname = rpc_bytes(slice_str(listener->hostname));
    if (listener->message_size_max)
        out->message_size_max = (uint64_t)listener->message_size_max;
}

static void set_listener(struct start *start, size_t i, const struct supervisor *s,
                         const struct listen_socket *socket)
{
    const struct config *config = s->config;
    Gw__Listener *out = &start->listener[i];
    const struct config_service *service;
    const struct config_listener *listener = listen_settings(config, socket, &service);

    gw__listener__init(out);
    out->service = (Gw__Listener__Service)socket->kind;
    out->hostname = rpc_bytes(slice_str(config->hostname));
    out->message_size_max = (uint64_t)config->message_size_max;
    if (listener)
        out->certificate = (uint32_t)tls_files_find(&s->tls, &listener->tls);
    if (listener)
        set_service(start, i, listener, service);
}

static void set_timeouts(Gw__RoleConfig *out, const struct config *config)
{
    out->handshake_timeout_s = (uint32_t)config->handshake_timeout_s;
    out->write_timeout_s = (uint32_t)config->write_timeout_s;
    out->command_timeout_s = (uint32_t)config->command_timeout_s;
    out->content_timeout_s = (uint32_t)config->content_timeout_s;
    out->message_timeout_s = (uint32_t)config->message_timeout_s;
    out->content_rate_min = (uint32_t)config->content_rate_min;
}

static size_t set_dns_texts(struct start *start, const struct config_texts *texts,
                            ProtobufCBinaryData *out)
{
    for (size_t i = 0; i < texts->n; i++) {
        out[i] = rpc_bytes(slice_str(texts->item[i]));
        start->tcp_ports[start->dns.n_tcp_ports++] = config_dns_port(texts->item[i]);
    }
    return texts->n;
}

static void set_dns(const struct supervisor *s, struct start *start)
{
    const struct config_dns *dns = &s->config->dns;

    gw__dns_settings__init(&start->dns);
    start->dns.trust_anchors = rpc_bytes(build_slice(&s->anchors));
    start->dns.forward_to = start->forward_to;
    start->dns.zones = start->zones;
    start->dns.tcp_ports = start->tcp_ports;
    start->tcp_ports[start->dns.n_tcp_ports++] = 53;
    start->dns.n_forward_to = set_dns_texts(start, &dns->forward_to, start->forward_to);
    start->dns.n_zones = set_dns_texts(start, &dns->zones, start->zones);
    start->config.dns = &start->dns;
}

static void set_ports(const struct config *config, struct start *start)
{
    for (size_t i = config->listener_n; i-- > 0;) {
        const struct config_listener *listener = &config->listener[i];

        for (size_t k = 0; k < listener->service_n; k++)
            start->ports[listener->service[k].kind] = (uint32_t)listener->service[k].port;
    }
    start->config.n_ports = CONFIG_SERVICE_COUNT;
    start->config.ports = start->ports;
}

static void set_edge(struct supervisor *s, const struct child *c, struct start *start)
{
    const struct config *config = s->config;

    for (size_t i = 0; i < s->listeners.n; i++) {
        const struct listen_socket *socket = &s->listeners.socket[i];

        if (listen_role(socket->kind) != c->role)
            continue;
        set_listener(start, start->listeners_n, s, socket);
        start->listeners[start->listeners_n] = &start->listener[start->listeners_n];
        start->listeners_n++;
        start->fds[start->n++] = socket->fd;
    }
    /* Only where lookups are done: access needs none, so it cannot make a socket. */
    if (c->role == CONFIG_MX && config->dns.lookups)
        set_dns(s, start);
    start->config.n_listeners = start->listeners_n;
    start->config.listeners = start->listeners;
    start->config.message_size_max = (uint64_t)config->message_size_max;
    start->config.refuse_long_lines = config->refuse_long_lines;
    start->config.plain_auth = config->plain_auth;
    start->config.pedantic = config->pedantic;
    start->config.no_delays = !config->delays;
    start->config.id_key = rpc_bytes(slice_of(s->id_key, sizeof(s->id_key)));
    start->config.connections_max = (uint32_t)config->process[c->role].connections;
    start->config.certificates = (uint32_t)s->tls.n;
    for (size_t i = 0; i < s->tls.n; i++)
        start->fds[start->n++] = s->tls.pair[i].certificate_fd;
    set_limiters(start, config);
    set_timeouts(&start->config, config);
    set_ports(config, start);
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

/* The numbers of every process go to the one that serves them. */
static void set_metrics_views(struct supervisor *s, struct start *start)
{
    for (int role = 0; role < CONFIG_ROLE_COUNT; role++)
        for (size_t i = 0; i < SUPERVISOR_PLACES_MAX; i++)
            if (s->metrics[role][i].view_fd >= 0)
                start->fds[start->n++] = s->metrics[role][i].view_fd;
    start->config.metrics_views = (uint32_t)start->n - 1;
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
    if (c->role == CONFIG_WEB)
        set_metrics_views(s, &start);
    if (c->role == CONFIG_STORE)
        set_store(s, &start);
    else if (config_role_is_edge(c->role))
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
