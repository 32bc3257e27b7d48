/* Certificates of clients, while the handshake runs. Authorities, validity, names and extensions
 * are not looked at: whoever decides is asked about the key alone. Nothing is proven at that point,
 * the signature comes next: so what is decided here is only whether the handshake ends now, with
 * which alert. */
#include <openssl/x509_vfy.h>

#include "net/client_key.h"
#include "net/conn_private.h"
#include "net/tls_private.h"

/* Several certificates of a chain are sent; a few keep below this, a bomb does not. */
#define CHAIN_OCTETS_MAX (16 * 1024)

/* libssl sends an alert for each: CERT_REJECTED bad_certificate (42), STORE_LOOKUP internal_error
 * (80). */
static int refuse(X509_STORE_CTX *x, int error)
{
    X509_STORE_CTX_set_error(x, error);
    return 0;
}

/* For whoever looks for the reason; anybody can write anything into a certificate. */
static void log_refusal(struct conn *c, X509 *leaf)
{
    char subject[256], issuer[256];

    if (!log_wants(c->listener->env->log, LOG_DEBUG, c->listener->config.protocol->name))
        return;
    (void)X509_NAME_oneline(X509_get_subject_name(leaf), subject, sizeof(subject));
    (void)X509_NAME_oneline(X509_get_issuer_name(leaf), issuer, sizeof(issuer));
    conn_log(c, LOG_DEBUG, "client certificate refused", LOG_STR("subject", subject),
             LOG_STR("issuer", issuer));
}

static int judge(X509_STORE_CTX *x, void *arg)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct conn *c = ssl ? SSL_get_app_data(ssl) : NULL;
    X509 *leaf = X509_STORE_CTX_get0_cert(x);
    struct conn_key key = {.resumed = false};

    (void)arg;
    if (!c || !leaf || !c->listener->config.client_keys)
        return refuse(x, X509_V_ERR_STORE_LOOKUP);
    if (!client_key_fingerprint(leaf, key.fingerprint))
        return refuse(x, X509_V_ERR_CERT_REJECTED);
    switch (c->listener->config.client_keys->shown(c, c->listener->config.service, &key)) {
    case CONN_KEY_GO_ON:
        c->key_shown = true;
        return 1;
    case CONN_KEY_IGNORE:
        c->key_ignored = true;
        return 1;
    case CONN_KEY_REFUSE:
        log_refusal(c, leaf);
        return refuse(x, X509_V_ERR_CERT_REJECTED);
    case CONN_KEY_UNAVAILABLE:
        break;
    }
    return refuse(x, X509_V_ERR_STORE_LOOKUP);
}

/* RFC 8446 4.3.2: no list of authorities, and a certificate is optional. */
void tls_client_ask(SSL_CTX *ctx)
{
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, judge, NULL);
    (void)SSL_CTX_set_max_cert_list(ctx, CHAIN_OCTETS_MAX);
}

bool conn_client_key(const struct conn *c, struct conn_key *out)
{
    bool has = c->ssl && !c->key_ignored && SSL_is_init_finished(c->ssl);
    X509 *leaf = has ? SSL_get0_peer_certificate(c->ssl) : NULL;

    if (!leaf || !client_key_fingerprint(leaf, out->fingerprint))
        return false;
    out->resumed = SSL_session_reused(c->ssl);
    return true;
}

void tls_client_failed(struct conn *c, bool lost)
{
    X509 *leaf = c->key_shown ? SSL_get0_peer_certificate(c->ssl) : NULL;
    struct conn_key key;

    if (leaf && client_key_fingerprint(leaf, key.fingerprint))
        c->listener->config.client_keys->unproven(c, c->listener->config.service, &key, lost);
}
