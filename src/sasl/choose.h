/* Which mechanism a client takes, and how its login is put together: the same for SMTP and IMAP. */
#pragma once

#include "sasl/client.h"

struct channel_binding;

/* What a person or a program has to show. Text is borrowed. */
struct sasl_credentials {
    struct slice user;
    struct slice password;
    bool has_password;                 /* else only EXTERNAL is possible */
    bool certificate;                  /* TLS shows a client certificate if the server asks */
    bool reveal_in_clear;              /* PLAIN and LOGIN are allowed without TLS */
    struct slice authzid;              /* usually empty */
    const struct sasl_mechanism *only; /* NULL: the best that both sides have */
};

/* Bound to the connection as well as it gets. */
struct sasl_channel {
    bool tls;
    struct slice binding_name; /* empty: nothing to bind to */
    struct slice binding_data;
    unsigned offered; /* bit i: sasl_mechanisms[i] */
};

/* The first in the order of sasl_mechanisms that the server offers and that can be used; NULL when
 * there is none. */
const struct sasl_mechanism *sasl_choose(const struct sasl_credentials *have,
                                         const struct sasl_channel *on);

#define SASL_CLIENT_NONCE 24u

/* A login and what it points to; stays where it is until the end. */
struct sasl_attempt {
    struct sasl_login login;
    struct sasl_binding binding;
    uint8_t nonce[2 * SASL_CLIENT_NONCE];
};
void sasl_attempt_init(struct sasl_attempt *a, const struct sasl_credentials *have,
                       const struct sasl_channel *on, const struct sasl_mechanism *mechanism);
