#include "edge/edge_main.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/num.h"
#include "edge/edge.h"
#include "edge/login.h"
#include "edge/signer.h"
#include "net/limiter.h"
#include "net/tls.h"
#include "rpc/role.h"
#include "runtime/sandbox.h"

#define EDGE_DRAIN_MS 3000
#define CERTIFICATE_MAX (24 * 1024)
#define DNS_TEXTS_MAX 32      /* resolvers, and zones */
#define EDGE_FAREWELL_MS 1000 /* who comes now is told to come again later */

struct edge_process {
    const struct edge_role *role;
    struct role *control;
    struct env env;
    struct edge_settings settings;
    struct loop *loop;
    struct edge *edge;
    struct edge_signer *signer;
    struct tls_certificate **identities; /* as the settings count them, from 0 */
    size_t identities_n;
    struct limiter *rate, *open, *auth_failures, *request_rate;
    struct edge_listener *listeners;
    struct edge_settings *listener_settings;
    struct listener_config *configs;
    uint64_t *sockets; /* the loop's ids of the listening sockets */
    size_t sockets_n;
    struct arriving {
        int *channels; /* of a group that is not complete */
        size_t n;
        uint32_t group;
    } store, keys;
};

#define SMTP_FAREWELL SLICE_INIT("421 4.3.2 shutting down\r\n")

/* What differs between services on the network's side. */
static const struct {
    bool tls_immediate;
    bool client_keys; /* clients may log in with a certificate */
    const char *alpn;
    struct slice refusal, farewell;
} service_traits[] = {
    [EDGE_SMTP] = {false, false, NULL, SLICE_INIT("421 4.7.0 too many connections\r\n"),
                   SMTP_FAREWELL},
    [EDGE_SUBMISSION] = {false, true, NULL, SLICE_INIT("421 4.7.0 too many connections\r\n"),
                         SMTP_FAREWELL},
    [EDGE_SUBMISSIONS] = {true, true, "smtp", {NULL, 0}, {NULL, 0}},
    [EDGE_IMAP] = {false, true, NULL, SLICE_INIT("* BYE too many connections\r\n"),
                   SLICE_INIT("* BYE [UNAVAILABLE] shutting down\r\n")},
    [EDGE_IMAPS] = {true, true, "imap", {NULL, 0}, {NULL, 0}},
    [EDGE_HTTP] = {false,
                   false,
                   NULL,
                   SLICE_INIT("HTTP/1.1 503 Service Unavailable\r\n"
                              "Content-Length: 0\r\nConnection: close\r\n\r\n"),
                   {NULL, 0}},
    [EDGE_HTTPS] = {true, false, "http/1.1", {NULL, 0}, {NULL, 0}},
    [EDGE_METRICS] = {false, false, NULL, {NULL, 0}, {NULL, 0}},
};
static const char *const service_names[] = {"smtp",  "submission", "submissions", "imap",
                                            "imaps", "http",       "https",       "metrics"};

/* NULL without windows, or when out of memory. */
static struct limiter *new_limiter(const struct edge_process *p, Gw__LimiterWindow *const *windows,
                                   size_t n)
{
    struct limiter_config config = {.windows_n = MIN(n, ARRAY_SIZE(config.windows))};

    for (size_t w = 0; w < config.windows_n; w++) {
        config.windows[w].seconds = windows[w]->seconds;
        for (size_t i = 0; i < MIN(windows[w]->n_max, ARRAY_SIZE(config.windows[w].max)); i++)
            config.windows[w].max[i] = windows[w]->max[i];
    }
    return n > 0 ? limiter_new(&config, role_env(p->control)->clock) : NULL;
}

static void take_settings(struct edge_process *p)
{
    const Gw__RoleConfig *config = role_config(p->control);

    p->settings.hostname = rpc_slice(config->hostname);
    p->settings.message_size_max = config->message_size_max;
    p->settings.refuse_long_lines = config->refuse_long_lines;
    p->settings.plain_auth = config->plain_auth;
    p->settings.pedantic = config->pedantic;
    p->settings.no_delays = config->no_delays;
    p->settings.command_timeout_s = config->command_timeout_s;
    p->settings.content_timeout_s = config->content_timeout_s;
    p->settings.message_timeout_s = config->message_timeout_s;
    p->settings.content_rate_min = config->content_rate_min;
    p->settings.threads = config->threads;
    p->settings.metrics = role_metrics_view(p->control);
    p->settings.connections_max = config->connections_max;
    memcpy(p->settings.id_key, config->id_key.data,
           MIN(config->id_key.len, sizeof(p->settings.id_key)));
    p->rate = new_limiter(p, config->connection_rate, config->n_connection_rate);
    p->open = new_limiter(p, config->connections_open, config->n_connections_open);
    p->auth_failures = new_limiter(p, config->auth_failures, config->n_auth_failures);
    p->request_rate = new_limiter(p, config->request_rate, config->n_request_rate);
    for (size_t i = 0; i < MIN(config->n_ports, ARRAY_SIZE(p->settings.ports)); i++)
        p->settings.ports[i] = config->ports[i];
}

static int new_identity(const struct edge_process *p, int fd, struct tls_certificate **out,
                        struct err *err)
{
    struct stat st;
    _cleanup_free_ uint8_t *pem = malloc(CERTIFICATE_MAX);

    if (!pem)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (fstat(fd, &st) < 0 || st.st_size > CERTIFICATE_MAX)
        return err_set(err, ERR_LIMIT, "the certificate is too long");
    ssize_t n = pread(fd, pem, CERTIFICATE_MAX, 0);

    if (n < 0)
        return err_errno(err, errno, "the certificate cannot be read");
    return tls_certificate_new(slice_of(pem, (size_t)n), edge_signer_tls(p->signer), out, err);
}

static int new_identities(struct edge_process *p, struct err *err)
{
    const Gw__RoleConfig *config = role_config(p->control);
    int rc = 0;

    p->signer = edge_signer_new(&p->env, loop_threads(p->loop));
    p->identities = calloc(config->certificates + 1, sizeof(struct tls_certificate *));
    if (!p->signer || !p->identities)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < config->certificates && rc == 0; i++) {
        _cleanup_fd_ int fd = role_take_fd(p->control, config->n_listeners + i);

        rc = new_identity(p, fd, &p->identities[i], err);
        p->identities_n += rc == 0;
    }
    return rc;
}

static int new_tls(const struct edge_process *p, const Gw__Listener *listener,
                   struct tls_context **out, struct err *err)
{
    enum edge_service service = (enum edge_service)listener->service;
    struct tls_config tls = {
        .others = (const struct tls_certificate *const *)p->identities,
        .others_n = p->identities_n,
        .tickets = listener->session_tickets,
        .client_certificates = service_traits[service].client_keys && !listener->no_client_auth,
        .minimum = (uint16_t)listener->tls_minimum,
        .clock = role_env(p->control)->clock,
        .alpn = service_traits[service].alpn,
        .service = service_names[service],
    };

    *out = NULL;
    if (listener->no_starttls)
        return 0;
    if (listener->certificate > p->identities_n)
        return err_set(err, ERR_INVALID, "there is no such certificate");
    if (listener->certificate == 0)
        return service_traits[service].tls_immediate
                   ? err_set(err, ERR_INVALID, "%s needs a certificate", service_names[service])
                   : 0;
    tls.certificate = p->identities[listener->certificate - 1];
    return tls_context_new(&tls, out, err);
}

/* Live as long as the process. */
static int take_networks(Gw__Network *const *networks, size_t n, const struct network **out,
                         struct err *err)
{
    struct network *v = calloc(n + 1, sizeof(*v));

    if (!v)
        return err_set(err, ERR_NOMEM, "out of memory");
    *out = v;
    for (size_t i = 0; i < n; i++) {
        struct slice ip = rpc_slice(networks[i]->ip);

        if ((ip.n != 4 && ip.n != 16) || networks[i]->bits > ip.n * 8)
            return err_set(err, ERR_INVALID, "not a network");
        memcpy(v[i].addr.ip, ip.p, ip.n);
        v[i].addr.ip_n = (uint8_t)ip.n;
        v[i].bits = (uint8_t)networks[i]->bits;
    }
    return 0;
}

static int prepare_listener(struct edge_process *p, size_t i, struct err *err)
{
    const Gw__Listener *listener = role_config(p->control)->listeners[i];
    enum edge_service service = (enum edge_service)listener->service;
    const struct protocol *protocol = p->role->protocol(service);
    struct edge_settings *settings = &p->listener_settings[i];
    struct tls_context *tls;

    if (!protocol)
        return err_set(err, ERR_INVALID, "%s does not serve %s", p->role->name,
                       service_names[service]);
    int rc = new_tls(p, listener, &tls, err);

    if (rc < 0)
        return rc;
    *settings = p->settings;
    settings->hostname = rpc_slice(listener->hostname);
    settings->message_size_max = listener->message_size_max;
    p->listeners[i] = (struct edge_listener){.edge = p->edge,
                                             .service = service,
                                             .auth_failures = p->auth_failures,
                                             .request_rate = p->request_rate,
                                             .settings = settings,
                                             .no_require_tls = listener->no_require_tls,
                                             .tls_for_mail = listener->tls_for_mail,
                                             .dsn = listener->dsn};
    p->configs[i] = (struct listener_config){
        .protocol = protocol,
        .service = &p->listeners[i],
        .tls = tls,
        .client_keys = &login_client_keys,
        .tls_immediate = service_traits[service].tls_immediate,
        .handshake_timeout_s = role_config(p->control)->handshake_timeout_s,
        .write_timeout_s = role_config(p->control)->write_timeout_s,
        .rate = p->rate,
        .open = p->open,
        .name = service_names[service],
        .listener = rpc_slice(listener->name),
        .refusal = service_traits[service].refusal,
        .farewell = service_traits[service].farewell,
        .stays = true,
    };
    p->listeners[i].xclient_n = listener->n_xclient;
    p->configs[i].proxies_n = listener->n_proxies;
    rc = take_networks(listener->xclient, listener->n_xclient, &p->listeners[i].xclient, err);
    return rc < 0
               ? rc
               : take_networks(listener->proxies, listener->n_proxies, &p->configs[i].proxies, err);
}

static int new_resolver(struct edge_process *p, struct err *err)
{
    const Gw__DnsSettings *dns = role_config(p->control)->dns;
    struct resolver_config config = {.trust_anchors = dns ? rpc_slice(dns->trust_anchors)
                                                          : (struct slice){NULL, 0}};
    struct slice texts[2 * DNS_TEXTS_MAX];

    if (!dns || !p->role->resolver)
        return 0;
    if (dns->n_forward_to > DNS_TEXTS_MAX || dns->n_zones > DNS_TEXTS_MAX)
        return err_set(err, ERR_LIMIT, "too many resolvers or zones");
    config.patient_max = (role_config(p->control)->threads + 1) / 2;
    config.forward_to = texts;
    config.zones = texts + DNS_TEXTS_MAX;
    for (size_t i = 0; i < dns->n_forward_to; i++)
        texts[config.forward_to_n++] = rpc_slice(dns->forward_to[i]);
    for (size_t i = 0; i < dns->n_zones; i++)
        texts[DNS_TEXTS_MAX + config.zones_n++] = rpc_slice(dns->zones[i]);
    return p->role->resolver(&config, &p->env.dns, err);
}

/* Everything that needs files, or memory for the life of the process. */
static int prepare(struct edge_process *p, struct err *err)
{
    const Gw__RoleConfig *config = role_config(p->control);

    p->env = *role_env(p->control);
    take_settings(p);
    int rc = new_resolver(p, err);

    if (rc == 0)
        rc = loop_new(&p->env, config->threads, config->connections_max + 64, &p->loop, err);
    if (rc == 0)
        rc = edge_new(&p->env, &p->settings, p->loop, &p->edge, err);
    if (rc == 0)
        rc = new_identities(p, err);
    if (rc < 0)
        return rc;
    p->listeners = calloc(config->n_listeners + 1, sizeof(*p->listeners));
    p->listener_settings = calloc(config->n_listeners + 1, sizeof(*p->listener_settings));
    p->configs = calloc(config->n_listeners + 1, sizeof(*p->configs));
    p->sockets = calloc(config->n_listeners + 1, sizeof(*p->sockets));
    p->store.channels = calloc(config->threads + 1, sizeof(int));
    p->keys.channels = calloc(config->threads + 1, sizeof(int));
    if (!p->listeners || !p->listener_settings || !p->configs || !p->sockets ||
        !p->store.channels || !p->keys.channels)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < config->n_listeners && rc == 0; i++)
        rc = prepare_listener(p, i, err);
    return rc;
}

static void want_channels(void *owner)
{
    struct edge_process *p = owner;

    role_want_channels(p->control, /* keys= */ false);
}

static void want_keys(void *owner)
{
    struct edge_process *p = owner;

    role_want_channels(p->control, /* keys= */ true);
}

static int serve(struct edge_process *p, struct err *err)
{
    const Gw__RoleConfig *config = role_config(p->control);

    edge_on_loss(p->edge, want_channels, p);
    edge_signer_on_loss(p->signer, want_keys, p);
    int rc = loop_start(p->loop, err);

    for (size_t i = 0; i < config->n_listeners && rc == 0; i++) {
        rc = conn_listen(p->loop, &p->env, role_take_fd(p->control, i), &p->configs[i],
                         &p->sockets[i], err);
        p->sockets_n += rc == 0;
    }
    return rc;
}

static void drop_channels(struct arriving *group)
{
    for (size_t i = 0; i < group->n; i++)
        (void)fd_close(group->channels[i]);
    group->n = 0;
}

/* True with the last record of a group. */
static bool collect(struct edge_process *p, struct arriving *group, const Gw__Channels *what,
                    const int *fds, size_t n)
{
    if (what->group != group->group)
        drop_channels(group);
    group->group = what->group;
    for (size_t i = 0; i < n; i++) {
        if (group->n <= p->settings.threads)
            group->channels[group->n++] = fds[i];
        else
            (void)fd_close(fds[i]);
    }
    return what->first + n >= what->total;
}

static void take_channels(void *owner, const Gw__Channels *what, const int *fds, size_t n)
{
    struct edge_process *p = owner;
    struct arriving *group = what->keys ? &p->keys : &p->store;
    struct err err;

    if (!collect(p, group, what, fds, n))
        return;
    if (what->keys)
        edge_signer_set(p->signer, group->channels, group->n);
    else if (edge_set_channels(p->edge, group->channels, group->n, &err) < 0)
        log_err(role_env(p->control)->log, LOG_ERROR, "edge", 0,
                "cannot use the channels to the store", &err);
    group->n = 0;
}

/* The process that replaces this one accepts at the same sockets already. */
static void drain(void *owner)
{
    struct edge_process *p = owner;

    for (size_t i = 0; i < p->sockets_n; i++)
        conn_listen_end(p->loop, p->sockets[i]);
    p->sockets_n = 0;
}

static bool drained(void *owner)
{
    struct edge_process *p = owner;

    return loop_count(p->loop) <= 1; /* the store's event channel stays to the end */
}

static void finish(struct edge_process *p)
{
    int64_t since_ms = clock_mono_ns() / NS_PER_MS;

    if (p->env.dns)
        p->env.dns->stop(p->env.dns);
    loop_wake_all(p->loop, LOOP_STOP);
    if (!loop_drain(p->loop, (uint32_t)p->sockets_n, EDGE_DRAIN_MS))
        log_event(role_env(p->control)->log, LOG_INFO, "edge", 0, "connections cut at shutdown",
                  LOG_NUM("connections", loop_count(p->loop) - p->sockets_n));
    int64_t left_ms = EDGE_FAREWELL_MS - (clock_mono_ns() / NS_PER_MS - since_ms);

    if (!p->settings.no_delays && p->sockets_n > 0 && left_ms > 0)
        (void)loop_drain(p->loop, 0, (unsigned)left_ms);
}

static int shut_door(const struct edge_process *p, struct err *err)
{
    struct sandbox_config sandbox = {.role = p->env.dns ? SANDBOX_RESOLVING_EDGE : SANDBOX_EDGE};
    const Gw__DnsSettings *dns = role_config(p->control)->dns;
    uint16_t ports[1 + 2 * DNS_TEXTS_MAX];

    sandbox.tcp_ports = ports;
    for (size_t i = 0; p->env.dns && i < MIN(dns->n_tcp_ports, ARRAY_SIZE(ports)); i++)
        ports[sandbox.tcp_ports_n++] = (uint16_t)dns->tcp_ports[i];
#ifdef GODWIT_SANITIZED
    sandbox.log_only = true;
#endif
    return sandbox_enter(&sandbox, &p->env, err);
}

int edge_main(const struct edge_role *role)
{
    struct edge_process p = {.role = role};
    struct err err;

    if (role_begin(role->name, &p.control, &err) < 0)
        return 1;
    const struct env *env = role_env(p.control);
    int rc = prepare(&p, &err);

    if (rc == 0)
        rc = shut_door(&p, &err);
    if (rc == 0)
        rc = serve(&p, &err);
    if (rc < 0) {
        log_err(env->log, LOG_ERROR, "edge", 0, "cannot start", &err);
        return 1;
    }
    role_ready(p.control);
    role_run(p.control,
             &(struct role_handler){
                 .owner = &p, .channels = take_channels, .drain = drain, .drained = drained});
    finish(&p);
    /* The kernel gives everything back; the threads may still run. */
    _exit(0);
}
