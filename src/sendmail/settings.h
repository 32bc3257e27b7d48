/* The configuration of `godwit sendmail`: one small file, /etc/godwit/sendmail.conf, or the user's
 * own, ~/.config/godwit/sendmail.conf, where the first does not exist. No message quotes a value:
 * some are secrets. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/builder.h"
#include "base/err.h"
#include "base/secret.h"
#include "net/tls_connect.h"
#include "sasl/mechanism.h"

#define SENDMAIL_CONFIG "/etc/godwit/sendmail.conf"
#define SENDMAIL_ALLOWED_MAX 64

enum sendmail_tls { SENDMAIL_TLS_IMMEDIATE, SENDMAIL_TLS_START, SENDMAIL_TLS_NONE };
enum sendmail_require_tls { SENDMAIL_REQUIRE_UNSET, SENDMAIL_REQUIRE_YES, SENDMAIL_REQUIRE_NO };

/* Texts live in the arena given to sendmail_settings_read. */
struct sendmail_settings {
    const char *host, *port;
    enum sendmail_tls tls;
    enum tls_verify verify;
    struct slice authorities_pem; /* empty: the system's */
    uint8_t pin[TLS_PIN_OCTETS];
    const char *hostname;                       /* for EHLO */
    struct slice from;                          /* address */
    struct slice allowed[SENDMAIL_ALLOWED_MAX]; /* addresses, or "@domain" */
    size_t allowed_n;
    struct slice user;
    struct secret password;
    bool has_password;
    struct tls_identity *identity; /* NULL: none */
    const struct sasl_mechanism *only;
    struct slice default_destination; /* empty: none */
    enum sendmail_require_tls require_tls;
    const char *dead_letters; /* a directory */
};

/* home: what "~/" stands for; may be NULL. `path`: NULL for the two usual places.
 * fails: ERR_NOT_FOUND no file; ERR_INVALID something in it is wrong; ERR_IO, ERR_DENIED. */
int sendmail_settings_read(struct arena *a, const char *path, const char *home,
                           struct sendmail_settings *out, struct err *err) WARN_UNUSED;
void sendmail_settings_done(struct sendmail_settings *s);
/* A commented example of the file, which parses back. */
void sendmail_settings_describe(struct builder *out);
