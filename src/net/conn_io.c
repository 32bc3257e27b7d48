/* Octets in and out. libssl's error queue belongs to the thread while connections change threads,
 * so it is emptied before every call. After a fatal error libssl is not asked for anything more. */
#include <errno.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/num.h"
#include "net/conn_private.h"
#include "net/tls_private.h"

#define DISCARD_ROUND (64u * 1024)

static enum io_result result_of_errno(int number)
{
    return number == EAGAIN || number == EWOULDBLOCK ? IO_WANT_READ : IO_FAILED;
}

static enum io_result result_of_ssl(struct conn *c, int rc)
{
    switch (SSL_get_error(c->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        return IO_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return IO_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return IO_END;
    default:
        c->tls_broken = true;
        return IO_FAILED;
    }
}

bool conn_io_start_tls(struct conn *c)
{
    ERR_clear_error();
    c->ssl = SSL_new(c->listener->config.tls->ssl);
    if (!c->ssl || SSL_set_fd(c->ssl, c->fd) != 1)
        return false;
    SSL_set_accept_state(c->ssl);
    return true;
}

static void log_handshake(struct conn *c, enum io_result result)
{
    struct log *log = c->listener->env->log;
    const char *module = c->listener->config.protocol->name;

    if (!log_wants(log, LOG_DEBUG, module))
        return;
    if (result == IO_OK) {
        log_event(log, LOG_DEBUG, module, c->id, "tls handshake done",
                  LOG_STR("version", SSL_get_version(c->ssl)),
                  LOG_STR("cipher", SSL_get_cipher_name(c->ssl)),
                  LOG_NUM("resumed", SSL_session_reused(c->ssl)));
        return;
    }
    const char *reason = ERR_reason_error_string(ERR_peek_error());

    log_event(log, LOG_DEBUG, module, c->id, "tls handshake failed",
              LOG_STR("reason", reason ? reason : "connection lost"));
}

enum io_result conn_io_handshake(struct conn *c)
{
    ERR_clear_error();
    int rc = SSL_do_handshake(c->ssl);
    enum io_result result = rc == 1 ? IO_OK : result_of_ssl(c, rc);

    if (result != IO_WANT_READ && result != IO_WANT_WRITE)
        log_handshake(c, result);
    return result;
}

static enum io_result read_plain(struct conn *c, uint8_t *p, size_t room, size_t *n_out)
{
    ssize_t n;

    do {
        n = recv(c->fd, p, room, MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return result_of_errno(errno);
    *n_out = (size_t)n;
    return n == 0 ? IO_END : IO_OK;
}

enum io_result conn_io_read(struct conn *c)
{
    size_t room, n = 0;
    uint8_t *p = conn_input_room(c, &room);
    enum io_result result;

    if (!p)
        return IO_FAILED;
    if (c->ssl) {
        ERR_clear_error();
        int rc = SSL_read_ex(c->ssl, p, room, &n);

        result = rc == 1 ? IO_OK : result_of_ssl(c, rc);
    } else {
        result = read_plain(c, p, room, &n);
    }
    if (result == IO_OK)
        c->in_n += (uint32_t)n;
    return result;
}

static enum io_result write_some(struct conn *c, struct slice s, size_t *n_out)
{
    if (c->ssl) {
        ERR_clear_error();
        int rc = SSL_write_ex(c->ssl, s.p, s.n, n_out);

        return rc == 1 ? IO_OK : result_of_ssl(c, rc);
    }
    ssize_t n;

    do {
        n = send(c->fd, s.p, s.n, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return result_of_errno(errno) == IO_WANT_READ ? IO_WANT_WRITE : IO_FAILED;
    *n_out = (size_t)n;
    return IO_OK;
}

enum io_result conn_io_flush(struct conn *c)
{
    while (c->out_first) {
        struct segment *s = c->out_first;
        size_t n = 0;
        enum io_result result = write_some(c, slice_of(s->data + s->at, s->n - s->at), &n);

        if (result != IO_OK)
            return result;
        conn_output_consume(c, n);
    }
    return IO_OK;
}

void conn_io_shutdown(struct conn *c)
{
    if (c->ssl && !c->tls_broken && SSL_is_init_finished(c->ssl)) {
        ERR_clear_error();
        /* Once: the peer's own close_notify is not waited for. */
        (void)SSL_shutdown(c->ssl);
    }
    (void)shutdown(c->fd, SHUT_WR);
}

enum io_result conn_io_discard(struct conn *c)
{
    uint8_t junk[4096];
    size_t n = 0;
    enum io_result result = IO_OK;

    for (size_t total = 0; result == IO_OK && total < DISCARD_ROUND; total += n) {
        result = read_plain(c, junk, sizeof(junk), &n);
        if (result == IO_OK)
            c->lingered += (uint32_t)n;
    }
    return result;
}
