/* A network connection: socket, TLS, input framing, output that waits, deadlines; a protocol gives
 * it behaviour.
 *
 * Reading is framing only. Bytes collect in a buffer (from a pool, given back when empty); `input`
 * is offered all of them and takes what it can: a whole command, a chunk of DATA, nothing. A
 * command runs to its end as a linear function; it writes its answer with conn_write, which never
 * blocks. Output that the peer does not take stays with the connection, and no further input is
 * offered until it is gone (so a peer that does not read cannot make us buffer: answers longer than
 * CONN_OUTPUT_HIGH come from a producer). A parked connection owns its session, its TLS state, and
 * no buffers. Between the calls below the connection belongs to one thread at a time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/env.h"
#include "base/err.h"
#include "base/log.h"
#include "net/network.h"
#include "net/tls.h"
#include "runtime/loop.h"

#define CONN_OUTPUT_HIGH (64u * 1024)      /* a producer stops here until the peer has taken it */
#define CONN_INPUT_MAX (64u * 1024)        /* input never holds more unconsumed octets than this */
#define CONN_OUTPUT_MAX (4u * 1024 * 1024) /* waiting output beyond this ends the connection */
#define CONN_ARENA_MAX (16u * 1024 * 1024) /* of conn_arena */

struct conn;

enum conn_next {
    CONN_MORE, /* wait for more octets (what was not used stays); ends the connection when the input
                  is full */
    CONN_AGAIN, /* offer the rest, if there is any: something was used, or a delay was set */
    CONN_TLS, /* send the output, then do a TLS handshake; buffered plain octets after the used ones
                 end the connection (RFC 3207 4.2) */
    CONN_CLOSE, /* send the output, then close in an orderly way */
    CONN_ABORT, /* close at once */
};

/* One of these per protocol, constant. `session` is what open returned. */
struct protocol {
    const char *name; /* "smtp", for logs */

    /* After accept, and after the handshake when TLS is immediate: makes the session and greets.
     * `service` is the listener's. NULL: closes after sending what was written. */
    void *(*open)(struct conn *c, const void *service);
    /* Offered the unconsumed octets, at least one that is new. Sets *used_out (0 if not set). */
    enum conn_next (*input)(struct conn *c, void *session, struct slice in, size_t *used_out);
    /* After a handshake that CONN_TLS asked for. */
    enum conn_next (*secured)(struct conn *c, void *session);
    /* The output is empty and a producer is set: appends more. Returns CONN_AGAIN to be called
     * again after the output is gone, CONN_MORE when it is done (input is then offered again),
     * CONN_CLOSE, CONN_ABORT. */
    enum conn_next (*produce)(struct conn *c, void *session);
    /* conn_wake was called with these bits; not while a producer is active. */
    enum conn_next (*wake)(struct conn *c, void *session, unsigned events);
    /* The peer was silent until the deadline. Usually writes a farewell and returns CONN_CLOSE. */
    enum conn_next (*timeout)(struct conn *c, void *session);
    /* The process shuts down; called between commands. Usually writes a farewell and returns
     * CONN_CLOSE. */
    enum conn_next (*stopping)(struct conn *c, void *session);
    /* The last call: releases the session. Also after the peer went away. */
    void (*close)(struct conn *c, void *session);
};

/* The key of a client's certificate. */
struct conn_key {
    uint8_t fingerprint[32]; /* SHA-256 of its SubjectPublicKeyInfo in DER */
    bool resumed;            /* it was proven in an earlier session, which goes on */
};

enum conn_key_answer {
    CONN_KEY_GO_ON,
    CONN_KEY_IGNORE,      /* the handshake goes on as if there were no certificate */
    CONN_KEY_REFUSE,      /* the handshake ends: bad_certificate */
    CONN_KEY_UNAVAILABLE, /* the handshake ends: internal_error */
};

/* Who decides about keys of clients. Called during the handshake, on the connection's thread, with
 * its arena; blocking calls of the store are as any other. Nobody who is asked here has a session
 * yet, and after the handshake, resumed ones included, the protocol asks conn_client_key and looks
 * the key up again. */
struct conn_client_keys {
    /* A certificate was shown; that the client has the key is not proven. */
    enum conn_key_answer (*shown)(struct conn *c, const void *service, const struct conn_key *key);
    /* After GO_ON the handshake has failed. lost: the connection went away, else the proof was
     * wrong. */
    void (*unproven)(struct conn *c, const void *service, const struct conn_key *key, bool lost);
};

/* What a listening socket offers. Built at start, constant, one per listener. */
struct listener_config {
    const struct protocol *protocol;
    const void *service;     /* passed to open */
    struct tls_context *tls; /* NULL: no TLS here */
    bool tls_immediate;
    const struct conn_client_keys *client_keys; /* when `tls` asks for certificates */
    uint32_t handshake_timeout_s;
    uint32_t
        write_timeout_s; /* for the peer to take what waits, or CONN_OUTPUT_HIGH octets of it */
    const struct network *proxies; /* who begins with a PROXY header: everybody; none: nobody */
    size_t proxies_n;
    struct limiter *rate;  /* connections per window; NULL: none */
    struct limiter *open;  /* open connections; NULL: none */
    const char *name;      /* of the service: "submission" */
    struct slice listener; /* the name of the listener, for the log */
    /* Written to a peer that is over a limit, or comes while the process shuts down, on plain text
     * listeners; may be empty. */
    struct slice refusal, farewell;
    /* After LOOP_STOP go on accepting, only to refuse. */
    bool stays;
};

/* With `proxies` a connection has to come from one of these networks, and begins with a PROXY
 * header (net/proxy.h), before TLS too; limits, log and conn_remote then know the address that it
 * names.
 *
 * A connection that is over a limit is refused before a handshake: that would cost too much. */

/* Starts accepting on `fd` (listening, non-blocking, becomes the loop's, also on failure). Ends at
 * LOOP_STOP. *config is copied; what it points to must outlive the loop. *id_out: for
 * conn_listen_end. */
int conn_listen(struct loop *loop, const struct env *env, int fd,
                const struct listener_config *config, uint64_t *id_out,
                struct err *err) WARN_UNUSED;
/* Soon accepts nothing more and closes its descriptor; the connections go on. Other processes may
 * go on accepting at the same socket, also those that waited there. */
void conn_listen_end(struct loop *loop, uint64_t id);

/* ---- for protocols; all of them only from within the calls above, except conn_wake ---- */

uint64_t conn_id(const struct conn *c); /* unique in the process, grows; for logs and reply ids */
const struct addr *conn_remote(const struct conn *c);
const struct addr *conn_local(const struct conn *c);
const struct env *conn_env(const struct conn *c);
/* The loop thread that runs now: for per-thread resources such as store channels. */
unsigned conn_thread(const struct conn *c);
/* Memory of one call: reset when any of the protocol's functions returns. */
struct arena *conn_arena(struct conn *c);

struct conn_tls_info {
    bool on;
    uint16_t version;         /* 0x0303, 0x0304 */
    uint16_t cipher;          /* IANA number */
    const char *version_name; /* "TLS1.3" */
    const char *cipher_name;  /* "TLS_AES_128_GCM_SHA256" */
};
struct conn_tls_info conn_tls(const struct conn *c);
bool conn_tls_available(const struct conn *c); /* the listener has a context */
/* The key that the client has proven to have; false: none. */
bool conn_client_key(const struct conn *c, struct conn_key *out);

/* Appends to the output. Never blocks; a failure to grow closes the connection later. */
void conn_write(struct conn *c, struct slice s);
void conn_printf(struct conn *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Octets that the peer has not taken yet. */
size_t conn_output_pending(const struct conn *c);

/* How long the peer may be silent, from the next wait on; stays until changed. 0: for ever. */
void conn_set_timeout(struct conn *c, uint32_t seconds);
/* At least so many octets of input per minute, over three minutes, while waiting for more of
 * something; 0: any rate. */
void conn_set_min_rate(struct conn *c, uint32_t bytes_per_minute);
/* No input is offered, and no output sent, before so many seconds have passed; ends early when the
 * process shuts down. Of two delays the longer one counts. */
void conn_delay(struct conn *c, uint32_t seconds);
/* A peer that guesses gets service that costs it time: a second before each reading, an octet of
 * output a second until five seconds before the deadline for writing, when the rest goes at once.
 * Until it is switched off. */
void conn_set_slow(struct conn *c, bool slow);
bool conn_is_slow(const struct conn *c);
/* `produce` is called from now on, until it says CONN_MORE. */
void conn_set_producer(struct conn *c);

/* Whose connection it is, for the log; copied. */
void conn_set_user(struct conn *c, struct slice user);
/* A line of the log about the connection: with its id, the time since its last line, and its user.
 * `fields` ends with a NULL key; at most CONN_LOG_FIELDS. */
#define CONN_LOG_FIELDS 12
void conn_log_write(struct conn *c, enum log_level level, const char *message,
                    const struct log_field *fields);
#define conn_log(c, level, message, ...)                                                           \
    conn_log_write((c), (level), (message),                                                        \
                   (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}})

/* A handle for other threads; stays safe to use when the connection is gone. */
struct conn_ref {
    struct loop *loop;
    uint64_t id;
};
struct conn_ref conn_ref(const struct conn *c);
/* `wake` will be called with these bits (0 … 15 usable), soon. */
void conn_wake(struct conn_ref ref, unsigned events);
