/* A blocking client connection for load generators: lines out, lines in, with or without TLS.
 *
 * Certificates are not checked: the load goes to servers of a test. Not shared between threads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "base/slice.h"

#define CLIENT_LINE_MAX 16384

enum client_tls { CLIENT_PLAIN, CLIENT_STARTTLS, CLIENT_IMPLICIT };

struct client {
    int fd;
    SSL *ssl; /* NULL: no TLS */
    uint8_t in[CLIENT_LINE_MAX];
    size_t in_at, in_n;
};

/* One for the process. NULL when OpenSSL has none. */
SSL_CTX *client_tls_new(void);

/* false, with a message on stderr, when it cannot be connected; the client is then closed. */
bool client_open(struct client *c, const char *address, uint16_t port);
bool client_start_tls(struct client *c, SSL_CTX *ctx);
void client_close(struct client *c);

bool client_write(struct client *c, struct slice bytes);
/* The next line without its CRLF, valid until the next read; false at the end of the connection,
 * and for a line longer than CLIENT_LINE_MAX. */
bool client_line(struct client *c, struct slice *line_out);
/* Takes n octets that are not wanted. */
bool client_skip(struct client *c, uint64_t n);

/* SMTP: sends `command` (NULL: only reads) and takes a whole reply; its code, or 0. */
int client_smtp(struct client *c, const char *command);
/* IMAP: sends the command with a tag and takes everything up to the tagged answer, literals
 * included; true when that is OK. */
bool client_imap(struct client *c, const char *command);
