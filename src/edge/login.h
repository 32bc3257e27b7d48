/* Logging in on a connection, for every protocol: mechanisms, limits, delays, questions to the
 * store. Who uses it only turns outcomes into replies.
 *
 *   login_begin ──> LOGIN_CHALLENGE ──> login_continue ──> … ──> any other outcome ends the attempt
 *
 * Each attempt counts against the client's address before it is known how it ends; a success gives
 * all back, and what was nobody's fault gives back itself. With LOGIN_FREE failures the connection
 * becomes slow until somebody logs in, and each further one holds it up a second longer. The store
 * records every attempt. */
#pragma once

#include "edge/edge.h"
#include "net/limiter.h"
#include "sasl/mechanism.h"

#define LOGIN_FREE 3

enum login_outcome {
    LOGIN_CHALLENGE,   /* say answer.text and wait for the client's line */
    LOGIN_OK,          /* answer.session, account, address; login_end is due later */
    LOGIN_TOO_MANY,    /* from this address: close */
    LOGIN_UNKNOWN,     /* there is no such mechanism */
    LOGIN_NO_TLS,      /* the mechanism needs TLS */
    LOGIN_SYNTAX,      /* not base64, no mechanism, or a response before the challenge */
    LOGIN_MESSAGE,     /* PLAIN, CRAM-MD5: base64, but not a message of the mechanism */
    LOGIN_ABORTED,     /* the client gave up */
    LOGIN_WRONG,       /* user, password, certificate, or the account is another than the
                          certificate's */
    LOGIN_AUTHZID,     /* to act for somebody else is not possible */
    LOGIN_BINDING,     /* the login is bound to another channel */
    LOGIN_PROTOCOL,    /* SCRAM: not a possible message */
    LOGIN_NO_SECRET,   /* the password is older than what the mechanism needs; answer.text: SCRAM or
                          not */
    LOGIN_DISABLED,    /* right, but answer.text says why not */
    LOGIN_NO_KEY,      /* login_by_key: there is none that counts */
    LOGIN_UNAVAILABLE, /* the store, or memory; answer.err */
};

/* The client's certificate. account 0: none, or nobody's. */
struct login_certificate {
    uint64_t account;
    struct conn_key key;
};

/* In the protocol's session; {0} at its start, with protocol set. */
struct login {
    const char *protocol;            /* "imap", "submission", "web" */
    unsigned failures;               /* since the last success */
    struct login_exchange *exchange; /* NULL between attempts */
    struct login_certificate certificate;
};

/* Texts live in conn_arena. */
struct login_answer {
    struct slice text; /* CHALLENGE: in base64; DISABLED: the reason */
    uint64_t session, account;
    struct slice address; /* canonical */
    bool derived;         /* NO_SECRET: of SCRAM, which cannot go on at all */
    struct err err;
};

/* Whether a mechanism can be used here now; announced in this order. */
bool login_offers(const struct edge_listener *listener, const struct conn *c,
                  const struct login *login, const struct sasl_mechanism *mechanism);
/* " NAME NAME …", each with `prefix`; nothing when there is none. */
void login_announce(struct builder *out, const struct edge_listener *listener, const struct conn *c,
                    const struct login *login, const char *prefix);
/* Whether a password may be sent on this connection. */
bool login_plain_allowed(const struct edge_listener *listener, const struct conn *c);

/* Failures of an address, in all protocols together. login_* below count by themselves. */
/* Whether an attempt could begin now; asked before a connection is greeted. */
bool login_has_room(const struct edge_listener *listener, const struct conn *c,
                    const char *protocol);
/* Counts an attempt before it is known how it ends; false: there were too many. */
bool login_count(const struct edge_listener *listener, const struct conn *c, const char *protocol);
/* It was no guess. */
void login_uncount(const struct edge_listener *listener, const struct conn *c);
/* It was right: all failures of the address are forgotten. */
void login_count_reset(const struct edge_listener *listener, const struct conn *c);

/* initial: base64, "=" for an empty one, p NULL for none. An empty mechanism stands for a command
 * that could not be read. */
enum login_outcome login_begin(struct login *l, const struct edge_listener *listener,
                               struct conn *c, struct slice mechanism, struct slice initial,
                               struct login_answer *answer);
enum login_outcome login_continue(struct login *l, const struct edge_listener *listener,
                                  struct conn *c, struct slice line, struct login_answer *answer);
/* TLS has begun: whose key the client has, if it has shown a certificate; due once, before
 * anything else. From then on other mechanisms must be of that account. bind: no session is wanted.
 *   LOGIN_OK           answer as ever; without a session the client is known, and yet to log in
 *   LOGIN_NO_KEY       goes on as without a certificate
 *   any other          the connection has to end: the key may not log in (any more) */
enum login_outcome login_by_key(struct login *l, const struct edge_listener *listener,
                                struct conn *c, bool bind, struct login_answer *answer);
/* For listeners that ask for certificates. */
extern const struct conn_client_keys login_client_keys;

/* A password that was said in another way: LOGIN of IMAP, the login page. */
enum login_outcome login_password(struct login *l, const struct edge_listener *listener,
                                  struct conn *c, struct slice user, struct slice password,
                                  struct login_answer *answer);
/* The connection goes away in the middle, or starts anew. */
void login_abandon(struct login *l, const struct edge_listener *listener, struct conn *c);
