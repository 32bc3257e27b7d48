/* A tiny line protocol for the tests of connections, and clients that speak it. */
#pragma once

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "net/conn.h"
#include "net/tls_provider.h"
#include "runtime/loop.h"

/* Commands, one a line: STARTTLS, QUIT, DROP, BIG (a megabyte from a producer), DELAY (a second),
 * RATE (from now on 1000 octets a minute, most of which seems to have passed), FLOOD (writes more
 * than may wait), TLS? (says what it has); anything else comes back as "echo LINE". Wake-ups are
 * written as "woken BITS". */
extern const struct protocol echo_protocol;

struct echo_service {
    uint32_t timeout_s;
    _Atomic unsigned opened, closed;
    _Atomic uint64_t last_id;
    struct conn_ref last_ref; /* of the connection opened last; read it after its greeting */
};

#define ECHO_BIG (1024u * 1024)

struct echo_server {
    struct loop *loop;
    struct echo_service service;
    struct tls_context *tls;
    struct tls_certificate *certificate;
    EVP_PKEY *key;
    struct tls_signer signer; /* has key */
    uint16_t port;
    uint64_t listening; /* for conn_listen_end */
};

struct echo_options {
    bool tls, tls_immediate;
    bool sandbox; /* enters the profile of an edge, for ever */
    const char *alpn;
    uint32_t timeout_s, connections_max;
    struct limiter *rate, *open;
};

void echo_server_start(struct echo_server *s, const struct echo_options *options);
/* Stops as a process does at its end; checks that every session was closed. */
void echo_server_stop(struct echo_server *s);

struct client {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
};

void client_connect(struct client *c, const struct echo_server *s);
/* False when the handshake fails. alpn is in wire form, or empty. */
bool client_tls(struct client *c, struct slice alpn, int version_max);
void client_send(struct client *c, struct slice s);
/* Reads one line into buf, without CR LF; NULL at the end of the connection. */
const char *client_line(struct client *c, char buf[static 256]);
void client_expect(struct client *c, const char *line);
/* Reads to the end; how many octets there were. */
size_t client_read_all(struct client *c);
void client_close(struct client *c);
