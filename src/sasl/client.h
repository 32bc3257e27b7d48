/* The client's side of a login.
 *
 *   sasl_client_init(&c, &login);
 *   step = sasl_client_start(&c);     SASL_CLIENT_SEND: c.out is an initial response
 *                                     SASL_CLIENT_WAIT: the server speaks first
 *   for each message of the server:   step = sasl_client_take(&c, message)
 *   when the server says that all is well: sasl_client_satisfied(&c) must be true
 *   sasl_client_done(&c);
 *
 * Messages are without their base64. With SCRAM the server proves itself too: one that does not is
 * refused, also when it says yes. */
#pragma once

#include "base/arena.h"
#include "base/builder.h"
#include "sasl/scram.h"
#include "sasl/server.h"

/* RFC 7677 4 wants 4096; older servers have less. More than a million would be an attack on us. */
#define SASL_ITERATIONS_MIN 2048
#define SASL_ITERATIONS_MAX 1000000

struct sasl_login {
    const struct sasl_mechanism *mechanism;
    struct slice user;
    struct slice password; /* as typed */
    struct slice authzid;  /* usually empty */
    /* SCRAM */
    struct slice nonce; /* random, printable, without commas, at least 8 characters */
    const struct sasl_binding *binding; /* NULL: no TLS, or its data is not to be had */
    bool plus_announced;                /* the server offers the mechanism's PLUS form too */
};

enum sasl_client_step {
    SASL_CLIENT_SEND,
    SASL_CLIENT_WAIT,
    SASL_CLIENT_DONE, /* SCRAM: the server has proved itself; an empty message is due */
    SASL_CLIENT_FAILED,
};

struct sasl_client {
    struct builder out;
    struct err err; /* FAILED: why; ERR_DENIED when the server could not prove itself */

    /* Inside. Texts of the login are borrowed until the end. */
    struct sasl_login login;
    struct arena arena;
    unsigned at;
    struct slice gs2, bare;
    uint8_t signature[SCRAM_KEY_MAX]; /* that the server has to show */
    bool proven;
};

void sasl_client_init(struct sasl_client *c, const struct sasl_login *login);
void sasl_client_done(struct sasl_client *c);
enum sasl_client_step sasl_client_start(struct sasl_client *c);
enum sasl_client_step sasl_client_take(struct sasl_client *c, struct slice message);
bool sasl_client_satisfied(const struct sasl_client *c);
