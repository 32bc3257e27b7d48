/* godwit-mx: mail from the internet, port 25. */
#include "edge/edge_main.h"
#include "smtp/smtp.h"

static const struct protocol *protocol_of(enum edge_service service)
{
    return service == EDGE_SMTP ? &smtp_protocol : NULL;
}

int main(void)
{
    return edge_main(&(struct edge_role){"mx", protocol_of});
}
