#include "sasl/choose.h"

#include "base/encode.h"
#include "base/secret.h"

static bool usable(const struct sasl_mechanism *m, const struct sasl_credentials *have,
                   const struct sasl_channel *on)
{
    if (have->only && have->only != m)
        return false;
    if (m->kind == SASL_EXTERNAL)
        return have->certificate && on->tls;
    if (!have->has_password)
        return false;
    if (m->plus)
        return on->tls && on->binding_name.n > 0;
    return !m->reveals || on->tls || have->reveal_in_clear;
}

const struct sasl_mechanism *sasl_choose(const struct sasl_credentials *have,
                                         const struct sasl_channel *on)
{
    for (unsigned i = 0; i < SASL_MECHANISMS; i++)
        if ((on->offered & 1u << i) && usable(&sasl_mechanisms[i], have, on))
            return &sasl_mechanisms[i];
    return NULL;
}

static bool plus_offered(const struct sasl_channel *on, const struct sasl_mechanism *mechanism)
{
    for (unsigned i = 0; i < SASL_MECHANISMS; i++) {
        const struct sasl_mechanism *m = &sasl_mechanisms[i];

        if ((on->offered & 1u << i) && m->kind == SASL_SCRAM && m->plus &&
            m->hash == mechanism->hash)
            return true;
    }
    return false;
}

void sasl_attempt_init(struct sasl_attempt *a, const struct sasl_credentials *have,
                       const struct sasl_channel *on, const struct sasl_mechanism *mechanism)
{
    uint8_t octets[SASL_CLIENT_NONCE];
    struct builder nonce;

    random_bytes(octets, sizeof(octets));
    build_init(&nonce, sizeof(a->nonce));
    encode_base64url(&nonce, slice_of(octets, sizeof(octets)));
    if (build_ok(&nonce))
        memcpy(a->nonce, nonce.p, nonce.n);
    a->binding = (struct sasl_binding){.name = on->binding_name, .data = on->binding_data};
    a->login = (struct sasl_login){
        .mechanism = mechanism,
        .user = have->user,
        .password = have->password,
        .authzid = have->authzid,
        .nonce = slice_of(a->nonce, build_ok(&nonce) ? nonce.n : 0),
        .plus_announced = plus_offered(on, mechanism),
    };
    build_done(&nonce);
    /* RFC 5802 6: who was told to do without PLUS does not claim to have missed it. */
    if (on->tls && on->binding_name.n > 0 && (!have->only || have->only->plus))
        a->login.binding = &a->binding;
}
