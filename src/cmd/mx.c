/* godwit-mx: mail from the internet, port 25. */
#include "edge/edge_main.h"
#include "smtp/smtp.h"

static const struct protocol *protocol_of(enum edge_service service)
{
    return service == EDGE_SMTP ? &smtp_protocol : NULL;
}

static int new_resolver(const struct resolver_config *config, struct dns **out, struct err *err)
{
    struct resolver *resolver;
    int rc = resolver_new(config, &resolver, err);

    if (rc == 0)
        *out = resolver_dns(resolver);
    return rc;
}

int main(void)
{
    return edge_main(&(struct edge_role){"mx", protocol_of, new_resolver});
}
