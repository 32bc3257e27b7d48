/* What is where. */
#include "base/num.h"
#include "web/exchange.h"
#include "web/files.h"

#define API_BODY_MAX (48u * 1024)

static void to_account(struct web_exchange *x)
{
    web_answer_redirect(x, 303, SLICE("/account/"));
}

static void serve_file(struct web_exchange *x)
{
    const struct web_file *file = web_file_find(x->q->path);

    if (file)
        web_answer_file(x, file);
    else
        web_answer_text(x, 404);
}

static const struct web_route routes[] = {
    {SLICE_INIT("/"), WEB_GET | WEB_HEAD, 0, to_account},
    {SLICE_INIT("/account"), WEB_GET | WEB_HEAD, 0, to_account},
    {SLICE_INIT(WEB_API_PREFIX "*"), WEB_POST, API_BODY_MAX, web_api_run},
    {SLICE_INIT("/account/*"), WEB_GET | WEB_HEAD, 0, serve_file},
};

static bool matches(struct slice pattern, struct slice path)
{
    if (slice_ends(pattern, SLICE("*")))
        return slice_starts(path, slice_sub(pattern, 0, pattern.n - 1));
    return slice_eq(path, pattern);
}

/* The service metrics has nothing but these, and nobody else has them. */
static const struct web_route metrics_routes[] = {
    {SLICE_INIT("/metrics"), WEB_GET | WEB_HEAD, 0, web_metrics_run},
};

static const struct web_route *find(const struct web_route *v, size_t n, struct slice path)
{
    for (size_t i = 0; i < n; i++)
        if (matches(v[i].path, path))
            return &v[i];
    return NULL;
}

const struct web_route *web_route_find(enum edge_service service, struct slice path)
{
    return service == EDGE_METRICS ? find(metrics_routes, ARRAY_SIZE(metrics_routes), path)
                                   : find(routes, ARRAY_SIZE(routes), path);
}
