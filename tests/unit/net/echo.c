#include "echo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "local_signer.h"
#include "net/conn_private.h"
#include "runtime/sandbox.h"

struct session {
    struct echo_service *service;
    size_t to_produce;
};

static void *echo_open(struct conn *c, const void *service)
{
    struct session *s = calloc(1, sizeof(*s));

    s->service = (struct echo_service *)(uintptr_t)service;
    atomic_fetch_add(&s->service->opened, 1);
    assert_true(conn_id(c) > atomic_exchange(&s->service->last_id, conn_id(c)));
    s->service->last_ref = conn_ref(c);
    conn_set_timeout(c, s->service->timeout_s);
    conn_write(c, SLICE("hello\r\n"));
    return s;
}

static void say_tls(struct conn *c)
{
    struct conn_tls_info info = conn_tls(c);

    if (info.on)
        conn_printf(c, "%s %s %04x\r\n", info.version_name, info.cipher_name, info.version);
    else
        conn_printf(c, "none %d\r\n", conn_tls_available(c));
}

static enum conn_next echo_line(struct conn *c, struct session *s, struct slice line)
{
    static const uint8_t junk[CONN_OUTPUT_HIGH];

    if (slice_eq(line, SLICE("STARTTLS"))) {
        conn_write(c, SLICE("go\r\n"));
        return CONN_TLS;
    }
    if (slice_eq(line, SLICE("QUIT"))) {
        conn_write(c, SLICE("bye\r\n"));
        return CONN_CLOSE;
    }
    if (slice_eq(line, SLICE("DROP")))
        return CONN_ABORT;
    if (slice_eq(line, SLICE("BIG"))) {
        s->to_produce = ECHO_BIG;
        conn_set_producer(c);
        return CONN_MORE;
    }
    if (slice_eq(line, SLICE("FLOOD"))) {
        for (size_t n = 0; n <= 2 * CONN_OUTPUT_MAX; n += sizeof(junk))
            conn_write(c, slice_of(junk, sizeof(junk)));
        return CONN_AGAIN;
    }
    if (slice_eq(line, SLICE("RATE"))) {
        conn_set_min_rate(c, 1000);
        c->rate_waited_ms = 179500;
    }
    if (slice_eq(line, SLICE("DELAY")))
        conn_delay(c, 1);
    if (slice_eq(line, SLICE("TLS?"))) {
        say_tls(c);
    } else {
        char *copy = arena_str(conn_arena(c), line);

        conn_printf(c, "echo %s\r\n", copy);
    }
    return CONN_AGAIN;
}

static enum conn_next echo_input(struct conn *c, void *session, struct slice in, size_t *used_out)
{
    size_t end = slice_find(in, SLICE("\r\n"));

    assert_true(conn_output_pending(c) == 0);
    if (end == SIZE_MAX)
        return CONN_MORE;
    *used_out = end + 2;
    return echo_line(c, session, slice_sub(in, 0, end));
}

static enum conn_next echo_secured(struct conn *c, void *session)
{
    (void)session;
    assert_true(conn_tls(c).on);
    return CONN_MORE;
}

static enum conn_next echo_produce(struct conn *c, void *session)
{
    struct session *s = session;

    while (s->to_produce > 0 && conn_output_pending(c) < CONN_OUTPUT_HIGH) {
        uint8_t junk[1000] = {0};
        size_t n = MIN(sizeof(junk), s->to_produce);

        conn_write(c, slice_of(junk, n));
        s->to_produce -= n;
    }
    if (s->to_produce > 0)
        return CONN_AGAIN;
    conn_write(c, SLICE("\r\ndone\r\n"));
    return CONN_MORE;
}

static enum conn_next echo_wake(struct conn *c, void *session, unsigned events)
{
    (void)session;
    conn_printf(c, "woken %x\r\n", events);
    return CONN_MORE;
}

static enum conn_next echo_timeout(struct conn *c, void *session)
{
    (void)session;
    conn_write(c, SLICE("too slow\r\n"));
    return CONN_CLOSE;
}

static enum conn_next echo_stopping(struct conn *c, void *session)
{
    (void)session;
    conn_write(c, SLICE("stopping\r\n"));
    return CONN_CLOSE;
}

static void echo_close(struct conn *c, void *session)
{
    struct session *s = session;

    (void)c;
    atomic_fetch_add(&s->service->closed, 1);
    free(s);
}

const struct protocol echo_protocol = {
    .name = "echo",
    .open = echo_open,
    .input = echo_input,
    .secured = echo_secured,
    .produce = echo_produce,
    .wake = echo_wake,
    .timeout = echo_timeout,
    .stopping = echo_stopping,
    .close = echo_close,
};

/* ---- server ---- */

static struct slice slice_of_bio(BIO *bio)
{
    char *p;
    long n = BIO_get_mem_data(bio, &p);

    return slice_of(p, (size_t)n);
}

static const struct clock real_time;

static void new_tls(struct echo_server *s, const char *alpn)
{
    X509 *cert = X509_new();
    BIO *pem = BIO_new(BIO_s_mem());
    struct err err;

    s->key = EVP_EC_gen("P-256");
    s->signer = local_signer(s->key);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, s->key);
    X509_sign(cert, s->key, EVP_sha256());
    PEM_write_bio_X509(pem, cert);
    assert_int_equal(tls_certificate_new(slice_of_bio(pem), &s->signer, &s->certificate, &err), 0);
    const struct tls_config config = {.certificate = s->certificate,
                                      .tickets = true,
                                      .clock = &real_time,
                                      .alpn = alpn,
                                      .service = "echo"};

    assert_int_equal(tls_context_new(&config, &s->tls, &err), 0);
    BIO_free(pem);
    X509_free(cert);
}

static int listen_loopback(uint16_t *port_out)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t in_n = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(listen(fd, 1024), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &in_n), 0);
    *port_out = ntohs(in.sin_port);
    return fd;
}

static void enter_sandbox(const struct env *env)
{
    struct sandbox_config config = {.role = SANDBOX_EDGE};
    struct err err;

#ifdef GODWIT_SANITIZED
    config.log_only = true;
#endif
    assert_int_equal(sandbox_enter(&config, env, &err), 0);
}

void echo_server_start(struct echo_server *s, const struct echo_options *options)
{
    static const struct clock clock;
    static struct env env;
    struct err err;

    if (!env.log)
        env = (struct env){.clock = &clock, .log = log_new(STDERR_FILENO, false, NULL)};
    assert_int_equal(log_set_levels(env.log, SLICE("error"), &err), 0);
    *s = (struct echo_server){.service.timeout_s = options->timeout_s};
    if (options->tls)
        new_tls(s, options->alpn);
    uint32_t max = options->connections_max ? options->connections_max + 1 : 64;

    assert_int_equal(loop_new(&env, 3, max, &s->loop, &err), 0);
    int fd = listen_loopback(&s->port);

    if (options->sandbox)
        enter_sandbox(&env);
    assert_int_equal(loop_start(s->loop, &err), 0);
    const struct listener_config config = {.protocol = &echo_protocol,
                                           .service = &s->service,
                                           .tls = s->tls,
                                           .tls_immediate = options->tls_immediate,
                                           .handshake_timeout_s = 1,
                                           .write_timeout_s = 30,
                                           .name = "echo",
                                           .rate = options->rate,
                                           .open = options->open,
                                           .refusal = SLICE("too many\r\n")};

    assert_int_equal(conn_listen(s->loop, &env, fd, &config, &s->listening, &err), 0);
}

void echo_server_stop(struct echo_server *s)
{
    loop_wake_all(s->loop, LOOP_STOP);
    assert_true(loop_drain(s->loop, 0, 10000));
    loop_free(s->loop);
    assert_int_equal(atomic_load(&s->service.opened), atomic_load(&s->service.closed));
    tls_context_free(s->tls);
    tls_certificate_free(s->certificate);
    EVP_PKEY_free(s->key);
}

/* ---- client ---- */

void client_connect(struct client *c, const struct echo_server *s)
{
    const struct sockaddr_in in = {.sin_family = AF_INET,
                                   .sin_port = htons(s->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval ten_seconds = {.tv_sec = 10};

    *c = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_true(c->fd >= 0);
    assert_int_equal(setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &ten_seconds, sizeof(ten_seconds)),
                     0);
    assert_int_equal(connect(c->fd, (const struct sockaddr *)&in, sizeof(in)), 0);
}

bool client_tls(struct client *c, struct slice alpn, int version_max)
{
    c->ctx = SSL_CTX_new(TLS_client_method());
    assert_int_equal(SSL_CTX_set_max_proto_version(c->ctx, version_max), 1);
    c->ssl = SSL_new(c->ctx);
    assert_int_equal(SSL_set_fd(c->ssl, c->fd), 1);
    if (alpn.n > 0)
        assert_int_equal(SSL_set_alpn_protos(c->ssl, alpn.p, (unsigned)alpn.n), 0);
    return SSL_connect(c->ssl) == 1;
}

void client_send(struct client *c, struct slice s)
{
    if (c->ssl)
        assert_int_equal(SSL_write(c->ssl, s.p, (int)s.n), (int)s.n);
    else
        assert_int_equal(send(c->fd, s.p, s.n, MSG_NOSIGNAL), (ssize_t)s.n);
}

static int read_octets(struct client *c, void *p, size_t n)
{
    return c->ssl ? SSL_read(c->ssl, p, (int)n) : (int)recv(c->fd, p, n, 0);
}

const char *client_line(struct client *c, char buf[static 256])
{
    size_t n = 0;

    while (n < 255) {
        if (read_octets(c, buf + n, 1) != 1)
            return NULL;
        if (buf[n] == '\n') {
            buf[n > 0 && buf[n - 1] == '\r' ? n - 1 : n] = '\0';
            return buf;
        }
        n++;
    }
    fail_msg("a line without end");
    return NULL;
}

void client_expect(struct client *c, const char *line)
{
    char buf[256];
    const char *got = client_line(c, buf);

    if (!line) {
        if (got)
            fail_msg("got \"%s\" instead of the end", got);
        return;
    }
    if (!got || strcmp(got, line) != 0)
        fail_msg("got \"%s\" instead of \"%s\"", got ? got : "(end)", line);
}

size_t client_read_all(struct client *c)
{
    uint8_t buf[16384];
    size_t total = 0;
    int n;

    while ((n = read_octets(c, buf, sizeof(buf))) > 0)
        total += (size_t)n;
    return total;
}

void client_close(struct client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    (void)close(c->fd);
}
