/* The socket is non-blocking; a step tries first and waits afterwards. TLS runs over a BIO of our
 * own, since the one of libcrypto raises SIGPIPE when the peer has gone. */
#include "net/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "net/tls_connect.h"

#define SEND_ROOM_MAX ((size_t)1 << 20)

struct socket_stream {
    struct stream base;
    int fd;
    SSL *ssl;             /* NULL: plain text */
    BIO_METHOD *bio_kind; /* outlives ssl */
};

/* ---- waiting ---- */

static int wait_for(const struct socket_stream *s, short events, int64_t deadline_ns,
                    struct err *err)
{
    for (;;) {
        int64_t left_ms = (deadline_ns - clock_mono_ns()) / NS_PER_MS;
        struct pollfd p = {.fd = s->fd, .events = events};

        if (left_ms <= 0)
            return err_set(err, ERR_TIMEOUT, "the server did not answer in time");
        int n = poll(&p, 1, (int)MIN(left_ms, 60 * 1000));

        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return err_errno(err, errno, "cannot wait for the server");
    }
}

/* ---- plain text ---- */

enum moved { MOVED_SOME, MOVED_NOTHING, MOVED_END, MOVED_FAILED };

static enum moved plain_send(struct socket_stream *s, struct slice out, size_t *n_out)
{
    ssize_t n = send(s->fd, out.p, MIN(out.n, SEND_ROOM_MAX), MSG_NOSIGNAL);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? MOVED_NOTHING : MOVED_FAILED;
    *n_out = (size_t)n;
    return MOVED_SOME;
}

static enum moved plain_receive(struct socket_stream *s, uint8_t *in, size_t room, size_t *n_out)
{
    ssize_t n = recv(s->fd, in, MIN(room, SEND_ROOM_MAX), 0);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? MOVED_NOTHING : MOVED_FAILED;
    *n_out = (size_t)n;
    return n > 0 ? MOVED_SOME : MOVED_END;
}

/* ---- TLS ---- */

static int bio_write(BIO *bio, const char *p, int n)
{
    size_t sent = 0;
    enum moved moved = plain_send(BIO_get_data(bio), slice_of(p, n > 0 ? (size_t)n : 0), &sent);

    BIO_clear_retry_flags(bio);
    if (moved == MOVED_NOTHING)
        BIO_set_retry_write(bio);
    return moved == MOVED_SOME ? (int)sent : -1;
}

static int bio_read(BIO *bio, char *p, int n)
{
    size_t got = 0;
    enum moved moved = plain_receive(BIO_get_data(bio), (uint8_t *)p, n > 0 ? (size_t)n : 0, &got);

    BIO_clear_retry_flags(bio);
    if (moved == MOVED_NOTHING)
        BIO_set_retry_read(bio);
    if (moved == MOVED_END)
        return 0;
    return moved == MOVED_SOME ? (int)got : -1;
}

static long bio_control(BIO *bio, int command, long number, void *arg)
{
    (void)bio;
    (void)number;
    (void)arg;
    return command == BIO_CTRL_FLUSH;
}

/* After a call of libssl that moved nothing. */
static enum moved tls_outcome(struct socket_stream *s, int rc, short *want)
{
    switch (SSL_get_error(s->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        *want |= POLLIN;
        return MOVED_NOTHING;
    case SSL_ERROR_WANT_WRITE:
        *want |= POLLOUT;
        return MOVED_NOTHING;
    case SSL_ERROR_ZERO_RETURN:
        return MOVED_END;
    default:
        return MOVED_FAILED;
    }
}

static int tls_error(struct err *err, enum err_kind kind, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(code);

    ERR_clear_error();
    return err_set(err, kind, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
}

static enum moved write_some(struct socket_stream *s, struct stream_io *io, short *want)
{
    size_t n = 0;
    enum moved moved;

    if (s->ssl) {
        ERR_clear_error();
        int rc = SSL_write_ex(s->ssl, io->out.p, MIN(io->out.n, SEND_ROOM_MAX), &n);

        moved = rc == 1 ? MOVED_SOME : tls_outcome(s, rc, want);
    } else {
        moved = plain_send(s, io->out, &n);
        if (moved == MOVED_NOTHING)
            *want |= POLLOUT;
    }
    io->out = slice_from(io->out, n);
    return moved;
}

static enum moved read_some(struct socket_stream *s, struct stream_io *io, short *want)
{
    enum moved moved;

    io->got = 0;
    if (s->ssl) {
        ERR_clear_error();
        int rc = SSL_read_ex(s->ssl, io->in, io->room, &io->got);

        moved = rc == 1 ? MOVED_SOME : tls_outcome(s, rc, want);
    } else {
        moved = plain_receive(s, io->in, io->room, &io->got);
        if (moved == MOVED_NOTHING)
            *want |= POLLIN;
    }
    return moved;
}

static int lost(const struct socket_stream *s, struct err *err)
{
    if (s->ssl && ERR_peek_last_error() != 0)
        return tls_error(err, ERR_IO, "the TLS connection broke");
    return err_errno(err, errno ? errno : ECONNRESET, "the connection to the server broke");
}

static int socket_step(struct stream *base, struct stream_io *io, int64_t deadline_ns,
                       struct err *err)
{
    struct socket_stream *s = (struct socket_stream *)base;

    io->got = 0;
    for (;;) {
        enum moved wrote = MOVED_NOTHING, read = MOVED_NOTHING;
        short want = 0;

        errno = 0;
        /* Reading first: what the peer said before it closed is worth more than that it closed. */
        if (io->room > 0)
            read = read_some(s, io, &want);
        if (read == MOVED_FAILED)
            return lost(s, err);
        if (read == MOVED_END) {
            io->end = true;
            return 0;
        }
        if (io->out.n > 0 && read == MOVED_NOTHING)
            wrote = write_some(s, io, &want);
        if (wrote == MOVED_FAILED || wrote == MOVED_END)
            return lost(s, err);
        if (wrote == MOVED_SOME || read == MOVED_SOME)
            return 0;
        int rc = wait_for(s, want, deadline_ns, err);

        if (rc < 0)
            return rc;
    }
}

static bool bio_attach(struct socket_stream *s)
{
    s->bio_kind = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "godwit stream");
    if (!s->bio_kind || BIO_meth_set_write(s->bio_kind, bio_write) != 1 ||
        BIO_meth_set_read(s->bio_kind, bio_read) != 1 ||
        BIO_meth_set_ctrl(s->bio_kind, bio_control) != 1)
        return false;
    BIO *bio = BIO_new(s->bio_kind);

    if (!bio)
        return false;
    BIO_set_data(bio, s);
    BIO_set_init(bio, 1);
    SSL_set_bio(s->ssl, bio, bio);
    return true;
}

/* Why libssl gave up: a certificate that we do not want has a reason of its own. */
static int handshake_failed(struct socket_stream *s, struct err *err)
{
    long verdict = SSL_get_verify_result(s->ssl);

    if (verdict != X509_V_OK) {
        ERR_clear_error();
        return err_set(err, ERR_DENIED, "the server's certificate is not accepted: %s",
                       X509_verify_cert_error_string(verdict));
    }
    if (ERR_peek_last_error() == 0)
        return err_set(err, ERR_IO, "the server ended the connection instead of starting TLS");
    return tls_error(err, ERR_IO, "TLS failed");
}

static int socket_start_tls(struct stream *base, const struct tls_connector *connector,
                            const char *host, int64_t deadline_ns, struct err *err)
{
    struct socket_stream *s = (struct socket_stream *)base;

    if (s->ssl)
        return err_set(err, ERR_INVALID, "TLS is on already");
    int rc = tls_connector_ssl(connector, host, &s->ssl, err);

    if (rc < 0)
        return rc;
    if (!bio_attach(s))
        return err_set(err, ERR_NOMEM, "out of memory");
    for (;;) {
        short want = 0;

        errno = 0;
        ERR_clear_error();
        rc = SSL_connect(s->ssl);
        if (rc == 1)
            return 0;
        if (tls_outcome(s, rc, &want) != MOVED_NOTHING)
            return handshake_failed(s, err);
        rc = wait_for(s, want, deadline_ns, err);
        if (rc < 0)
            return rc;
    }
}

static bool socket_tls(const struct stream *base, struct channel_binding *binding_out)
{
    const struct socket_stream *s = (const struct socket_stream *)base;

    if (binding_out)
        *binding_out = channel_binding_of(s->ssl);
    return s->ssl && SSL_is_init_finished(s->ssl);
}

static void socket_free(struct stream *base)
{
    struct socket_stream *s = (struct socket_stream *)base;

    if (s->ssl && SSL_is_init_finished(s->ssl))
        (void)SSL_shutdown(s->ssl);
    SSL_free(s->ssl);
    BIO_meth_free(s->bio_kind);
    ERR_clear_error();
    if (s->fd >= 0)
        (void)close(s->fd);
    free(s);
}

int stream_of_fd(int fd, struct stream **out, struct err *err)
{
    static const struct stream_ops ops = {socket_step, socket_start_tls, socket_tls, socket_free};
    int flags = fcntl(fd, F_GETFL);
    struct socket_stream *s = calloc(1, sizeof(*s));

    if (!s || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        int rc = err_errno(err, s ? errno : ENOMEM, "cannot use the connection");

        (void)close(fd);
        free(s);
        return rc;
    }
    s->base.ops = &ops;
    s->fd = fd;
    *out = &s->base;
    return 0;
}

int stream_write(struct stream *s, struct slice octets, int64_t deadline_ns, struct err *err)
{
    struct stream_io io = {.out = octets};

    while (io.out.n > 0) {
        int rc = stream_step(s, &io, deadline_ns, err);

        if (rc < 0)
            return rc;
    }
    return 0;
}
