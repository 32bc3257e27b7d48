/* Octets in and out. libssl's error queue belongs to the thread while connections change threads,
 * so it is emptied before every call. After a fatal error libssl is not asked for anything more. */
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/log.h"
#include "base/num.h"
#include "net/conn_private.h"
#include "net/tls_private.h"
#include "runtime/metrics.h"

#define DISCARD_ROUND (64u * 1024)
#define TLS_RECORD_HANDSHAKE 22

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
    SSL_set_app_data(c->ssl, c);
    SSL_set_accept_state(c->ssl);
    return true;
}

/* Text of an alert as a label: "alert-42-bad-certificate". */
static void alert_label(int number, char *buf, size_t size)
{
    int n = snprintf(buf, size, "alert-%d-%s", number, SSL_alert_desc_string_long(number));

    for (int i = 0; i < n && (size_t)i < size; i++)
        buf[i] = buf[i] == ' ' ? '-' : (char)ascii_lower((uint8_t)buf[i]);
}

/* The connection went away, which libssl says in two ways. */
static bool is_lost(void)
{
    unsigned long error = ERR_peek_error();

    return error == 0 || (ERR_GET_LIB(error) == ERR_LIB_SSL &&
                          ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING);
}

/* Why a handshake failed, in classes that say whose fault it is. */
static void failure_label(const struct conn *c, char *buf, size_t size)
{
    unsigned long error = ERR_peek_error();
    int reason = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
    const char *label = "other";

    if (c->hello_n == 0)
        label = "eof";
    else if (c->hello_n == sizeof(c->hello) && c->hello[0] & 0x80 && c->hello[2] == 1)
        label = "sslv2";
    else if (c->hello[0] != TLS_RECORD_HANDSHAKE)
        label = "nottls";
    else if (reason > SSL_AD_REASON_OFFSET) {
        alert_label(reason - SSL_AD_REASON_OFFSET, buf, size);
        return;
    } else if (reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_VERSION_TOO_LOW ||
               reason == SSL_R_VERSION_TOO_HIGH)
        label = "unsupportedversions";
    else if (is_lost())
        label = "eof";
    (void)snprintf(buf, size, "%s", label);
}

static void log_handshake(struct conn *c, enum io_result result)
{
    char label[64];

    if (result == IO_OK) {
        const char *sni = SSL_get_servername(c->ssl, TLSEXT_NAMETYPE_host_name);

        conn_log(c, LOG_DEBUG, "tls handshake done", LOG_STR("version", SSL_get_version(c->ssl)),
                 LOG_STR("cipher", SSL_get_cipher_name(c->ssl)), LOG_STR("sni", sni ? sni : ""),
                 LOG_NUM("resumed", SSL_session_reused(c->ssl)),
                 LOG_NUM("certificate", SSL_get0_peer_certificate(c->ssl) != NULL));
        return;
    }
    failure_label(c, label, sizeof(label));
    if (c->started)
        metrics_add(c->listener->env->metrics, METRIC_STARTTLS_ERRORS, 1, label);
    const char *reason = ERR_reason_error_string(ERR_peek_error());

    conn_log(c, LOG_DEBUG, "tls handshake failed", LOG_STR("class", label),
             LOG_STR("reason", reason ? reason : "connection lost"));
}

/* libssl does not tell whether what came was TLS at all. */
static void look_at_hello(struct conn *c)
{
    if (c->hello_n == sizeof(c->hello))
        return;
    ssize_t n = recv(c->fd, c->hello, sizeof(c->hello), MSG_PEEK | MSG_DONTWAIT);

    if (n > c->hello_n)
        c->hello_n = (uint8_t)n;
}

enum io_result conn_io_handshake(struct conn *c)
{
    if (!c->looked)
        look_at_hello(c);
    ERR_clear_error();
    int rc = SSL_do_handshake(c->ssl);
    enum io_result result = rc == 1 ? IO_OK : result_of_ssl(c, rc);

    c->looked = c->hello_n > 0;
    if (result == IO_WANT_READ || result == IO_WANT_WRITE)
        return result;
    log_handshake(c, result);
    if (result != IO_OK)
        tls_client_failed(c, is_lost());
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

enum io_result conn_io_read_some(struct conn *c, size_t n)
{
    size_t room, got = 0;
    uint8_t *p = conn_input_room(c, &room);
    enum io_result result = p ? read_plain(c, p, MIN(n, room), &got) : IO_FAILED;

    c->in_n += (uint32_t)got;
    return result;
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

enum io_result conn_io_flush_octet(struct conn *c)
{
    struct segment *s = c->out_first;
    size_t n = 0;
    enum io_result result = write_some(c, slice_of(s->data + s->at, 1), &n);

    if (result == IO_OK)
        conn_output_consume(c, n);
    return result;
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
