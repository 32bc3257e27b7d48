/* A connection and a store made of memory, to drive a whole SMTP session from a test or a fuzzer.
 *
 * The directory: ann@d1.example (password "secret"), bob, full (over quota), broken (storage error)
 * blocked (refuses for good), moving (refuses for now), postmaster and many.ANYTHING (of which
 * many.tls-reports gets TLS reports) at d1.example,
 * and "postmaster" alone; all other addresses of d1.example are unknown, disabled.example is
 * disabled, fault.example cannot be looked up, all other domains are remote. */
#pragma once

#include "base/clock.h"
#include "edge/edge.h"
#include "net/limiter.h"
#include "smtp/smtp.h"

struct fake {
    struct edge_settings settings; /* may be changed before fake_open */
    struct edge_listener listener;
    bool tls_available;
    bool tls; /* is on */
    enum fake_key {
        FAKE_NO_KEY,
        FAKE_KEY,        /* of ann */
        FAKE_KEY_BINDS,  /* the same, but logins are disabled */
        FAKE_KEY_REMOVED /* since the session that is resumed */
    } key;               /* of the client's certificate */
    bool store_down;
    bool sending_full; /* the account has sent enough for today */
    bool spool_fails;

    /* What happened. */
    struct builder output; /* what the peer has received */
    bool closed;           /* the server closed, or aborted */
    bool aborted;
    unsigned flushes; /* times the output went out with something in it */
    uint32_t delay_s; /* the last one asked for */
    bool slow;
    uint32_t timeout_s;
    unsigned delivers; /* calls */
    unsigned stored;   /* copies */
    unsigned spools;
    unsigned sessions; /* logins less ends */
    unsigned watches;
    struct builder address, reverse_path, prefix,
        content; /* of the last delivery; content without the prefix */
    struct builder message_id, envelope;
    struct builder envid, orcpt, origin_ip, origin_ehlo;
    Gw__Wishes wishes; /* of the last delivery, without envid and extras */
    uint32_t notify;
    uint64_t origin_tls;
    int64_t date_ns;

    /* Inside. */
    struct env env;
    struct log *log;
    struct clock clock;
    struct arena arena;
    struct builder input;
    struct addr remote, local;
    void *session;
    bool open;
};

void fake_init(struct fake *f);
void fake_done(struct fake *f);
/* The peer connects; the greeting is in output. */
void fake_open(struct fake *f, enum edge_service service);
/* The peer sends, in pieces of at most `step` octets. Stops when the server has closed. */
void fake_send(struct fake *f, struct slice octets, size_t step);
/* The other things that happen to a connection. */
void fake_timeout(struct fake *f);
void fake_stop(struct fake *f);
void fake_wake(struct fake *f, unsigned events);
/* The peer goes away. */
void fake_hang_up(struct fake *f);
