/* The numbers of all processes, for Prometheus. */
#include "runtime/metrics.h"

#include "base/log.h"
#include "web/exchange.h"

void web_metrics_run(struct web_exchange *x)
{
    struct builder text;
    struct err err;

    build_init(&text, METRICS_TEXT_MAX);
    if (metrics_render(x->listener->settings->metrics, &text, &err) < 0) {
        log_err(conn_env(x->c)->log, LOG_ERROR, "web", conn_id(x->c), "cannot show metrics", &err);
        web_answer_text(x, 500);
    } else {
        x->status = 200;
        x->type = SLICE(METRICS_CONTENT_TYPE);
        x->body = arena_copy(x->a, build_slice(&text));
    }
    build_done(&text);
}
