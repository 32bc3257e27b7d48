/* What a command came to, for the log and the metrics: from its line to its last reply, so that
 * DATA ends with the reply to the message and AUTH with that to the last response. */
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "runtime/metrics.h"
#include "smtp/session_private.h"

#define VERB_MAX 16

static const char *kind_of(const struct smtp_session *s)
{
    return s->submission ? "submission" : "smtp";
}

void smtp_measure_begin(struct smtp_session *s, const char *verb)
{
    s->measured = (struct smtp_measured){.verb = verb, .since_ns = clock_mono_ns(), .code = 250};
}

void smtp_measure_reply(struct smtp_session *s, unsigned code, const char *ecode)
{
    s->measured.code = (uint16_t)code;
    (void)snprintf(s->measured.ecode, sizeof(s->measured.ecode), "%s", ecode ? ecode : "");
}

void smtp_measure_end(struct smtp_session *s)
{
    const struct smtp_measured *m = &s->measured;
    char verb[VERB_MAX] = "", code[8];

    if (!m->verb)
        return;
    int64_t duration_ns = clock_mono_ns() - m->since_ns;

    for (size_t i = 0; i + 1 < sizeof(verb) && m->verb[i]; i++)
        verb[i] = (char)ascii_lower((uint8_t)m->verb[i]);
    (void)snprintf(code, sizeof(code), "%u", m->code);
    metrics_observe(conn_env(s->conn)->metrics, METRIC_SMTP_COMMAND, duration_ns, kind_of(s), verb,
                    code, m->ecode);
    conn_log(s->conn, LOG_DEBUG, "command", LOG_STR("kind", kind_of(s)), LOG_STR("cmd", verb),
             LOG_NUM("code", m->code), LOG_STR("ecode", m->ecode),
             LOG_NUM("duration_us", duration_ns / 1000));
    s->measured.verb = NULL;
}

static const char *submission_result(const struct smtp_reply *reply)
{
    if (reply->code < 400)
        return "ok";
    if (reply->code < 500)
        return "queueerror";
    if (strcmp(reply->ecode, "5.6.7") == 0)
        return "missingsmtputf8";
    return strncmp(reply->ecode, "5.7.", 4) == 0 ? "badfrom" : "badmessage";
}

static const char *delivery_result(const struct smtp_reply *reply)
{
    if (reply->code < 400)
        return "delivered";
    if (reply->code < 500)
        return "delivererror";
    return strcmp(reply->ecode, "5.1.1") == 0 ? "unknownuser" : "reject";
}

void smtp_measure_message(struct smtp_session *s, const struct smtp_reply *reply)
{
    struct metrics *metrics = conn_env(s->conn)->metrics;

    if (s->submission)
        metrics_add(metrics, METRIC_SMTP_SUBMISSIONS, 1, submission_result(reply));
    else
        metrics_add(metrics, METRIC_SMTP_DELIVERIES, 1, delivery_result(reply));
    if (reply->code == 451 && strcmp(reply->ecode, "4.3.0") == 0)
        metrics_add(metrics, METRIC_INTERNAL_FAULTS, 1, "smtp");
}
