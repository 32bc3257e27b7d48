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

const struct web_route *web_route_find(struct slice path)
{
    for (size_t i = 0; i < ARRAY_SIZE(routes); i++)
        if (matches(routes[i].path, path))
            return &routes[i];
    return NULL;
}
