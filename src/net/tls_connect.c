#include "net/tls_connect.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "net/addr.h"
#include "net/tls_identity_private.h"

struct tls_connector {
    SSL_CTX *ctx;
    enum tls_verify verify;
    bool identity;
    uint8_t pin[TLS_PIN_OCTETS];
};

static int failed(struct err *err, const char *what)
{
    char reason[256];

    ERR_error_string_n(ERR_peek_last_error(), reason, sizeof(reason));
    ERR_clear_error();
    (void)err_set(err, ERR_INVALID, "TLS: %s", what);
    return err_detail(err, "%s", reason);
}

/* ---- authorities ---- */

static int add_authorities(SSL_CTX *ctx, struct slice pem, struct err *err)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    BIO *bio = pem.n <= INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
    X509 *x509 = NULL;
    size_t n = 0;
    bool ok = true;

    while (bio && ok && (x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        ok = X509_STORE_add_cert(store, x509) == 1;
        X509_free(x509);
        n++;
    }
    BIO_free(bio);
    if (!ok || n == 0)
        return failed(err, "no usable certificates of authorities");
    ERR_clear_error();
    return 0;
}

/* ---- the pin ---- */

static bool pin_of(X509 *x509, uint8_t out[TLS_PIN_OCTETS])
{
    unsigned char *der = NULL;
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &der);
    bool ok = n > 0 && EVP_Digest(der, (size_t)n, out, NULL, EVP_sha256(), NULL) == 1;

    OPENSSL_free(der);
    return ok;
}

static int judge_pin(X509_STORE_CTX *x, void *arg)
{
    const struct tls_connector *c = arg;
    X509 *leaf = X509_STORE_CTX_get0_cert(x);
    uint8_t seen[TLS_PIN_OCTETS];

    if (leaf && pin_of(leaf, seen) &&
        ct_equal(slice_of(seen, sizeof(seen)), slice_of(c->pin, sizeof(c->pin)))) {
        X509_STORE_CTX_set_error(x, X509_V_OK);
        return 1;
    }
    X509_STORE_CTX_set_error(x, X509_V_ERR_CERT_REJECTED);
    return 0;
}

/* ---- making one ---- */

static int set_verification(struct tls_connector *c, const struct tls_connector_config *config,
                            struct err *err)
{
    switch (config->verify) {
    case TLS_VERIFY_NONE:
        SSL_CTX_set_verify(c->ctx, SSL_VERIFY_NONE, NULL);
        return 0;
    case TLS_VERIFY_PIN:
        memcpy(c->pin, config->pin, sizeof(c->pin));
        SSL_CTX_set_cert_verify_callback(c->ctx, judge_pin, c);
        SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
        return 0;
    case TLS_VERIFY_NAME:
        break;
    }
    SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
    if (config->authorities_pem.n > 0)
        return add_authorities(c->ctx, config->authorities_pem, err);
    return SSL_CTX_set_default_verify_paths(c->ctx) == 1
               ? 0
               : failed(err, "the system's certificates of authorities cannot be read");
}

static int set_alpn(SSL_CTX *ctx, const char *alpn, struct err *err)
{
    unsigned char wire[32];
    size_t n = alpn ? strlen(alpn) : 0;

    if (n == 0)
        return 0;
    if (n >= sizeof(wire))
        return err_set(err, ERR_LIMIT, "TLS: the name of the protocol is too long");
    wire[0] = (unsigned char)n;
    memcpy(wire + 1, alpn, n);
    /* 0 is success here. */
    return SSL_CTX_set_alpn_protos(ctx, wire, (unsigned)n + 1) == 0
               ? 0
               : failed(err, "the protocol cannot be offered");
}

static int set_up(struct tls_connector *c, const struct tls_connector_config *config,
                  struct err *err)
{
    c->ctx = SSL_CTX_new(TLS_client_method());
    if (!c->ctx || SSL_CTX_set_min_proto_version(c->ctx, TLS1_2_VERSION) != 1)
        return failed(err, "cannot make a context");
    (void)SSL_CTX_set_options(c->ctx,
                              SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
    (void)SSL_CTX_set_mode(c->ctx,
                           SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_OFF);
    int rc = set_verification(c, config, err);

    if (rc == 0)
        rc = set_alpn(c->ctx, config->alpn, err);
    if (rc == 0 && config->identity)
        rc = tls_identity_use(config->identity, c->ctx, err);
    return rc;
}

int tls_connector_new(const struct tls_connector_config *config, struct tls_connector **out,
                      struct err *err)
{
    struct tls_connector *c = calloc(1, sizeof(*c));

    if (!c)
        return err_set(err, ERR_NOMEM, "out of memory");
    ERR_clear_error();
    c->verify = config->verify;
    c->identity = config->identity != NULL;
    int rc = set_up(c, config, err);

    if (rc < 0) {
        tls_connector_free(c);
        return rc;
    }
    *out = c;
    return 0;
}

void tls_connector_free(struct tls_connector *c)
{
    if (!c)
        return;
    SSL_CTX_free(c->ctx);
    free(c);
}

bool tls_connector_has_identity(const struct tls_connector *c)
{
    return c->identity;
}

/* RFC 6066 3: no addresses in the server name. RFC 9525 6.3: no wildcard within a label. */
static bool expect_host(const struct tls_connector *c, SSL *ssl, const char *host)
{
    struct addr ip;
    struct err unused;
    bool is_ip = addr_parse_ip(slice_str(host), &ip, &unused) == 0;

    if (!is_ip && SSL_set_tlsext_host_name(ssl, host) != 1)
        return false;
    if (c->verify != TLS_VERIFY_NAME)
        return true;
    if (is_ip)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) == 1;
}

int tls_connector_ssl(const struct tls_connector *c, const char *host, SSL **out, struct err *err)
{
    SSL *ssl = SSL_new(c->ctx);

    if (!ssl || !expect_host(c, ssl, host)) {
        SSL_free(ssl);
        return failed(err, "cannot prepare a connection");
    }
    SSL_set_connect_state(ssl);
    *out = ssl;
    return 0;
}
