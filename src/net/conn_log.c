/* What the log says of a connection. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "net/conn_private.h"
#include "runtime/metrics.h"

int64_t conn_now_ms(void)
{
    return clock_mono_ns() / NS_PER_MS;
}

void conn_set_user(struct conn *c, struct slice user)
{
    free(c->user);
    c->user = user.n > 0 ? strndup((const char *)user.p, user.n) : NULL;
}

void conn_log_write(struct conn *c, enum log_level level, const char *message,
                    const struct log_field *fields)
{
    struct log *log = c->listener->env->log;
    const char *module = c->listener->config.protocol->name;
    struct log_field all[CONN_LOG_FIELDS + 3];
    size_t n = 0;

    if (!log_wants(log, level, module))
        return;
    int64_t now = conn_now_ms();

    for (; fields->key && n < CONN_LOG_FIELDS; fields++)
        all[n++] = *fields;
    if (c->user)
        all[n++] = LOG_STR("user", c->user);
    all[n++] = LOG_NUM("delta_ms", now - c->logged_ms);
    all[n] = (struct log_field){0};
    c->logged_ms = now;
    log_write(log, level, module, c->id, message, all);
}

void conn_log_end(struct conn *c)
{
    if (c->end)
        conn_log(c, LOG_INFO, "connection closed", LOG_STR("err", c->end));
    else
        conn_log(c, LOG_INFO, "connection closed");
}
