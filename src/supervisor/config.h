/* The configuration file: parsed, checked, and kept as plain values.
 *
 *   struct config *config;
 *   struct config_errors errors = {0};
 *   if (config_load("/etc/godwit/godwit.conf", &config, &errors) < 0)
 *       config_errors_print(&errors, stderr);
 *   config_errors_done(&errors);
 *
 * What administrators edit often (domains, accounts, addresses) is in the directory database, not
 * here. A file is at most CONFIG_FILE_MAX octets. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"

#define CONFIG_FILE_MAX (256u * 1024)
#define CONFIG_ERRORS_MAX 50

struct config_texts {
    const char **item;
    size_t n;
};

/* Maxima for an address, its site and its network (see net/limiter.h); 0: none. */
struct config_classes {
    int64_t max[3];
};

enum config_service_kind { /* the numbers of Gw__Listener__Service */
                           CONFIG_SMTP,
                           CONFIG_SUBMISSION,
                           CONFIG_SUBMISSIONS,
                           CONFIG_IMAP,
                           CONFIG_IMAPS,
                           CONFIG_HTTP,
                           CONFIG_HTTPS,
                           CONFIG_METRICS,
                           CONFIG_SERVICE_COUNT
};
const char *config_service_name(enum config_service_kind kind);

/* Where a service has no such key, the member has what the service always does. */
struct config_service {
    enum config_service_kind kind;
    int64_t port;
    const char *starttls; /* a choice; NULL: has no such key */
    bool requiretls;
    bool dsn;
    bool session_tickets;
    struct config_texts xclient;
};

struct config_tls {
    const char *certificate;
    const char *key;
    const char *minimum; /* "1.2" */
    bool client_auth;
};

#define CONFIG_TLS_MAX 32 /* different pairs of certificate and key */
/* Whether both name the same files. */
bool config_tls_same(const struct config_tls *a, const struct config_tls *b);

#define CONFIG_DNS_MAX 32 /* resolvers, and zones */

struct config_dns {
    bool lookups;
    const char *trust_anchor;
    struct config_texts forward_to;   /* ADDRESS or ADDRESS@PORT */
    struct config_texts zones;        /* ZONE ADDRESS@PORT */
    struct config_texts zone_anchors; /* records as in a zone file */
};
/* The port of a text that ends with ADDRESS or ADDRESS@PORT; 0 when it does not. */
uint16_t config_dns_port(const char *text);

struct config_listener {
    const char *name;
    struct config_texts addresses;
    const char *hostname;     /* NULL: the global one */
    int64_t message_size_max; /* 0: the global one */
    struct config_texts proxy_networks;
    struct config_service *service;
    size_t service_n;
    struct config_tls tls; /* certificate NULL: no TLS */
};

enum config_role {
    CONFIG_STORE,
    CONFIG_KEYS,
    CONFIG_MX,
    CONFIG_ACCESS,
    CONFIG_WEB,
    CONFIG_ROLE_COUNT
};
const char *config_role_name(enum config_role role);
/* Whether it speaks with the network. */
bool config_role_is_edge(enum config_role role);

struct config_process {
    int64_t count;
    int64_t threads;
    int64_t connections;
};

struct config {
    struct arena arena;    /* everything below lives here */
    const char *path;      /* of the file, absolute */
    const char *directory; /* of the file */

    const char *hostname;
    const char *data_directory;
    const char *user;
    int64_t message_size_max;
    bool refuse_long_lines;
    bool plain_auth;
    bool pedantic;

    const char *log_format;
    const char *log_levels;
    bool log_time;

    struct config_classes connection_rate;
    struct config_classes connections_open;
    struct config_classes auth_failures; /* a minute */
    struct config_classes auth_failures_day;
    struct config_classes request_rate;
    bool delays;
    int64_t content_rate_min;

    int64_t handshake_timeout_s;
    int64_t command_timeout_s;
    int64_t content_timeout_s;
    int64_t message_timeout_s;
    int64_t write_timeout_s;

    struct config_dns dns;

    int64_t shards;
    int64_t commit_wait_us;

    int64_t clock_offset_s; /* tests */
    int64_t clock_frozen_s;

    struct config_process process[CONFIG_ROLE_COUNT];
    struct config_listener *listener;
    size_t listener_n;
};

struct config_errors {
    char *text[CONFIG_ERRORS_MAX]; /* "FILE:LINE: message" */
    size_t n;
};
/* line 0: the message is about the whole file. Further errors after the maximum are dropped. */
void config_errors_add(struct config_errors *errors, const char *path, int line, const char *format,
                       ...) __attribute__((format(printf, 4, 5)));
void config_errors_print(const struct config_errors *errors, FILE *to);
void config_errors_done(struct config_errors *errors);

/* Reads and checks the file; all faults of meaning are collected, a fault of syntax ends the
 * reading. The result is released with config_free. fails: ERR_INVALID, with at least one entry in
 * `errors`. */
int config_load(const char *path, struct config **out, struct config_errors *errors) WARN_UNUSED;
void config_free(struct config *config);
