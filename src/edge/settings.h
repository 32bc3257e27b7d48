/* What an edge process is told at its start. All text lives as long as the process. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "net/network.h"

/* A service on a listening socket. */
enum edge_service {
    EDGE_SMTP,        /* port 25 */
    EDGE_SUBMISSION,  /* 587 */
    EDGE_SUBMISSIONS, /* 465 */
    EDGE_IMAP,        /* 143 */
    EDGE_IMAPS,       /* 993 */
    EDGE_HTTP,        /* 80 */
    EDGE_HTTPS,       /* 443 */
    EDGE_METRICS,     /* 8010 */
    EDGE_SERVICE_COUNT
};

struct metrics_view;

struct edge_settings {
    struct slice hostname;     /* in greetings, Received, Message-ID */
    uint64_t message_size_max; /* octets */
    bool refuse_long_lines;    /* on submission: lines of more than 998 octets */
    bool plain_auth;           /* passwords may be sent without TLS (localserve only) */
    uint8_t id_key[24];        /* 16: AES key, 8: salt, of the ids said to peers */
    bool pedantic;             /* what the standards forbid is not tolerated */
    bool no_delays;            /* answers that are slow on purpose are not (tests) */
    uint32_t command_timeout_s;
    uint32_t content_timeout_s; /* for the next octets of a message */
    uint32_t message_timeout_s; /* for all of a message */
    uint32_t content_rate_min;  /* octets of a message per minute; 0: any */
    uint32_t threads;
    const struct metrics_view
        *metrics;             /* numbers of all processes; none where they are not served */
    uint32_t connections_max; /* of this process */
    uint32_t ports[EDGE_SERVICE_COUNT]; /* of the server's services; 0: not offered */
};

/* Passed to a protocol's open as `service`. */
struct edge;
struct edge_listener {
    struct edge *edge;
    enum edge_service service;
    struct limiter *auth_failures;        /* per address, shared by the process */
    struct limiter *request_rate;         /* HTTP requests, the same */
    const struct edge_settings *settings; /* the process's, with the listener's own hostname and
                                             message_size_max */
    bool no_require_tls;                  /* RFC 8689 is not offered */
    bool tls_for_mail;                    /* mail is taken over TLS only */
    bool dsn;                             /* RFC 3461 is offered; on submission it always is */
    const struct network *xclient;        /* who is believed about the client's address */
    size_t xclient_n;
};
