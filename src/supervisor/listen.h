/* The listening sockets: opened by the supervisor, which keeps them while processes come and go. */
#pragma once

#include "base/env.h"
#include "base/err.h"
#include "net/network.h"
#include "supervisor/config.h"

#define LISTEN_SOCKETS_MAX 128
#define LISTEN_IP_MAX 48

#define LISTEN_NETWORKS_MAX 16

struct listen_socket {
    enum config_service_kind kind;
    int fd;
    char ip[LISTEN_IP_MAX]; /* as in the configuration; empty: the service manager opened it */
    int64_t port;           /* 0: the same */
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

/* What the configuration says of a socket, also one that was read later. A socket that it does not
 * name has the settings of the first of its kind. NULL, with *service_out unset: there is none. */
const struct config_listener *listen_settings(const struct config *config,
                                              const struct listen_socket *socket,
                                              const struct config_service **service_out);

/* The process that serves it. */
enum config_role listen_role(enum config_service_kind kind);
