/* godwit-web: the account page, over HTTP and HTTPS, and the metrics. */
#include "web/web.h"
#include "edge/edge_main.h"

static const struct protocol *protocol_of(enum edge_service service)
{
    bool served = service == EDGE_HTTP || service == EDGE_HTTPS || service == EDGE_METRICS;

    return served ? &web_protocol : NULL;
}

int main(void)
{
    return edge_main(&(struct edge_role){"web", protocol_of, /* resolver= */ NULL});
}
