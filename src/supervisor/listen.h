/* The listening sockets: opened by the supervisor, which keeps them while processes come and go. */
#pragma once

#include "base/env.h"
#include "base/err.h"
#include "net/network.h"
#include "supervisor/config.h"

#define LISTEN_SOCKETS_MAX 128

#define LISTEN_NETWORKS_MAX 16

/* Settings of the service, as they were when its socket was opened. */
struct listen_settings {
    bool no_starttls;
    bool tls_for_mail;
    bool requiretls;
    bool dsn;
    struct network xclient[LISTEN_NETWORKS_MAX];
    size_t xclient_n;
};

struct listen_socket {
    enum config_service_kind kind;
    int fd;
    struct listen_settings settings;
};

struct listen_set {
    struct listen_socket socket[LISTEN_SOCKETS_MAX];
    size_t n;
};

/* Opens every address and port of the configuration. A service for which the service manager passed
 * sockets (by its name: "smtp", "imaps", …) uses those instead. fails: ERR_UNAVAILABLE the port is
 * in use; ERR_DENIED; ERR_LIMIT; nothing is open then. */
int listen_open(const struct config *config, const struct env *env, struct listen_set *out,
                struct err *err) WARN_UNUSED;
void listen_close(struct listen_set *set);

/* The process that serves it. */
enum config_role listen_role(enum config_service_kind kind);
