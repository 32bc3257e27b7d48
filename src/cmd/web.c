/* godwit-web: the account page, over HTTP and HTTPS. */
#include "web/web.h"
#include "edge/edge_main.h"

static const struct protocol *protocol_of(enum edge_service service)
{
    return service == EDGE_HTTP || service == EDGE_HTTPS ? &web_protocol : NULL;
}

int main(void)
{
    return edge_main(&(struct edge_role){"web", protocol_of, /* resolver= */ NULL});
}
