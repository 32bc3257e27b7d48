/* Keys of session tickets (RFC 5077 4, RFC 8446 4.6.1): random, in memory alone, a new one each
 * day. A ticket of an older key is still taken, and replaced by one of the newest; a week later the
 * key is gone, and what was encrypted under it stays closed. */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/secret.h"
#include "net/tls_private.h"

#define KEY_LIFE_S (24 * 3600)
#define KEYS_MAX 8 /* the newest, and seven old ones */
#define NAME_OCTETS 16

struct ticket_key {
    uint8_t name[NAME_OCTETS];
    uint8_t cipher[32];
    uint8_t mac[32];
    int64_t made_s;
};

struct tls_tickets {
    const struct clock *clock;
    pthread_mutex_t mu;
    struct ticket_key keys[KEYS_MAX]; /* GUARDED_BY(mu), as the next; the newest first */
    size_t n;
};

struct tls_tickets *tls_tickets_new(const struct clock *clock)
{
    struct tls_tickets *t = calloc(1, sizeof(*t));

    if (!t)
        return NULL;
    t->clock = clock;
    (void)pthread_mutex_init(&t->mu, NULL);
    return t;
}

void tls_tickets_free(struct tls_tickets *t)
{
    if (!t)
        return;
    wipe(t->keys, sizeof(t->keys));
    (void)pthread_mutex_destroy(&t->mu);
    free(t);
}

static bool make_key(struct tls_tickets *t, int64_t now_s)
{
    struct ticket_key key = {.made_s = now_s};

    if (RAND_bytes(key.name, sizeof(key.name)) != 1 ||
        RAND_priv_bytes(key.cipher, sizeof(key.cipher)) != 1 ||
        RAND_priv_bytes(key.mac, sizeof(key.mac)) != 1)
        return false;
    memmove(&t->keys[1], &t->keys[0], (KEYS_MAX - 1) * sizeof(key));
    t->keys[0] = key;
    t->n = MIN(t->n + 1, (size_t)KEYS_MAX);
    wipe(&key, sizeof(key));
    return true;
}

/* Old ones go when their week is over, also when nobody came for a while. */
static void drop_old(struct tls_tickets *t, int64_t now_s)
{
    while (t->n > 0 && now_s - t->keys[t->n - 1].made_s >= KEY_LIFE_S * (int64_t)KEYS_MAX) {
        t->n--;
        wipe(&t->keys[t->n], sizeof(t->keys[t->n]));
    }
}

/* A copy of the newest key. */
static bool newest(struct tls_tickets *t, struct ticket_key *out)
{
    int64_t now_s = clock_now_s(t->clock);

    (void)pthread_mutex_lock(&t->mu);
    drop_old(t, now_s);
    bool ok = t->n > 0 && now_s - t->keys[0].made_s < KEY_LIFE_S;

    if (!ok)
        ok = make_key(t, now_s);
    if (ok)
        *out = t->keys[0];
    (void)pthread_mutex_unlock(&t->mu);
    return ok;
}

/* A copy of the key of that name. */
static bool named(struct tls_tickets *t, const uint8_t *name, struct ticket_key *out,
                  bool *is_newest_out)
{
    int64_t now_s = clock_now_s(t->clock);
    bool found = false;

    (void)pthread_mutex_lock(&t->mu);
    drop_old(t, now_s);
    for (size_t i = 0; i < t->n && !found; i++) {
        found = memcmp(t->keys[i].name, name, NAME_OCTETS) == 0;
        if (!found)
            continue;
        *out = t->keys[i];
        *is_newest_out = i == 0 && now_s - out->made_s < KEY_LIFE_S;
    }
    (void)pthread_mutex_unlock(&t->mu);
    return found;
}

static bool set_mac(EVP_MAC_CTX *mac, struct ticket_key *key)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof(key->mac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* Results as SSL_CTX_set_tlsext_ticket_key_evp_cb(3) has them: 1, 2 (and a new ticket), 0 (no
 * such key: a full handshake), -1. */
static int use_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                   EVP_MAC_CTX *mac, int encrypt)
{
    struct tls_tickets *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    struct ticket_key key;
    bool is_newest = true;
    int ok;

    if (encrypt) {
        if (!newest(t, &key) || RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1)
            return -1;
        memcpy(name, key.name, NAME_OCTETS);
        ok = EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.cipher, iv) == 1;
    } else {
        if (!named(t, name, &key, &is_newest))
            return 0;
        ok = EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.cipher, iv) == 1;
    }
    ok = ok && set_mac(mac, &key);
    wipe(&key, sizeof(key));
    if (!ok)
        return -1;
    /* RFC 8446 C.4: clients use a ticket once, so they need a new one. */
    return !encrypt && (!is_newest || SSL_version(ssl) == TLS1_3_VERSION) ? 2 : 1;
}

void tls_tickets_use(struct tls_tickets *t, SSL_CTX *ctx)
{
    (void)SSL_CTX_set_app_data(ctx, t);
    (void)SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, use_key);
}
