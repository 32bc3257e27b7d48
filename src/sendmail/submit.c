#include "sendmail/submit.h"

#include <stdio.h>

#include "base/clock.h"
#include "net/stream.h"

/* Product 1.3: 30 s to connect, 3 min for all; 1 s more for each MiB. */
#define CONNECT_NS (30 * NS_PER_S)
#define SESSION_NS (180 * NS_PER_S)
#define MIB (1024u * 1024)
#define CONNECTIONS_MAX 100

/* Everybody who has not been tried yet shares what happened. */
static void settle(const struct submit_job *job, struct smtpc_recipient *v, size_t n,
                   struct smtpc_outcome outcome)
{
    outcome.text = arena_copy(job->arena, outcome.text);
    for (size_t i = 0; i < n; i++)
        if (v[i].outcome.state == SMTPC_NOT_TRIED)
            v[i].outcome = outcome;
}

static void settle_err(const struct submit_job *job, struct smtpc_recipient *v, size_t n,
                       const char *command, const struct err *err)
{
    settle(job, v, n,
           (struct smtpc_outcome){.state = SMTPC_TEMPORARY,
                                  .reason = err->kind == ERR_DENIED ? SMTPC_BY_CERTIFICATE
                                                                    : SMTPC_BY_CONNECTION,
                                  .command = command,
                                  .text = slice_str(err->text)});
}

static int set_up(struct smtpc *c, const struct sendmail_settings *s,
                  const struct tls_connector *connector, struct err *err)
{
    const struct sasl_credentials login = {
        .user = s->user,
        .password = secret_slice(&s->password),
        .has_password = s->has_password,
        .certificate = s->identity != NULL,
        .only = s->only,
    };
    int rc = smtpc_greet(c, err);

    if (rc == 0 && s->tls == SENDMAIL_TLS_START)
        rc = smtpc_start_tls(c, connector, s->host, err);
    if (rc == 0 && (s->has_password || s->identity))
        rc = smtpc_login(c, &login, err);
    return rc;
}

static void talk(const struct submit_job *job, const struct tls_connector *connector,
                 struct stream *stream, int64_t deadline_ns, struct smtpc_recipient *v, size_t n)
{
    const struct smtpc_settings settings = {.hostname = job->settings->hostname,
                                            .deadline_ns = deadline_ns};
    struct smtpc_memory memory;
    struct smtpc *c = NULL;
    struct err err;

    smtpc_memory_init(&memory, build_slice(&job->message->wire));
    const struct smtpc_envelope envelope = {
        .from = job->sender,
        .source = &memory.base,
        .eightbit = job->message->eightbit,
        .utf8_header = job->message->utf8_header,
        .require_tls = job->settings->require_tls == SENDMAIL_REQUIRE_YES,
        .ret = job->ret,
        .envid = job->envid,
        .arena = job->arena,
    };

    if (smtpc_new(&settings, stream, &c, &err) < 0) {
        settle_err(job, v, n, "connect", &err);
        return;
    }
    if (set_up(c, job->settings, connector, &err) < 0)
        settle(job, v, n, *smtpc_failure(c));
    else
        (void)!smtpc_send(c, &envelope, v, n, &err);
    smtpc_quit(c);
    smtpc_free(c);
}

/* Those who wait for a connection move to the end; how many are settled. */
static size_t settled(struct smtpc_recipient *v, size_t n)
{
    size_t done = 0;

    for (size_t i = 0; i < n; i++) {
        struct smtpc_recipient r = v[i];

        if (r.outcome.state == SMTPC_NOT_TRIED)
            continue;
        v[i] = v[done];
        v[done++] = r;
    }
    return done;
}

static int connect_once(const struct submit_job *job, const struct tls_connector *connector,
                        int64_t deadline_ns, struct stream **out, struct err *err)
{
    const struct sendmail_settings *s = job->settings;
    int64_t connect_ns = clock_mono_ns() + CONNECT_NS;
    int rc = stream_connect(s->host, s->port, connect_ns, out, err);

    if (rc < 0 || s->tls != SENDMAIL_TLS_IMMEDIATE)
        return rc;
    rc = stream_start_tls(*out, connector, s->host,
                          connect_ns < deadline_ns ? connect_ns : deadline_ns, err);
    if (rc < 0)
        stream_free(*out);
    return rc;
}

void submit(const struct submit_job *job, struct smtpc_recipient *v, size_t n)
{
    const struct sendmail_settings *s = job->settings;
    const struct tls_connector_config config = {
        .verify = s->verify, .authorities_pem = s->authorities_pem, .identity = s->identity};
    struct tls_connector_config with_pin = config;
    int64_t size_ns = (int64_t)(job->message->wire.n / MIB) * NS_PER_S;
    int64_t deadline_ns = clock_mono_ns() + SESSION_NS + size_ns;
    struct tls_connector *connector = NULL;
    struct err err;
    size_t done = 0;

    memcpy(with_pin.pin, s->pin, sizeof(with_pin.pin));
    int rc = tls_connector_new(&with_pin, &connector, &err);

    for (int i = 0; i < CONNECTIONS_MAX && done < n && rc == 0; i++) {
        struct stream *stream;

        rc = connect_once(job, connector, deadline_ns, &stream, &err);
        if (rc == 0) {
            talk(job, connector, stream, deadline_ns, v + done, n - done);
            size_t more = settled(v + done, n - done);

            if (more == 0)
                break;
            done += more;
        }
    }
    if (rc == 0)
        (void)err_set(&err, ERR_UNAVAILABLE, "the server takes no more messages now");
    settle_err(job, v, n, "connect", &err);
    tls_connector_free(connector);
}
