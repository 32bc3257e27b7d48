#include "sasl/scram.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/secret.h"

static const EVP_MD *digest_of(enum sasl_hash hash)
{
    return hash == SASL_SHA256 ? EVP_sha256() : EVP_sha1();
}

size_t scram_key_size(enum sasl_hash hash)
{
    return hash == SASL_SHA256 ? 32 : 20;
}

static int no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "out of memory");
}

static bool keyed(enum sasl_hash hash, const uint8_t *key, struct slice text, uint8_t *out)
{
    unsigned n = 0;

    return text.n <= INT32_MAX &&
           HMAC(digest_of(hash), key, (int)scram_key_size(hash), text.p, text.n, out, &n) != NULL;
}

static bool hashed(enum sasl_hash hash, const uint8_t *key, uint8_t *out)
{
    return EVP_Digest(key, scram_key_size(hash), out, NULL, digest_of(hash), NULL) == 1;
}

int scram_salted(enum sasl_hash hash, struct slice password, struct slice salt, uint32_t iterations,
                 uint8_t out[SCRAM_KEY_MAX], struct err *err)
{
    if (password.n > INT32_MAX || salt.n > SCRAM_SALT_MAX || iterations > INT32_MAX)
        return err_set(err, ERR_LIMIT, "the password is too long");
    if (PKCS5_PBKDF2_HMAC((const char *)password.p, (int)password.n, salt.p, (int)salt.n,
                          (int)iterations, digest_of(hash), (int)scram_key_size(hash), out) != 1)
        return no_memory(err);
    return 0;
}

/* RFC 5802 3: StoredKey := H(HMAC(SaltedPassword, "Client Key")), ServerKey := HMAC(SaltedPassword,
 * "Server Key"). */
int scram_keys_of(enum sasl_hash hash, const uint8_t salted[SCRAM_KEY_MAX], struct scram_keys *out,
                  struct err *err)
{
    uint8_t client[SCRAM_KEY_MAX];

    *out = (struct scram_keys){0};
    bool ok = keyed(hash, salted, SLICE("Client Key"), client) &&
              hashed(hash, client, out->stored) &&
              keyed(hash, salted, SLICE("Server Key"), out->server);

    wipe(client, sizeof(client));
    return ok ? 0 : no_memory(err);
}

static void exclusive_or(uint8_t *out, const uint8_t *other, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] ^= other[i];
}

int scram_proof(enum sasl_hash hash, const uint8_t salted[SCRAM_KEY_MAX], struct slice message,
                uint8_t proof_out[SCRAM_KEY_MAX], struct err *err)
{
    uint8_t client[SCRAM_KEY_MAX], stored[SCRAM_KEY_MAX];
    bool ok = keyed(hash, salted, SLICE("Client Key"), client) && hashed(hash, client, stored) &&
              keyed(hash, stored, message, proof_out);

    if (ok)
        exclusive_or(proof_out, client, scram_key_size(hash));
    wipe(client, sizeof(client));
    wipe(stored, sizeof(stored));
    return ok ? 0 : no_memory(err);
}

bool scram_proof_matches(enum sasl_hash hash, const uint8_t stored[SCRAM_KEY_MAX],
                         struct slice message, struct slice proof)
{
    uint8_t client[SCRAM_KEY_MAX], derived[SCRAM_KEY_MAX];
    size_t n = scram_key_size(hash);

    if (proof.n != n || !keyed(hash, stored, message, client))
        return false;
    exclusive_or(client, proof.p, n);
    bool match =
        hashed(hash, client, derived) && ct_equal(slice_of(derived, n), slice_of(stored, n));

    wipe(client, sizeof(client));
    wipe(derived, sizeof(derived));
    return match;
}

int scram_signature(enum sasl_hash hash, const uint8_t server[SCRAM_KEY_MAX], struct slice message,
                    uint8_t out[SCRAM_KEY_MAX], struct err *err)
{
    return keyed(hash, server, message, out) ? 0 : no_memory(err);
}
