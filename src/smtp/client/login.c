/* AUTH (RFC 4954), with whatever mechanism sasl/choose takes. */
#include "base/encode.h"
#include "base/secret.h"
#include "smtp/client/client_private.h"

static void write_base64(struct smtpc *c, struct slice octets)
{
    encode_base64(&c->out, octets);
}

/* RFC 4954 4: an empty initial response is "=". */
static void write_auth(struct smtpc *c, const struct sasl_mechanism *m, struct slice initial,
                       bool has_initial)
{
    build_text(&c->out, "AUTH ");
    build_bytes(&c->out, m->name);
    if (has_initial) {
        build_byte(&c->out, ' ');
        if (initial.n > 0)
            write_base64(c, initial);
        else
            build_byte(&c->out, '=');
    }
    build_text(&c->out, "\r\n");
}

static int denied(struct smtpc *c, const char *text, struct err *err)
{
    (void)err_set(err, ERR_DENIED, "%s", text);
    return smtpc_give_up(c, SMTPC_TEMPORARY, SMTPC_BY_CONNECTION, "AUTH", err);
}

/* RFC 4954 4: "*" gives up, and is answered with 501. */
static int cancel(struct smtpc *c, const struct sasl_client *sasl, struct err *err)
{
    const struct smtpc_reply *reply;
    struct err why = sasl->err, unused;

    if (smtpc_command(c, "AUTH", "*", c->settings.timeouts.other_ns, &reply, &unused) < 0 ||
        reply->code != 501)
        c->broken = true;
    *err = why;
    /* SCRAM says inside of its messages that the password is wrong. */
    return smtpc_give_up(c, why.kind == ERR_DENIED ? SMTPC_PERMANENT : SMTPC_TEMPORARY,
                         SMTPC_BY_CONNECTION, "AUTH", err);
}

static enum sasl_client_step take_challenge(struct sasl_client *sasl, struct slice text)
{
    enum sasl_client_step step = SASL_CLIENT_FAILED;
    struct builder challenge;

    build_init(&challenge, SASL_MESSAGE_MAX);
    if (slice_find_byte(text, '\n') != SIZE_MAX)
        (void)err_set(&sasl->err, ERR_SYNTAX, "the server's challenge has several lines");
    else if (decode_base64(&challenge, text, &sasl->err) == 0)
        step = sasl_client_take(sasl, build_slice(&challenge));
    build_done(&challenge);
    return step;
}

/* From the first reply on. */
static int converse(struct smtpc *c, struct sasl_client *sasl, struct err *err)
{
    for (;;) {
        const struct smtpc_reply *reply;
        int rc = smtpc_read(c, "AUTH", c->settings.timeouts.other_ns, &reply, err);

        if (rc < 0)
            return rc;
        if (reply->code == 235) {
            if (sasl_client_satisfied(sasl))
                return 0;
            c->broken = true;
            return denied(c, "the server says yes without having proved itself", err);
        }
        if (reply->code != 334)
            return smtpc_refused(c, reply, "AUTH", err);
        enum sasl_client_step step = take_challenge(sasl, reply->text);

        if (step == SASL_CLIENT_FAILED || step == SASL_CLIENT_WAIT)
            return cancel(c, sasl, err);
        if (step == SASL_CLIENT_SEND)
            write_base64(c, build_slice(&sasl->out));
        build_text(&c->out, "\r\n");
    }
}

static int authenticate(struct smtpc *c, const struct sasl_attempt *attempt, struct err *err)
{
    struct sasl_client sasl;

    sasl_client_init(&sasl, &attempt->login);
    enum sasl_client_step step = sasl_client_start(&sasl);
    int rc;

    if (step == SASL_CLIENT_FAILED) {
        *err = sasl.err;
        rc = smtpc_give_up(c, SMTPC_TEMPORARY, SMTPC_BY_CONNECTION, "AUTH", err);
    } else {
        write_auth(c, attempt->login.mechanism, build_slice(&sasl.out), step == SASL_CLIENT_SEND);
        rc = converse(c, &sasl, err);
    }
    sasl_client_done(&sasl);
    if (c->out.p)
        wipe(c->out.p, c->out.cap);
    build_reset(&c->out);
    return rc;
}

int smtpc_login(struct smtpc *c, const struct sasl_credentials *login, struct err *err)
{
    struct channel_binding binding = {.name = NULL};
    struct sasl_credentials have = *login;
    struct sasl_attempt attempt;

    if (c->broken)
        return err_set(err, ERR_INVALID, "the connection cannot be used any more");
    struct sasl_channel on = {.tls = stream_tls(c->stream, &binding),
                              .offered = c->offer.mechanisms};

    on.binding_name = slice_str(binding.name);
    on.binding_data = slice_of(binding.data, binding.n);
    have.certificate = have.certificate || c->certificate;
    const struct sasl_mechanism *mechanism = sasl_choose(&have, &on);

    if (!mechanism) {
        (void)err_set(err, ERR_INVALID, "%s",
                      c->offer.auth ? "the server offers no way to log in that can be used here"
                                    : "the server offers no login");
        return smtpc_give_up(c, SMTPC_TEMPORARY, SMTPC_NO_MECHANISM, "AUTH", err);
    }
    sasl_attempt_init(&attempt, &have, &on, mechanism);
    return authenticate(c, &attempt, err);
}
