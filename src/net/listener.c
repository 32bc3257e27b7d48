/* Accepting. Limits are checked before anything is spent on the peer. When descriptors or memory
 * run out, accepting pauses: the socket stays readable, and trying at once would only spin. */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/conn_private.h"
#include "runtime/metrics.h"

#define ACCEPTS_PER_RUN 16
#define PAUSE_S 1
#define SHORTAGE_LOG_NS (60 * NS_PER_S)
#define KEEPALIVE_S 300
#define LISTENER_END LOOP_WAKE

void listener_unref(struct listener *l)
{
    if (atomic_fetch_sub(&l->refs, 1) > 1)
        return;
    for (unsigned i = 0; i < loop_threads(l->loop); i++)
        pool_done(&l->pools[i]);
    free(l);
}

static const char *module_of(const struct listener *l)
{
    return l->config.protocol->name;
}

static void log_shortage(struct listener *l, const char *what)
{
    int64_t now = clock_mono_ns(), last = atomic_load(&l->shortage_ns);

    if (last && now - last < SHORTAGE_LOG_NS)
        return;
    atomic_store(&l->shortage_ns, now);
    log_event(l->env->log, LOG_ERROR, module_of(l), 0, "cannot take new connections",
              LOG_STR("reason", what));
}

void listener_count_refusal(const struct listener *l, const char *why)
{
    metrics_add(l->env->metrics, METRIC_CONNECTIONS_REFUSED, 1, l->config.name, why);
}

/* Over TLS there is no way to say it that would not cost a handshake. */
static void refuse(const struct listener *l, int fd, uint64_t id, const char *why)
{
    struct slice text = l->stopping ? l->config.farewell : l->config.refusal;

    log_event(l->env->log, LOG_INFO, module_of(l), id, "connection refused",
              LOG_STR("reason", why));
    listener_count_refusal(l, why);
    if (text.n > 0 && !l->config.tls_immediate)
        (void)!send(fd, text.p, text.n, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)shutdown(fd, SHUT_WR);
    (void)fd_close(fd);
}

static void set_socket_options(int fd)
{
    const int on = 1, idle_s = KEEPALIVE_S;

    /* These do not exist for local sockets, and a connection works without them. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
}

/* Hands the connection to the loop; it begins on whichever thread is free. */
static void start_conn(struct listener *l, int fd, unsigned thread, const struct addr *remote,
                       uint64_t id, bool counted)
{
    struct conn *c = conn_new(l, fd, thread, remote, id);

    if (c) {
        c->counted = counted;
        c->slot = loop_add(l->loop, fd, conn_run, c, NULL);
    } else if (counted) {
        limiter_sub(l->config.open, remote, 1);
    }
    if (!c || !c->slot) {
        log_shortage(l, c ? "as many connections as configured" : "out of memory");
        refuse(l, fd, id, "busy");
        conn_free(c);
        return;
    }
    loop_park(l->loop, c->slot, &(struct loop_park){.interest = LOOP_OUT});
}

const char *listener_admit(const struct listener *l, const struct addr *remote)
{
    if (l->config.rate && !limiter_add(l->config.rate, remote, 1))
        return "rate";
    if (l->config.open && !limiter_add(l->config.open, remote, 1))
        return "open";
    return NULL;
}

static bool is_proxy(const struct listener *l, const struct addr *remote)
{
    for (size_t i = 0; i < l->config.proxies_n; i++)
        if (network_holds(&l->config.proxies[i], remote))
            return true;
    return false;
}

static void log_arrival(const struct listener *l, int fd, const struct addr *remote, uint64_t id)
{
    struct sockaddr_storage ss = {0};
    socklen_t ss_n = sizeof(ss);
    char remote_text[ADDR_TEXT_MAX], local_text[ADDR_TEXT_MAX];

    if (!log_wants(l->env->log, LOG_INFO, module_of(l)))
        return;
    (void)getsockname(fd, (struct sockaddr *)&ss, &ss_n);
    const struct addr local = addr_of_sockaddr(&ss);

    log_event(l->env->log, LOG_INFO, module_of(l), id, "new connection",
              LOG_STR("remote", addr_ip_text(remote, remote_text)),
              LOG_STR("local", addr_ip_text(&local, local_text)), LOG_NUM("port", local.port),
              LOG_STR("service", l->config.name), LOG_SLICE("listener", l->config.listener),
              LOG_NUM("tls", l->config.tls_immediate));
}

/* For whom a proxy connects is not known yet: its limits are asked in conn.c. */
static void admit(struct listener *l, int fd, unsigned thread, const struct sockaddr_storage *ss)
{
    struct addr remote = addr_of_sockaddr(ss);
    uint64_t id = loop_unique(l->loop);
    bool proxied = l->config.proxies_n > 0;
    const char *why = NULL;

    metrics_add(l->env->metrics, METRIC_CONNECTIONS, 1, module_of(l), l->config.name);
    log_arrival(l, fd, &remote, id);
    if (l->stopping)
        why = "stopping";
    else if (proxied)
        why = is_proxy(l, &remote) ? NULL : "proxy";
    else
        why = listener_admit(l, &remote);
    set_socket_options(fd);
    if (why)
        refuse(l, fd, id, why);
    else
        start_conn(l, fd, thread, &remote, id, !proxied && l->config.open);
}

/* Errors of a single connection that ended before we came; accept(2) lists the network's too. */
static bool is_passing(int number)
{
    switch (number) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EBADF:
    case EINVAL:
    case ENOTSOCK:
        return false;
    default:
        return true;
    }
}

static enum loop_next run_listener(void *owner, unsigned events, unsigned thread,
                                   struct loop_park *park)
{
    struct listener *l = owner;

    if (events & LOOP_STOP)
        atomic_store(&l->stopping, true);
    if (events & LISTENER_END || (l->stopping && !l->config.stays)) {
        listener_unref(l);
        return LOOP_CLOSE;
    }
    park->interest = LOOP_IN;
    for (int i = 0; i < ACCEPTS_PER_RUN; i++) {
        struct sockaddr_storage ss = {0};
        socklen_t ss_n = sizeof(ss);
        int fd = accept4(l->fd, (struct sockaddr *)&ss, &ss_n, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            admit(l, fd, thread, &ss);
        } else if (errno == EAGAIN) {
            return LOOP_PARK;
        } else if (!is_passing(errno)) {
            log_shortage(l, strerror(errno));
            *park = (struct loop_park){.interest = 0, .deadline_s = PAUSE_S};
            return LOOP_PARK;
        }
    }
    return LOOP_PARK;
}

int conn_listen(struct loop *loop, const struct env *env, int fd,
                const struct listener_config *config, uint64_t *id_out, struct err *err)
{
    unsigned threads = loop_threads(loop);
    struct listener *l = calloc(1, sizeof(*l) + threads * sizeof(l->pools[0]));

    if (!l) {
        (void)fd_close(fd);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    l->config = *config;
    l->env = env;
    l->loop = loop;
    l->fd = fd;
    atomic_init(&l->refs, 1);
    uint64_t id = loop_add(loop, fd, run_listener, l, &(struct loop_park){.interest = LOOP_IN});

    if (id) {
        *id_out = id;
        return 0;
    }
    listener_unref(l);
    (void)fd_close(fd);
    return err_set(err, ERR_LIMIT, "too many descriptors in the loop");
}

void conn_listen_end(struct loop *loop, uint64_t id)
{
    loop_wake(loop, id, LISTENER_END);
}
