/* What the files of the connection share. conn.c: life and order of calls; conn_io.c: plain and TLS
 * octets; conn_buffer.c: pools, input, output; listener.c: accepting. */
#pragma once

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "net/conn.h"
#include "net/limiter.h"

#define CONN_BLOCK 8192u

/* Blocks of CONN_BLOCK octets that one thread has at hand. */
struct pool {
    struct pool_block *free;
    unsigned n;
};

/* A piece of output; its data fills the rest of a block. */
struct segment {
    struct segment *next;
    uint32_t at; /* octets before it are gone */
    uint32_t n;
    uint8_t data[CONN_BLOCK - 16];
};

struct listener {
    struct listener_config config;
    const struct env *env;
    struct loop *loop;
    int fd;
    _Atomic bool stopping;
    _Atomic int64_t shortage_ns; /* when a shortage was last logged, on the monotonic clock */
    _Atomic uint32_t refs;       /* the listening socket and its connections */
    struct pool pools[];         /* one per thread of the loop */
};

enum conn_phase {
    CONN_STARTING,
    CONN_PROXY,
    CONN_ADMITTED,
    CONN_HANDSHAKE,
    CONN_SERVING,
    CONN_LINGERING
};
enum conn_then { CONN_THEN_SERVE, CONN_THEN_TLS, CONN_THEN_CLOSE };

struct conn {
    struct listener *listener;
    void *session;
    SSL *ssl; /* NULL: plain */
    uint64_t id;
    uint64_t slot; /* of the loop */
    int fd;        /* the loop's */
    unsigned thread;
    struct addr remote, local;
    struct arena arena;

    uint8_t *in; /* a pool block, or CONN_INPUT_MAX octets; NULL while nothing is buffered */
    uint32_t in_at, in_n, in_cap;
    struct segment *out_first, *out_last;
    size_t out_n;
    size_t write_mark; /* out_n when write_until_ms was set */

    /* Milliseconds of the monotonic clock. */
    int64_t now_ms;         /* when the current run, or the last call into the protocol, began */
    int64_t quiet_ms;       /* since when the peer is silent */
    int64_t delay_until_ms; /* 0: no delay */
    int64_t write_until_ms; /* 0: no output is blocked */
    int64_t until_ms;       /* end of handshake or lingering */
    int64_t wait_from_ms;   /* when waiting for input under a minimum rate began; 0: it does not */
    int64_t wake_at_ms;     /* the deadline of the next park; 0: none */
    int64_t slow_until_ms;  /* slow mode: when to go on; 0: now */
    int64_t logged_ms;      /* the last line of the log */
    const char *end;        /* why it ended, when that is not usual */
    char *user;

    uint32_t timeout_s;
    uint32_t rate_min;    /* octets per minute; 0: any */
    uint32_t rate_octets; /* in the current three minutes of waiting, as the next */
    uint32_t rate_waited_ms;
    uint32_t lingered; /* octets thrown away */
    unsigned wakes;

    uint8_t phase;
    uint8_t then; /* once the output is gone */
    bool fresh;   /* the input holds something to be offered */
    bool producing;
    bool stopping;   /* the process shuts down */
    bool stop_told;  /* the protocol knows */
    bool delayed;    /* parked in a delay */
    bool broken;     /* ends without further words */
    bool tls_broken; /* libssl must not be used for a farewell */
    bool counted;    /* in the limiter of open connections */
    bool slow;
    bool rested;      /* slow: the second before the next reading has passed */
    bool started;     /* STARTTLS was asked for: its handshake is counted */
    bool key_shown;   /* a client's certificate was let through */
    bool key_ignored; /* it is as if there were none */
    bool looked;      /* at the first octets of the handshake, which are here: */
    uint8_t hello[3];
    uint8_t hello_n;
};

enum io_result { IO_OK, IO_WANT_READ, IO_WANT_WRITE, IO_END, IO_FAILED };

/* conn.c */
struct conn *conn_new(struct listener *l, int fd, unsigned thread, const struct addr *remote,
                      uint64_t id);
void conn_free(struct conn *c);
loop_run conn_run;

/* conn_io.c */
bool conn_io_start_tls(struct conn *c); /* false: out of memory */
enum io_result conn_io_handshake(struct conn *c);
/* Reads into the input once; IO_OK: there is more in it now. */
enum io_result conn_io_read(struct conn *c);
/* The same, but at most n octets, and before TLS. */
enum io_result conn_io_read_some(struct conn *c, size_t n);
/* Sends what it can; IO_OK: everything is gone. */
enum io_result conn_io_flush(struct conn *c);
/* Sends one octet. */
enum io_result conn_io_flush_octet(struct conn *c);
/* Says good-bye without waiting and closes our sending side. */
void conn_io_shutdown(struct conn *c);
/* Throws away what the peer still sends. IO_END: it has closed. */
enum io_result conn_io_discard(struct conn *c);

/* conn_buffer.c */
void *pool_take(struct pool *p); /* NULL: out of memory */
void pool_give(struct pool *p, void *block);
void pool_done(struct pool *p);
struct pool *conn_pool(struct conn *c);
/* Where the next octets go; *room_out is 0 when the input is full or memory is short. */
uint8_t *conn_input_room(struct conn *c, size_t *room_out);
void conn_input_consume(struct conn *c, size_t n);
void conn_input_drop(struct conn *c);
void conn_output_append(struct conn *c, struct slice s);
void conn_output_consume(struct conn *c, size_t n);
void conn_output_drop(struct conn *c);

/* conn_log.c */
int64_t conn_now_ms(void);
void conn_log_end(struct conn *c);

/* listener.c */
/* Counts the connection in the limits. NULL, or why it is over one. */
const char *listener_admit(const struct listener *l, const struct addr *remote);
void listener_count_refusal(const struct listener *l, const char *why);
void listener_unref(struct listener *l);
