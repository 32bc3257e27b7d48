/*   PLAIN, EXTERNAL   start: "" --message--> VERIFY
 *   LOGIN             start: "Username:" --name--> "Password:" --password--> VERIFY
 *   CRAM-MD5          start: CHALLENGE, sent --name and digest--> VERIFY
 *   SCRAM             start: "" --client-first--> CHALLENGE, sent --client-final--> VERIFY,
 *                     server-final sent --anything--> DONE or FAILED */
#include "sasl/server.h"

#include "base/encode.h"
#include "base/secret.h"
#include "base/unicode.h"
#include "sasl/cram.h"
#include "sasl/server_private.h"

#define ARENA_MAX (16 * SASL_MESSAGE_MAX)

void sasl_server_init(struct sasl_server *s, const struct sasl_mechanism *mechanism,
                      const struct sasl_binding *binding)
{
    *s = (struct sasl_server){.mechanism = mechanism};
    build_init(&s->out, 2 * SASL_MESSAGE_MAX);
    arena_init(&s->arena, ARENA_MAX);
    if (binding && binding->data.n <= sizeof(s->binding_data)) {
        s->binding.name = binding->name;
        if (binding->data.n > 0)
            memcpy(s->binding_data, binding->data.p, binding->data.n);
        s->binding.data = slice_of(s->binding_data, binding->data.n);
    }
}

void sasl_server_done(struct sasl_server *s)
{
    if (s->password.n > 0)
        wipe((uint8_t *)s->password.p, s->password.n);
    if (s->out.p)
        wipe(s->out.p, s->out.cap);
    build_done(&s->out);
    arena_done(&s->arena);
    wipe(s, sizeof(*s));
}

enum sasl_step sasl_server_fail(struct sasl_server *s, enum sasl_failure why)
{
    s->failure = arena_failed(&s->arena) || !build_ok(&s->out) ? SASL_FAIL_MEMORY : why;
    return SASL_FAILED;
}

enum sasl_step sasl_server_send(struct sasl_server *s)
{
    if (arena_failed(&s->arena) || !build_ok(&s->out))
        return sasl_server_fail(s, SASL_FAIL_MEMORY);
    return SASL_SEND;
}

static enum sasl_step verify(struct sasl_server *s)
{
    return arena_failed(&s->arena) ? sasl_server_fail(s, SASL_FAIL_MEMORY) : SASL_VERIFY;
}

bool sasl_server_same_name(struct sasl_server *s, struct slice a, struct slice b)
{
    struct slice x, y;
    struct err err;

    return unicode_nfc(&s->arena, a, &x, &err) == 0 && unicode_nfc(&s->arena, b, &y, &err) == 0 &&
           slice_eq(x, y);
}

enum sasl_step sasl_server_start(struct sasl_server *s)
{
    switch (s->mechanism->kind) {
    case SASL_CRAM_MD5:
        return SASL_CHALLENGE;
    case SASL_LOGIN:
        build_text(&s->out, "Username:");
        break;
    case SASL_EXTERNAL:
    case SASL_SCRAM:
    case SASL_PLAIN:
        break;
    }
    return sasl_server_send(s);
}

/* RFC 4616 2: authorisation identity NUL authentication identity NUL password. */
static enum sasl_step take_plain(struct sasl_server *s, struct slice message)
{
    size_t first = slice_find_byte(message, 0);
    struct slice rest = slice_from(message, first == SIZE_MAX ? message.n : first + 1);
    size_t second = slice_find_byte(rest, 0);

    if (first == SIZE_MAX || second == SIZE_MAX ||
        slice_find_byte(slice_from(rest, second + 1), 0) != SIZE_MAX)
        return sasl_server_fail(s, SASL_FAIL_SYNTAX);
    struct slice authzid = slice_sub(message, 0, first);

    s->user = arena_copy(&s->arena, slice_sub(rest, 0, second));
    s->password = arena_copy(&s->arena, slice_from(rest, second + 1));
    if (authzid.n > 0 && !sasl_server_same_name(s, authzid, s->user))
        return sasl_server_fail(s, SASL_FAIL_AUTHZID);
    return verify(s);
}

static enum sasl_step take_login(struct sasl_server *s, struct slice message)
{
    if (s->at > 1) {
        s->password = arena_copy(&s->arena, message);
        return verify(s);
    }
    s->user = arena_copy(&s->arena, message);
    build_text(&s->out, "Password:");
    return sasl_server_send(s);
}

/* RFC 2195 2: name, space, digest in lower-case hexadecimal digits. Names may have spaces. */
static enum sasl_step take_cram(struct sasl_server *s, struct slice message)
{
    size_t space = slice_rfind_byte(message, ' ');
    struct slice hex = slice_from(message, space == SIZE_MAX ? message.n : space + 1);
    struct builder digest;
    struct err err;

    if (space == SIZE_MAX || hex.n != 2 * CRAM_DIGEST)
        return sasl_server_fail(s, SASL_FAIL_SYNTAX);
    for (size_t i = 0; i < hex.n; i++) {
        if (hex.p[i] >= 'A' && hex.p[i] <= 'F')
            return sasl_server_fail(s, SASL_FAIL_WRONG);
    }
    build_init(&digest, CRAM_DIGEST);
    int rc = decode_hex(&digest, hex, &err);

    s->user = arena_copy(&s->arena, slice_sub(message, 0, space));
    s->proof = arena_copy(&s->arena, build_slice(&digest));
    build_done(&digest);
    return rc < 0 ? sasl_server_fail(s, SASL_FAIL_WRONG) : verify(s);
}

enum sasl_step sasl_server_take(struct sasl_server *s, struct slice message)
{
    build_reset(&s->out);
    s->at++;
    switch (s->mechanism->kind) {
    case SASL_PLAIN:
        return take_plain(s, message);
    case SASL_LOGIN:
        return take_login(s, message);
    case SASL_CRAM_MD5:
        /* The challenge has to come first. */
        return s->message.p ? take_cram(s, message) : sasl_server_fail(s, SASL_FAIL_INITIAL);
    case SASL_SCRAM:
        return sasl_scram_take(s, message);
    case SASL_EXTERNAL:
        /* RFC 4422 A.1: the identity that is wanted, perhaps none. */
        s->user = arena_copy(&s->arena, message);
        return verify(s);
    }
    return sasl_server_fail(s, SASL_FAIL_PROTOCOL);
}

enum sasl_step sasl_server_challenge(struct sasl_server *s, struct slice text, struct slice salt,
                                     uint32_t iterations)
{
    build_reset(&s->out);
    if (s->mechanism->kind == SASL_SCRAM)
        return sasl_scram_challenge(s, text, salt, iterations);
    s->message = arena_copy(&s->arena, text);
    build_bytes(&s->out, text);
    return sasl_server_send(s);
}

enum sasl_step sasl_server_verified(struct sasl_server *s, bool right, struct slice signature)
{
    build_reset(&s->out);
    if (s->mechanism->kind == SASL_SCRAM)
        return sasl_scram_verified(s, right, signature);
    return right ? SASL_DONE : sasl_server_fail(s, SASL_FAIL_WRONG);
}
