/* Greeting, EHLO, STARTTLS, QUIT. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "net/tls_connect.h"
#include "smtp/client/client_private.h"

#define QUIT_NS (5 * NS_PER_S)
#define ARENA_MAX (64u * 1024)

/* RFC 5321 4.5.3.2. */
static void fill_timeouts(struct smtpc_timeouts *t)
{
    const struct {
        int64_t *value;
        int64_t seconds;
    } fallbacks[] = {
        {&t->greeting_ns, 5 * 60}, {&t->mail_ns, 5 * 60},  {&t->rcpt_ns, 5 * 60},
        {&t->data_ns, 2 * 60},     {&t->block_ns, 3 * 60}, {&t->final_ns, 10 * 60},
        {&t->tls_ns, 60},          {&t->other_ns, 5 * 60},
    };

    for (size_t i = 0; i < sizeof(fallbacks) / sizeof(fallbacks[0]); i++)
        if (*fallbacks[i].value == 0)
            *fallbacks[i].value = fallbacks[i].seconds * NS_PER_S;
}

int smtpc_new(const struct smtpc_settings *settings, struct stream *stream, struct smtpc **out,
              struct err *err)
{
    struct smtpc *c = calloc(1, sizeof(*c));

    if (!c) {
        stream_free(stream);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    c->settings = *settings;
    fill_timeouts(&c->settings.timeouts);
    (void)snprintf(c->hostname, sizeof(c->hostname), "%s", settings->hostname);
    c->settings.hostname = c->hostname;
    c->stream = stream;
    build_init(&c->out, SMTPC_OUT_MAX);
    arena_init(&c->arena, ARENA_MAX);
    smtpc_reply_init(&c->reader);
    *out = c;
    return 0;
}

void smtpc_free(struct smtpc *c)
{
    if (!c)
        return;
    stream_free(c->stream);
    build_done(&c->out);
    arena_done(&c->arena);
    smtpc_reply_done(&c->reader);
    free(c);
}

/* RFC 5321 4.2: the greeting begins with the server's name. */
static void note_peer(struct smtpc *c, struct slice text)
{
    struct slice name = slice_sub(text, 0, slice_find_byte(text, '\n'));

    name = slice_sub(name, 0, slice_find_byte(name, ' '));
    if (name.n < sizeof(c->peer) && utf8_is_ascii(name)) {
        memcpy(c->peer, name.p, name.n);
        c->peer[name.n] = '\0';
    }
}

static int hello(struct smtpc *c, bool tls, struct err *err)
{
    const struct smtpc_reply *reply;
    char line[sizeof(c->hostname) + 8];

    /* RFC 3207 4.2: forgotten, whatever it was. */
    c->offer = (struct smtpc_offer){.size_max = 0};
    (void)snprintf(line, sizeof(line), "EHLO %s", c->hostname);
    int rc = smtpc_command(c, "EHLO", line, c->settings.timeouts.other_ns, &reply, err);

    if (rc < 0)
        return rc;
    if (reply->code == 250) {
        smtpc_offer_parse(reply->text, &c->offer);
        return 0;
    }
    if (tls || reply->code < 500 || reply->code > 504 || c->broken)
        return smtpc_refused(c, reply, "EHLO", err);
    (void)snprintf(line, sizeof(line), "HELO %s", c->hostname);
    rc = smtpc_command(c, "HELO", line, c->settings.timeouts.other_ns, &reply, err);
    if (rc < 0)
        return rc;
    return reply->code == 250 ? 0 : smtpc_refused(c, reply, "HELO", err);
}

int smtpc_greet(struct smtpc *c, struct err *err)
{
    const struct smtpc_reply *reply;
    int rc = smtpc_read(c, "greeting", c->settings.timeouts.greeting_ns, &reply, err);

    if (rc < 0)
        return rc;
    if (reply->code != 220) {
        c->broken = true;
        return smtpc_refused(c, reply, "greeting", err);
    }
    note_peer(c, reply->text);
    return hello(c, stream_tls(c->stream, NULL), err);
}

static int tls_failed(struct smtpc *c, struct err *err)
{
    c->broken = true;
    return smtpc_give_up(c, SMTPC_TEMPORARY, SMTPC_BY_CERTIFICATE, "STARTTLS", err);
}

int smtpc_start_tls(struct smtpc *c, const struct tls_connector *connector, const char *host,
                    struct err *err)
{
    const struct smtpc_reply *reply;

    if (!c->offer.starttls) {
        (void)err_set(err, ERR_INVALID, "the server does not offer STARTTLS");
        return smtpc_give_up(c, SMTPC_TEMPORARY, SMTPC_BY_CERTIFICATE, "STARTTLS", err);
    }
    int rc = smtpc_command(c, "STARTTLS", "STARTTLS", c->settings.timeouts.other_ns, &reply, err);

    if (rc < 0)
        return rc;
    if (reply->code != 220) {
        rc = smtpc_refused(c, reply, "STARTTLS", err);
        c->failure.state = SMTPC_TEMPORARY;
        c->failure.reason = SMTPC_BY_CERTIFICATE;
        return rc;
    }
    /* RFC 3207 6: somebody in between may have added replies for what we will ask under TLS. */
    if (c->in_n > c->in_at) {
        (void)err_set(err, ERR_DENIED,
                      "more octets came in plain text behind the answer to "
                      "STARTTLS: somebody may be changing the connection");
        return tls_failed(c, err);
    }
    int64_t deadline_ns = clock_mono_ns() + c->settings.timeouts.tls_ns;

    if (c->settings.deadline_ns && c->settings.deadline_ns < deadline_ns)
        deadline_ns = c->settings.deadline_ns;
    if (stream_start_tls(c->stream, connector, host, deadline_ns, err) < 0)
        return tls_failed(c, err);
    c->certificate = tls_connector_has_identity(connector);
    return hello(c, true, err);
}

void smtpc_quit(struct smtpc *c)
{
    const struct smtpc_reply *reply;
    struct err unused;

    if (!c->broken)
        (void)!smtpc_command(c, "QUIT", "QUIT", QUIT_NS, &reply, &unused);
    c->broken = true;
}

bool smtpc_usable(const struct smtpc *c)
{
    return !c->broken;
}

const struct smtpc_offer *smtpc_offer(const struct smtpc *c)
{
    return &c->offer;
}

const char *smtpc_peer_name(const struct smtpc *c)
{
    return c->peer;
}

const struct smtpc_outcome *smtpc_failure(const struct smtpc *c)
{
    return &c->failure;
}
