#include "sasl/client.h"

#include "base/encode.h"
#include "base/secret.h"
#include "base/unicode.h"
#include "sasl/cram.h"
#include "sasl/scram_message.h"

#define ARENA_MAX (8 * SASL_MESSAGE_MAX)

void sasl_client_init(struct sasl_client *c, const struct sasl_login *login)
{
    *c = (struct sasl_client){.login = *login};
    build_init(&c->out, SASL_MESSAGE_MAX);
    arena_init(&c->arena, ARENA_MAX);
}

void sasl_client_done(struct sasl_client *c)
{
    if (c->out.p)
        wipe(c->out.p, c->out.cap);
    build_done(&c->out);
    arena_done(&c->arena);
    wipe(c, sizeof(*c));
}

static enum sasl_client_step fail(struct sasl_client *c, enum err_kind kind, const char *text)
{
    (void)!err_set(&c->err, kind, "%s", text);
    return SASL_CLIENT_FAILED;
}

static enum sasl_client_step send(struct sasl_client *c)
{
    if (arena_failed(&c->arena) || !build_ok(&c->out))
        return fail(c, ERR_NOMEM, "out of memory");
    return SASL_CLIENT_SEND;
}

/* ---- SCRAM ---- */

static void write_gs2(struct sasl_client *c)
{
    const struct sasl_login *l = &c->login;

    if (l->mechanism->plus) {
        build_text(&c->out, "p=");
        build_bytes(&c->out, l->binding->name);
    } else {
        /* RFC 5802 6: "y" lets a server notice that its PLUS was hidden from us. */
        build_text(&c->out, l->binding && !l->plus_announced ? "y" : "n");
    }
    build_byte(&c->out, ',');
    if (l->authzid.n > 0) {
        build_text(&c->out, "a=");
        scram_write_name(&c->out, l->authzid);
    }
    build_byte(&c->out, ',');
}

static enum sasl_client_step scram_first(struct sasl_client *c)
{
    const struct sasl_login *l = &c->login;

    if (l->nonce.n < SCRAM_NONCE_MIN)
        return fail(c, ERR_INVALID, "the nonce is too short");
    if (l->mechanism->plus && (!l->binding || l->binding->name.n == 0))
        return fail(c, ERR_INVALID, "there is no TLS channel to bind to");
    write_gs2(c);
    c->gs2 = arena_copy(&c->arena, build_slice(&c->out));
    build_text(&c->out, "n=");
    scram_write_name(&c->out, l->user);
    build_text(&c->out, ",r=");
    build_bytes(&c->out, l->nonce);
    c->bare = arena_copy(&c->arena, slice_from(build_slice(&c->out), c->gs2.n));
    return send(c);
}

static int check_server_first(const struct sasl_client *c, const struct scram_server_first *m,
                              struct err *err)
{
    if (!slice_starts(m->nonce, c->login.nonce) || m->nonce.n - c->login.nonce.n < SCRAM_NONCE_MIN)
        return err_set(err, ERR_DENIED, "the server's nonce is not safe");
    if (m->iterations < SASL_ITERATIONS_MIN || m->iterations > SASL_ITERATIONS_MAX)
        return err_set(err, ERR_DENIED, "the server asks for %u iterations, which is not safe",
                       m->iterations);
    if (m->salt.n == 0 || m->salt.n > SCRAM_SALT_MAX)
        return err_set(err, ERR_DENIED, "the server's salt cannot be used");
    return 0;
}

/* From the password: the proof, and what the server will have to show. */
static int derive(struct sasl_client *c, const struct scram_server_first *m, struct slice message,
                  uint8_t proof[SCRAM_KEY_MAX], struct err *err)
{
    enum sasl_hash hash = c->login.mechanism->hash;
    struct slice prepared = c->login.password;
    uint8_t salted[SCRAM_KEY_MAX];
    struct scram_keys keys;

    /* What is no OpaqueString may still be a password elsewhere. */
    (void)!unicode_opaque_string(&c->arena, c->login.password, &prepared, err);
    int rc = scram_salted(hash, prepared, m->salt, m->iterations, salted, err);

    if (rc == 0)
        rc = scram_keys_of(hash, salted, &keys, err);
    if (rc == 0)
        rc = scram_proof(hash, salted, message, proof, err);
    if (rc == 0)
        rc = scram_signature(hash, keys.server, message, c->signature, err);
    wipe(salted, sizeof(salted));
    wipe(&keys, sizeof(keys));
    return rc;
}

static enum sasl_client_step scram_final(struct sasl_client *c, struct slice server_first)
{
    struct slice data = c->login.mechanism->plus ? c->login.binding->data : SLICE("");
    struct scram_server_first m;
    uint8_t proof[SCRAM_KEY_MAX];
    struct builder b;
    int rc = scram_server_first_read(&c->arena, server_first, &m, &c->err);

    if (rc == 0)
        rc = check_server_first(c, &m, &c->err);
    if (rc < 0)
        return SASL_CLIENT_FAILED;
    build_init(&b, 4 * SASL_MESSAGE_MAX);
    build_bytes(&b, c->gs2);
    build_bytes(&b, data);
    scram_write_base64(&c->out, 'c', build_slice(&b));
    build_text(&c->out, ",r=");
    build_bytes(&c->out, m.nonce);
    build_reset(&b);
    build_bytes(&b, c->bare);
    build_byte(&b, ',');
    build_bytes(&b, server_first);
    build_byte(&b, ',');
    build_bytes(&b, build_slice(&c->out));
    rc = build_ok(&b) ? derive(c, &m, build_slice(&b), proof, &c->err)
                      : err_set(&c->err, ERR_LIMIT, "the server's message is too long");
    build_done(&b);
    if (rc < 0)
        return SASL_CLIENT_FAILED;
    build_byte(&c->out, ',');
    scram_write_base64(&c->out, 'p', slice_of(proof, scram_key_size(c->login.mechanism->hash)));
    return send(c);
}

static enum sasl_client_step scram_verify(struct sasl_client *c, struct slice message)
{
    struct scram_server_final m;

    if (scram_server_final_read(&c->arena, message, &m, &c->err) < 0)
        return SASL_CLIENT_FAILED;
    if (m.error.n > 0)
        return fail(c, ERR_DENIED, "the server says that user or password are wrong");
    if (!ct_equal(m.signature, slice_of(c->signature, scram_key_size(c->login.mechanism->hash))))
        return fail(c, ERR_DENIED, "the server does not know the password: it may be a false one");
    c->proven = true;
    return SASL_CLIENT_DONE;
}

static enum sasl_client_step scram_take(struct sasl_client *c, struct slice message)
{
    switch (c->at) {
    case 1:
        return scram_final(c, message);
    case 2:
        return scram_verify(c, message);
    default:
        return fail(c, ERR_SYNTAX, "the server sent one message too many");
    }
}

/* ---- the others ---- */

static enum sasl_client_step cram_answer(struct sasl_client *c, struct slice challenge)
{
    struct slice prepared = c->login.password;
    uint8_t states[CRAM_STATES], digest[CRAM_DIGEST];

    (void)!unicode_opaque_string(&c->arena, c->login.password, &prepared, &c->err);
    if (!cram_states(prepared, states))
        return fail(c, ERR_NOMEM, "out of memory");
    cram_digest(states, challenge, digest);
    wipe(states, sizeof(states));
    build_bytes(&c->out, c->login.user);
    build_byte(&c->out, ' ');
    encode_hex(&c->out, slice_of(digest, sizeof(digest)));
    return send(c);
}

static enum sasl_client_step plain(struct sasl_client *c)
{
    build_bytes(&c->out, c->login.authzid);
    build_byte(&c->out, 0);
    build_bytes(&c->out, c->login.user);
    build_byte(&c->out, 0);
    build_bytes(&c->out, c->login.password);
    return send(c);
}

enum sasl_client_step sasl_client_start(struct sasl_client *c)
{
    switch (c->login.mechanism->kind) {
    case SASL_PLAIN:
        return plain(c);
    case SASL_EXTERNAL:
        build_bytes(&c->out, c->login.authzid);
        return send(c);
    case SASL_SCRAM:
        return scram_first(c);
    case SASL_CRAM_MD5:
    case SASL_LOGIN: /* its initial response is not known to all servers */
        return SASL_CLIENT_WAIT;
    }
    return fail(c, ERR_INVALID, "there is no such mechanism");
}

enum sasl_client_step sasl_client_take(struct sasl_client *c, struct slice message)
{
    build_reset(&c->out);
    c->at++;
    switch (c->login.mechanism->kind) {
    case SASL_SCRAM:
        return scram_take(c, message);
    case SASL_CRAM_MD5:
        if (c->at == 1)
            return cram_answer(c, message);
        break;
    case SASL_LOGIN:
        if (c->at <= 2) {
            build_bytes(&c->out, c->at == 1 ? c->login.user : c->login.password);
            return send(c);
        }
        break;
    case SASL_PLAIN:
    case SASL_EXTERNAL:
        break;
    }
    return fail(c, ERR_SYNTAX, "the server sent one message too many");
}

bool sasl_client_satisfied(const struct sasl_client *c)
{
    return c->login.mechanism->kind != SASL_SCRAM || c->proven;
}
