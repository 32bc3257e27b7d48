/* Connections up to the point where load begins: greeting, TLS, login. */
#pragma once

#include "measure.h"

/* SMTP up to the answer to the last EHLO, or to AUTH with --login. */
bool session_smtp(struct client *c, const struct options *o, uint16_t port, enum client_tls tls,
                  SSL_CTX *ctx);
/* IMAP up to the answer to LOGIN. */
bool session_imap(struct client *c, const struct options *o, SSL_CTX *ctx);
/* A command in the manner of printf. */
bool session_command(struct client *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* SELECT, then IDLE up to the server's "+". */
bool session_wait(struct client *c, const char *mailbox);
