#include "net/channel_binding.h"

#include <openssl/err.h>

#include "net/conn_private.h"

/* RFC 9266 2: the exporter with that label, no context, 32 octets. */
static void exporter(SSL *ssl, struct channel_binding *out)
{
    static const char label[] = "EXPORTER-Channel-Binding";

    if (SSL_export_keying_material(ssl, out->data, 32, label, sizeof(label) - 1, NULL, 0, 1) != 1)
        return;
    out->name = "tls-exporter";
    out->n = 32;
}

/* RFC 5929 3: the first Finished message of the handshake. In a full one the client finishes first,
 * in a resumed one the server. */
static void unique(const SSL *ssl, struct channel_binding *out)
{
    bool resumed = SSL_session_reused(ssl), mine = resumed == (bool)SSL_is_server(ssl);

    /* RFC 7627 5.3, RFC 9266 1: without an extended master secret a resumed session may be two at
     * once, one with each side. */
    if (resumed && SSL_get_extms_support((SSL *)ssl) != 1)
        return;
    size_t n = mine ? SSL_get_finished(ssl, out->data, sizeof(out->data))
                    : SSL_get_peer_finished(ssl, out->data, sizeof(out->data));

    if (n == 0 || n > sizeof(out->data))
        return;
    out->name = "tls-unique";
    out->n = n;
}

struct channel_binding channel_binding_of(SSL *ssl)
{
    struct channel_binding out = {.name = NULL};

    ERR_clear_error();
    if (!ssl || !SSL_is_init_finished(ssl))
        return out;
    if (SSL_version(ssl) >= TLS1_3_VERSION)
        exporter(ssl, &out);
    else
        unique(ssl, &out);
    return out;
}

struct channel_binding conn_channel_binding(const struct conn *c)
{
    return channel_binding_of(c->ssl);
}
