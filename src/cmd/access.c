/* godwit-access: what a logged-in person does; submission and IMAP. */
#include "edge/edge_main.h"
#include "imap/imap.h"
#include "smtp/smtp.h"

static const struct protocol *protocol_of(enum edge_service service)
{
    switch (service) {
    case EDGE_SUBMISSION:
    case EDGE_SUBMISSIONS:
        return &smtp_protocol;
    case EDGE_IMAP:
    case EDGE_IMAPS:
        return &imap_protocol;
    case EDGE_SMTP:
    case EDGE_HTTP:
    case EDGE_HTTPS:
    case EDGE_METRICS:
    case EDGE_SERVICE_COUNT:
        break;
    }
    return NULL;
}

int main(void)
{
    return edge_main(&(struct edge_role){"access", protocol_of, /* resolver= */ NULL});
}
