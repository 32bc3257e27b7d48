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

#define ACCEPTS_PER_RUN 16
#define PAUSE_S 1
#define SHORTAGE_LOG_NS (60 * NS_PER_S)
#define KEEPALIVE_S 300

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

/* Over TLS there is no way to say it that would not cost a handshake. */
static void refuse(const struct listener *l, int fd, const struct addr *remote, const char *why)
{
    char text[ADDR_TEXT_MAX];

    log_event(l->env->log, LOG_INFO, module_of(l), 0, "connection refused",
              LOG_STR("remote", addr_ip_text(remote, text)), LOG_STR("reason", why));
    if (l->config.refusal.n > 0 && !l->config.tls_immediate)
        (void)!send(fd, l->config.refusal.p, l->config.refusal.n, MSG_DONTWAIT | MSG_NOSIGNAL);
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
static void start_conn(struct listener *l, int fd, unsigned thread, const struct addr *remote)
{
    char text[ADDR_TEXT_MAX];
    struct conn *c = conn_new(l, fd, thread, remote);

    if (c) {
        c->counted = l->config.open != NULL;
        c->slot = loop_add(l->loop, fd, conn_run, c, NULL);
    } else if (l->config.open) {
        limiter_sub(l->config.open, remote, 1);
    }
    if (!c || !c->slot) {
        log_shortage(l, c ? "as many connections as configured" : "out of memory");
        refuse(l, fd, remote, "busy");
        conn_free(c);
        return;
    }
    log_event(l->env->log, LOG_INFO, module_of(l), c->id, "new connection",
              LOG_STR("remote", addr_ip_text(&c->remote, text)), LOG_NUM("port", c->local.port));
    loop_park(l->loop, c->slot, &(struct loop_park){.interest = LOOP_OUT});
}

static void admit(struct listener *l, int fd, unsigned thread, const struct sockaddr_storage *ss)
{
    struct addr remote = addr_of_sockaddr(ss);

    set_socket_options(fd);
    if (l->config.rate && !limiter_add(l->config.rate, &remote, 1))
        refuse(l, fd, &remote, "rate");
    else if (l->config.open && !limiter_add(l->config.open, &remote, 1))
        refuse(l, fd, &remote, "open");
    else
        start_conn(l, fd, thread, &remote);
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

    if (events & LOOP_STOP) {
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
    loop_wake(loop, id, LOOP_STOP);
}
