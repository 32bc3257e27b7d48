#include "supervisor/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "supervisor/notify.h"

#define LISTEN_BACKLOG 1024
#define LISTEN_FDS_START 3

enum config_role listen_role(enum config_service_kind kind)
{
    if (kind == CONFIG_SMTP)
        return CONFIG_MX;
    return kind == CONFIG_HTTP || kind == CONFIG_HTTPS || kind == CONFIG_METRICS ? CONFIG_WEB
                                                                                 : CONFIG_ACCESS;
}

static int add(struct listen_set *set, enum config_service_kind kind, int fd, const char *ip,
               int64_t port, struct err *err)
{
    if (set->n == LISTEN_SOCKETS_MAX) {
        (void)fd_close(fd);
        return err_set(err, ERR_LIMIT, "more than %d listening sockets", LISTEN_SOCKETS_MAX);
    }
    struct listen_socket *socket = &set->socket[set->n++];

    *socket = (struct listen_socket){.kind = kind, .fd = fd, .port = port};
    (void)snprintf(socket->ip, sizeof(socket->ip), "%s", ip);
    return 0;
}

static bool is_at(const struct config_listener *listener, const struct config_service *service,
                  const struct listen_socket *socket)
{
    for (size_t i = 0; i < listener->addresses.n; i++)
        if (service->port == socket->port && strcmp(listener->addresses.item[i], socket->ip) == 0)
            return true;
    return false;
}

const struct config_listener *listen_settings(const struct config *config,
                                              const struct listen_socket *socket,
                                              const struct config_service **service_out)
{
    const struct config_listener *first = NULL;

    for (size_t i = 0; i < config->listener_n; i++) {
        const struct config_listener *listener = &config->listener[i];

        for (size_t k = 0; k < listener->service_n; k++) {
            const struct config_service *service = &listener->service[k];
            bool exact = is_at(listener, service, socket);

            if (service->kind != socket->kind || (first && !exact))
                continue;
            first = listener;
            *service_out = service;
            if (exact)
                return listener;
        }
    }
    return first;
}

static socklen_t address_of(const char *ip, uint16_t port, struct sockaddr_storage *out)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

    memset(out, 0, sizeof(*out));
    if (inet_pton(AF_INET, ip, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        return sizeof(*v4);
    }
    (void)inet_pton(AF_INET6, ip, &v6->sin6_addr);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    return sizeof(*v6);
}

static int open_failed(const char *ip, int64_t port, const char *service, struct err *err)
{
    int number = errno;

    if (number == EADDRINUSE) {
        (void)err_set(err, ERR_UNAVAILABLE, "port %d on %s (%s) is in use by another program",
                      (int)port, ip, service);
        return -ERR_UNAVAILABLE;
    }
    if (number == EACCES)
        return err_set(err, ERR_DENIED,
                       "no permission to open port %d on %s (%s): start as root, or let the "
                       "service manager open it",
                       (int)port, ip, service);
    if (number == EADDRNOTAVAIL)
        return err_set(err, ERR_INVALID, "this machine does not have the address %s (%s)", ip,
                       service);
    return err_errno(err, number, "cannot open port %d on %s (%s)", (int)port, ip, service);
}

static int open_one(const char *ip, int64_t port, const char *service, int *out, struct err *err)
{
    struct sockaddr_storage address;
    socklen_t n = address_of(ip, (uint16_t)port, &address);
    const int on = 1;
    _cleanup_fd_ int fd =
        socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);

    if (fd < 0)
        return open_failed(ip, port, service, err);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address.ss_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, n) < 0 || listen(fd, LISTEN_BACKLOG) < 0)
        return open_failed(ip, port, service, err);
    *out = TAKE_FD(fd);
    return 0;
}

/* "::" in the configuration does not stop a machine without IPv6. */
static bool is_optional(const char *ip, int number)
{
    return strcmp(ip, "::") == 0 && (number == EAFNOSUPPORT || number == EADDRNOTAVAIL);
}

static int open_service(const struct config_listener *listener,
                        const struct config_service *service, const struct env *env,
                        struct listen_set *set, struct err *err)
{
    const char *name = config_service_name(service->kind);

    for (size_t i = 0; i < listener->addresses.n; i++) {
        const char *ip = listener->addresses.item[i];
        int fd = -1;
        int rc = open_one(ip, service->port, name, &fd, err);

        if (rc < 0 && is_optional(ip, errno)) {
            log_event(env->log, LOG_WARN, "supervisor", 0, "no IPv6: not listening",
                      LOG_STR("service", name));
            continue;
        }
        if (rc < 0)
            return rc;
        rc = add(set, service->kind, fd, ip, service->port, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int take_passed(struct listen_set *set, const struct env *env,
                       bool passed[CONFIG_SERVICE_COUNT], struct err *err)
{
    int n = notify_listen_fds();

    for (int i = 0; i < n; i++) {
        char name[64];
        int kind = 0;

        notify_listen_name(i, name, sizeof(name));
        while (kind < CONFIG_SERVICE_COUNT &&
               strcmp(name, config_service_name((enum config_service_kind)kind)) != 0)
            kind++;
        if (kind == CONFIG_SERVICE_COUNT) {
            log_event(env->log, LOG_WARN, "supervisor", 0, "passed socket has no service's name",
                      LOG_STR("name", name));
            (void)fd_close(LISTEN_FDS_START + i);
            continue;
        }
        passed[kind] = true;
        int rc = add(set, (enum config_service_kind)kind, LISTEN_FDS_START + i, "", 0, err);

        if (rc < 0)
            return rc;
    }
    return 0;
}

int listen_open(const struct config *config, const struct env *env, struct listen_set *out,
                struct err *err)
{
    bool passed[CONFIG_SERVICE_COUNT] = {false};

    out->n = 0;
    int rc = take_passed(out, env, passed, err);

    for (size_t i = 0; rc == 0 && i < config->listener_n; i++) {
        const struct config_listener *listener = &config->listener[i];

        for (size_t s = 0; rc == 0 && s < listener->service_n; s++)
            if (!passed[listener->service[s].kind])
                rc = open_service(listener, &listener->service[s], env, out, err);
    }
    if (rc < 0)
        listen_close(out);
    return rc;
}

void listen_close(struct listen_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        (void)fd_close(set->socket[i].fd);
    set->n = 0;
}
