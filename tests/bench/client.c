#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/builder.h"
#include "base/cleanup.h"
#include "base/cursor.h"

#define TIMEOUT_S 60
#define COMMAND_MAX 8192

SSL_CTX *client_tls_new(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    if (ctx)
        SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    return ctx;
}

bool client_open(struct client *c, const char *address, uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval timeout = {.tv_sec = TIMEOUT_S};
    int on = 1;

    c->ssl = NULL;
    c->in_at = c->in_n = 0;
    c->fd = -1;
    if (inet_pton(AF_INET, address, &to.sin_addr) != 1) {
        (void)fprintf(stderr, "%s is not an IPv4 address\n", address);
        return false;
    }
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
        (void)fprintf(stderr, "connect to %s port %u: %s\n", address, port, strerrordesc_np(errno));
        client_close(c);
        return false;
    }
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    (void)setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    return true;
}

bool client_start_tls(struct client *c, SSL_CTX *ctx)
{
    c->in_at = c->in_n = 0;
    c->ssl = SSL_new(ctx);
    return c->ssl && SSL_set_fd(c->ssl, c->fd) == 1 && SSL_connect(c->ssl) == 1;
}

void client_close(struct client *c)
{
    SSL_free(c->ssl);
    c->ssl = NULL;
    c->fd = fd_close(c->fd);
}

bool client_write(struct client *c, struct slice bytes)
{
    while (bytes.n > 0) {
        int chunk = bytes.n > 65536 ? 65536 : (int)bytes.n;
        ssize_t n = c->ssl ? SSL_write(c->ssl, bytes.p, chunk)
                           : send(c->fd, bytes.p, (size_t)chunk, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        bytes = slice_from(bytes, (size_t)n);
    }
    return true;
}

/* More octets behind those that are there; false at the end, or when there is no room. */
static bool fill(struct client *c)
{
    if (c->in_at > 0) {
        memmove(c->in, c->in + c->in_at, c->in_n - c->in_at);
        c->in_n -= c->in_at;
        c->in_at = 0;
    }
    size_t room = sizeof(c->in) - c->in_n;

    if (room == 0)
        return false;
    ssize_t n = c->ssl ? SSL_read(c->ssl, c->in + c->in_n, (int)room)
                       : recv(c->fd, c->in + c->in_n, room, 0);

    if (n <= 0)
        return false;
    c->in_n += (size_t)n;
    return true;
}

bool client_line(struct client *c, struct slice *line_out)
{
    for (;;) {
        struct slice have = slice_of(c->in + c->in_at, c->in_n - c->in_at);
        size_t end = slice_find_byte(have, '\n');

        if (end != SIZE_MAX) {
            c->in_at += end + 1;
            if (end > 0 && have.p[end - 1] == '\r')
                end--;
            *line_out = slice_sub(have, 0, end);
            return true;
        }
        if (!fill(c))
            return false;
    }
}

bool client_skip(struct client *c, uint64_t n)
{
    while (n > 0) {
        if (c->in_at == c->in_n && !fill(c))
            return false;
        uint64_t have = c->in_n - c->in_at;
        uint64_t take = have < n ? have : n;

        c->in_at += take;
        n -= take;
    }
    return true;
}

static bool write_command(struct client *c, const char *tag, const char *command)
{
    struct builder b;

    build_init(&b, COMMAND_MAX);
    build_text(&b, tag);
    build_text(&b, command);
    build_text(&b, "\r\n");
    bool ok = build_ok(&b) && client_write(c, build_slice(&b));

    build_done(&b);
    return ok;
}

int client_smtp(struct client *c, const char *command)
{
    struct slice line;

    if (command && !write_command(c, "", command))
        return 0;
    do {
        if (!client_line(c, &line) || line.n < 3)
            return 0;
    } while (slice_at(line, 3) == '-');
    struct cursor cur = cur_init(slice_sub(line, 0, 3));

    return (int)cur_number(&cur, 999, "code");
}

/* The size of the literal that a line announces at its end, or 0. */
static uint64_t literal_size(struct slice line)
{
    size_t brace = slice_rfind_byte(line, '{');

    if (brace == SIZE_MAX || slice_at(line, line.n - 1) != '}')
        return 0;
    struct cursor cur = cur_init(slice_from(line, brace + 1));
    uint64_t n = cur_number(&cur, UINT32_MAX, "size");

    return cur_ok(&cur) ? n : 0;
}

bool client_imap(struct client *c, const char *command)
{
    struct slice line;

    if (!write_command(c, "t ", command))
        return false;
    for (;;) {
        if (!client_line(c, &line))
            return false;
        if (slice_starts(line, SLICE("t ")))
            return slice_starts_nocase(line, SLICE("t OK"));
        uint64_t n = literal_size(line);

        if (n > 0 && !client_skip(c, n))
            return false;
    }
}
