/* The server's side of a login: messages in, messages out, and questions in between to whoever
 * knows the secrets. It knows none itself.
 *
 *   struct sasl_server s;
 *   sasl_server_init(&s, mechanism, &binding);
 *   step = initial ? sasl_server_take(&s, message) : sasl_server_start(&s);
 *   for (;;) switch (step) {
 *     SASL_SEND:      send build_slice(&s.out), wait for the client's message, sasl_server_take
 *     SASL_CHALLENGE: get a challenge (SCRAM: for s.user), sasl_server_challenge
 *     SASL_VERIFY:    have s.user with s.password, s.message and s.proof verified, or the identity
 *                     of the channel (EXTERNAL), sasl_server_verified
 *     SASL_DONE:      the user is who he says
 *     SASL_FAILED:    s.failure says why
 *   }
 *   sasl_server_done(&s);                                wipes everything
 *
 * Messages are without their base64. */
#pragma once

#include "base/arena.h"
#include "base/builder.h"
#include "sasl/mechanism.h"

#define SASL_MESSAGE_MAX (12u * 1024)

/* What both ends of a TLS connection know of it and nobody else (RFC 5056). */
struct sasl_binding {
    struct slice name; /* "tls-exporter", "tls-unique"; empty: there is none */
    struct slice data; /* at most SASL_BINDING_MAX */
};
#define SASL_BINDING_MAX 64

enum sasl_step { SASL_SEND, SASL_CHALLENGE, SASL_VERIFY, SASL_DONE, SASL_FAILED };

enum sasl_failure {
    SASL_FAIL_NONE,
    SASL_FAIL_SYNTAX,   /* PLAIN, CRAM-MD5: the message has not its parts */
    SASL_FAIL_INITIAL,  /* an initial response, where the server speaks first */
    SASL_FAIL_WRONG,    /* the user, or what should prove him */
    SASL_FAIL_AUTHZID,  /* wants to act for somebody else */
    SASL_FAIL_BINDING,  /* bound to another channel: somebody may sit between */
    SASL_FAIL_PROTOCOL, /* SCRAM: a message that cannot be */
    SASL_FAIL_MEMORY,
};

struct sasl_server {
    const struct sasl_mechanism *mechanism;
    enum sasl_failure failure;
    struct builder out;
    /* What is to be verified. Live in `arena`, unprepared. */
    struct slice user;
    struct slice password; /* PLAIN, LOGIN */
    struct slice message;  /* SCRAM: AuthMessage */
    struct slice proof;    /* SCRAM, CRAM-MD5: decoded */

    /* Inside. */
    struct arena arena;
    uint8_t binding_data[SASL_BINDING_MAX];
    struct sasl_binding binding;
    unsigned at;                     /* messages taken */
    enum sasl_failure failure_later; /* SCRAM: after the client has heard it */
    struct slice gs2, bare, nonce, server_first;
    bool bound;
};

/* binding NULL: no TLS. mechanism stays borrowed. */
void sasl_server_init(struct sasl_server *s, const struct sasl_mechanism *mechanism,
                      const struct sasl_binding *binding);
void sasl_server_done(struct sasl_server *s);

enum sasl_step sasl_server_start(struct sasl_server *s);
enum sasl_step sasl_server_take(struct sasl_server *s, struct slice message);
/* text: CRAM-MD5 the whole challenge, SCRAM the server's part of the nonce. salt and iterations for
 * SCRAM. */
enum sasl_step sasl_server_challenge(struct sasl_server *s, struct slice text, struct slice salt,
                                     uint32_t iterations);
/* right: the store said yes; signature then is SCRAM's ServerSignature. */
enum sasl_step sasl_server_verified(struct sasl_server *s, bool right, struct slice signature);
