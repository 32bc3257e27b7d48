/* A login from end to end without a wire: our client, our server, and a verifier in between that
 * knows one user. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/unicode.h"
#include "sasl/client.h"
#include "sasl/cram.h"
#include "sasl/server.h"

struct verifier {
    const char *user, *password, *salt;
    uint32_t iterations;
    struct slice nonce; /* the server's part */
    uint8_t signature[SCRAM_KEY_MAX];
};

static inline bool verifier_scram(struct verifier *v, const struct sasl_server *s)
{
    enum sasl_hash hash = s->mechanism->hash;
    uint8_t salted[SCRAM_KEY_MAX];
    struct scram_keys keys;
    struct err err;

    assert_int_equal(
        scram_salted(hash, slice_str(v->password), slice_str(v->salt), v->iterations, salted, &err),
        0);
    assert_int_equal(scram_keys_of(hash, salted, &keys, &err), 0);
    assert_int_equal(scram_signature(hash, keys.server, s->message, v->signature, &err), 0);
    return slice_eq(s->user, slice_str(v->user)) &&
           scram_proof_matches(hash, keys.stored, s->message, s->proof);
}

static inline bool verifier_right(struct verifier *v, const struct sasl_server *s)
{
    uint8_t states[CRAM_STATES], digest[CRAM_DIGEST];

    switch (s->mechanism->kind) {
    case SASL_SCRAM:
        return verifier_scram(v, s);
    case SASL_CRAM_MD5:
        assert_true(cram_states(slice_str(v->password), states));
        cram_digest(states, s->message, digest);
        return slice_eq(s->user, slice_str(v->user)) &&
               slice_eq(s->proof, slice_of(digest, sizeof(digest)));
    case SASL_EXTERNAL:
        return s->user.n == 0 || slice_eq(s->user, slice_str(v->user));
    default:
        return slice_eq(s->user, slice_str(v->user)) &&
               slice_eq(s->password, slice_str(v->password));
    }
}

/* Until the server has something to say, or an end. */
static inline enum sasl_step verifier_drive(struct verifier *v, struct sasl_server *s,
                                            enum sasl_step step)
{
    while (step == SASL_CHALLENGE || step == SASL_VERIFY) {
        if (step == SASL_CHALLENGE) {
            step = sasl_server_challenge(s, v->nonce, slice_str(v->salt), v->iterations);
        } else {
            bool right = verifier_right(v, s);

            step = sasl_server_verified(s, right,
                                        slice_of(v->signature, scram_key_size(s->mechanism->hash)));
        }
    }
    return step;
}

/* The server's end; *client_out: whether the client took it for a success. */
static inline enum sasl_step login_run(const struct sasl_login *login, struct verifier *v,
                                       const struct sasl_binding *server_binding,
                                       enum sasl_failure *failure_out, struct err *client_err)
{
    struct sasl_client c;
    struct sasl_server s;

    sasl_client_init(&c, login);
    sasl_server_init(&s, login->mechanism, server_binding);
    enum sasl_client_step mine = sasl_client_start(&c);
    enum sasl_step theirs = SASL_FAILED;

    if (mine == SASL_CLIENT_SEND)
        theirs = verifier_drive(v, &s, sasl_server_take(&s, build_slice(&c.out)));
    else if (mine == SASL_CLIENT_WAIT)
        theirs = verifier_drive(v, &s, sasl_server_start(&s));
    while (mine != SASL_CLIENT_FAILED && theirs == SASL_SEND) {
        mine = sasl_client_take(&c, build_slice(&s.out));
        if (mine == SASL_CLIENT_DONE)
            build_reset(&c.out);
        theirs = verifier_drive(v, &s, sasl_server_take(&s, build_slice(&c.out)));
    }
    if (theirs == SASL_DONE)
        assert_true(sasl_client_satisfied(&c));
    *failure_out = s.failure;
    *client_err = c.err;
    sasl_client_done(&c);
    sasl_server_done(&s);
    return theirs;
}
