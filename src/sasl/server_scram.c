#include "base/secret.h"
#include "base/unicode.h"
#include "sasl/scram_message.h"
#include "sasl/server_private.h"

/* RFC 5802 7: server-error. The client answers it with anything, then the exchange fails. */
static enum sasl_step say_error(struct sasl_server *s, const char *text, enum sasl_failure why)
{
    build_text(&s->out, "e=");
    build_text(&s->out, text);
    s->failure_later = why;
    return sasl_server_send(s);
}

/* RFC 5802 6. "y" says that the client saw no PLUS, which is always there: somebody took it away.
 */
static bool flag_possible(const struct sasl_server *s, const struct scram_client_first *m)
{
    switch (m->flag) {
    case SCRAM_UNBOUND:
        return !s->mechanism->plus;
    case SCRAM_DOUBTS:
        return false;
    case SCRAM_BOUND:
        /* Also under the name without PLUS: some clients say so. */
        return slice_eq(m->binding, SLICE("tls-exporter")) ||
               slice_eq(m->binding, SLICE("tls-unique"));
    }
    return false;
}

static bool is_normal(struct sasl_server *s, struct slice name)
{
    struct slice normal;
    struct err err;

    return unicode_nfc(&s->arena, name, &normal, &err) == 0 && slice_eq(name, normal);
}

static enum sasl_step take_first(struct sasl_server *s, struct slice message)
{
    struct slice in = arena_copy(&s->arena, message);
    struct scram_client_first m;
    struct err err;

    if (scram_client_first_read(&s->arena, in, &m, &err) < 0 || !flag_possible(s, &m) ||
        !is_normal(s, m.user))
        return sasl_server_fail(s, SASL_FAIL_PROTOCOL);
    s->user = m.user;
    if (m.authzid.n > 0 && !slice_eq(m.authzid, m.user))
        return sasl_server_fail(s,
                                is_normal(s, m.authzid) ? SASL_FAIL_AUTHZID : SASL_FAIL_PROTOCOL);
    s->gs2 = m.gs2;
    s->bare = m.bare;
    s->nonce = m.nonce;
    s->bound = m.flag == SCRAM_BOUND;
    if (s->bound && !slice_eq(m.binding, s->binding.name))
        s->binding.name = SLICE(""); /* another kind than this channel has: nothing can match */
    return arena_failed(&s->arena) ? sasl_server_fail(s, SASL_FAIL_MEMORY) : SASL_CHALLENGE;
}

enum sasl_step sasl_scram_challenge(struct sasl_server *s, struct slice text, struct slice salt,
                                    uint32_t iterations)
{
    scram_server_first_write(&s->out, s->nonce, text, salt, iterations);
    s->server_first = arena_copy(&s->arena, build_slice(&s->out));
    s->nonce = slice_sub(s->server_first, 2, s->nonce.n + text.n); /* behind "r=" */
    return sasl_server_send(s);
}

/* RFC 5802 7: cbind-input. */
static bool binding_matches(const struct sasl_server *s, struct slice given)
{
    struct slice data = slice_from(given, s->gs2.n);

    if (!slice_starts(given, s->gs2))
        return false;
    if (!s->bound)
        return data.n == 0;
    return s->binding.name.n > 0 && data.n > 0 && ct_equal(data, s->binding.data);
}

static enum sasl_step take_final(struct sasl_server *s, struct slice message)
{
    struct slice in = arena_copy(&s->arena, message);
    struct scram_client_final m;
    struct err err;

    if (scram_client_final_read(&s->arena, in, &m, &err) < 0)
        return sasl_server_fail(s, SASL_FAIL_PROTOCOL);
    if (!slice_eq(m.nonce, s->nonce))
        return say_error(s, "invalid-proof", SASL_FAIL_WRONG);
    if (!binding_matches(s, m.binding))
        return say_error(s, "channel-bindings-dont-match", SASL_FAIL_BINDING);
    struct builder b;

    build_init(&b, 4 * SASL_MESSAGE_MAX);
    build_bytes(&b, s->bare);
    build_byte(&b, ',');
    build_bytes(&b, s->server_first);
    build_byte(&b, ',');
    build_bytes(&b, m.without_proof);
    bool ok = build_ok(&b);

    s->message = arena_copy(&s->arena, build_slice(&b));
    s->proof = m.proof;
    build_done(&b);
    return ok && !arena_failed(&s->arena) ? SASL_VERIFY : sasl_server_fail(s, SASL_FAIL_MEMORY);
}

enum sasl_step sasl_scram_take(struct sasl_server *s, struct slice message)
{
    if (s->failure_later)
        return sasl_server_fail(s, s->failure_later);
    switch (s->at) {
    case 1:
        return take_first(s, message);
    case 2:
        return take_final(s, message);
    default: /* the client has seen the signature */
        return SASL_DONE;
    }
}

enum sasl_step sasl_scram_verified(struct sasl_server *s, bool right, struct slice signature)
{
    if (!right)
        return say_error(s, "invalid-proof", SASL_FAIL_WRONG);
    scram_write_base64(&s->out, 'v', signature);
    return sasl_server_send(s);
}
