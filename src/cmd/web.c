/* godwit-web: the account page, over HTTP and HTTPS, and the metrics. */
#include "web/web.h"
#include <jansson.h>
#include <malloc.h>
#include <stdlib.h>

#include "base/secret.h"
#include "edge/edge_main.h"

static const struct protocol *protocol_of(enum edge_service service)
{
    bool served = service == EDGE_HTTP || service == EDGE_HTTPS || service == EDGE_METRICS;

    return served ? &web_protocol : NULL;
}

/* JSON holds passwords: what it frees is wiped. */
static void wiping_free(void *p)
{
    if (p)
        wipe(p, malloc_usable_size(p));
    free(p);
}

int main(void)
{
    json_set_alloc_funcs(malloc, wiping_free);
    return edge_main(&(struct edge_role){"web", protocol_of, /* resolver= */ NULL});
}
