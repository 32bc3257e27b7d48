/* LoginChallenge: what a client is asked before it proves that it knows a password. */
#include "base/secret.h"
#include "rpc/call.h"
#include "store/challenges.h"
#include "store/login.h"
#include "store/store_private.h"

struct slice login_subject(struct arena *a, const struct sasl_mechanism *mechanism,
                           struct slice user)
{
    uint8_t *p = arena_alloc(a, mechanism->name.n + 1 + user.n);

    if (!p)
        return mechanism->name;
    memcpy(p, mechanism->name.p, mechanism->name.n);
    p[mechanism->name.n] = 0;
    if (user.n > 0)
        memcpy(p + mechanism->name.n + 1, user.p, user.n);
    return slice_of(p, mechanism->name.n + 1 + user.n);
}

/* Salt and iterations for whoever says that he is this user. A user without secrets gets a salt all
 * the same, and always the same one: RFC 5802 9 has clients remember it. */
static void salt_of(struct call *c, const struct login *login, Gw__LoginChallenged *out)
{
    enum credential_kind kind = credential_kind_of(login->mechanism);
    const struct credential *real = login->set.n > 0 ? &login->set.rows[0] : NULL;
    struct slice name = login->target.canonical.n > 0
                            ? login->target.canonical
                            : rpc_slice(c->request->login_challenge->user);
    uint8_t made[32];

    login_keyed(c->store, kind == CREDENTIAL_SCRAM_SHA_256 ? '2' : '1', name, made);
    if (real)
        memcpy(made, real->salt, CREDENTIAL_SALT);
    out->salt = rpc_bytes(arena_copy(&c->out, slice_of(made, CREDENTIAL_SALT)));
    out->iterations = real ? (uint32_t)real->parameter : credential_iterations(kind);
}

static int scram(struct call *c, Gw__LoginChallenged *out, struct err *err)
{
    const Gw__LoginChallenge *request = c->request->login_challenge;
    struct login *login;
    int rc = login_find(c, rpc_slice(request->mechanism), rpc_slice(request->user), request->origin,
                        &login, err);

    if (rc == 0)
        rc = login_lacks_secret(c, login, err);
    if (rc < 0)
        return rc;
    out->no_secret = rc == 1;
    if (rc == 0)
        salt_of(c, login, out);
    return 0;
}

int call_login_challenge(struct call *c, struct err *err)
{
    const Gw__LoginChallenge *request = c->request->login_challenge;
    const struct sasl_mechanism *mechanism = sasl_find(rpc_slice(request->mechanism));
    Gw__LoginChallenged *out = call_message(c, &gw__login_challenged__descriptor);
    char text[CHALLENGE_CHARS + 1];

    if (!out)
        return call_no_memory(err);
    c->response.result_case = GW__RESPONSE__RESULT_LOGIN_CHALLENGED;
    c->response.login_challenged = out;
    if (!mechanism || (mechanism->kind != SASL_SCRAM && mechanism->kind != SASL_CRAM_MD5))
        return err_set(err, ERR_INVALID, "the mechanism has no challenge");
    bool by_user = mechanism->kind == SASL_SCRAM;
    struct slice user = by_user ? rpc_slice(request->user) : SLICE("");
    int rc = by_user ? scram(c, out, err) : 0;

    if (rc < 0 || out->no_secret)
        return rc;
    out->challenge = challenges_make(c->store->challenges, c->from.group,
                                     login_subject(&c->in, mechanism, user), text);
    /* RFC 2195 2: like a Message-ID. */
    struct slice said = by_user ? arena_copy(&c->out, slice_str(text))
                                : arena_printf(&c->out, "<%s@%s>", text, c->store->hostname);

    out->text = rpc_bytes(said);
    return 0;
}
