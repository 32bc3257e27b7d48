#include "store/credential.h"

#include <openssl/evp.h>

#include "base/num.h"
#include "base/secret.h"
#include "sasl/cram.h"
#include "sasl/scram.h"

#define SCRYPT_LOG_N 15
#define SCRYPT_R 8
#define SCRYPT_P 1
#define SCRYPT_BYTES 32
/* More than 2^15 * 8 * 128 octets; the library's own limit is just below what it needs. The block
 * is larger than any threshold of malloc, so it goes back to the kernel when it is freed. */
#define SCRYPT_MEMORY_MAX (64u * 1024 * 1024)

struct slice credential_kind_name(enum credential_kind kind)
{
    static const struct slice names[CREDENTIAL_KINDS] = {
        [CREDENTIAL_PASSWORD] = SLICE_INIT("password"),
        [CREDENTIAL_SCRAM_SHA_256] = SLICE_INIT("scram-sha-256"),
        [CREDENTIAL_SCRAM_SHA_1] = SLICE_INIT("scram-sha-1"),
        [CREDENTIAL_CRAM_MD5] = SLICE_INIT("cram-md5"),
    };

    return names[kind];
}

enum credential_kind credential_kind_of(const struct sasl_mechanism *mechanism)
{
    if (mechanism->kind == SASL_SCRAM)
        return mechanism->hash == SASL_SHA256 ? CREDENTIAL_SCRAM_SHA_256 : CREDENTIAL_SCRAM_SHA_1;
    return mechanism->kind == SASL_CRAM_MD5 ? CREDENTIAL_CRAM_MD5 : CREDENTIAL_PASSWORD;
}

uint32_t credential_iterations(enum credential_kind kind)
{
    return kind == CREDENTIAL_SCRAM_SHA_256 ? 4096 : 8192;
}

static int no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "out of memory");
}

static int scrypt(struct slice password, const uint8_t salt[CREDENTIAL_SALT], int64_t log_n,
                  uint8_t out[SCRYPT_BYTES], struct err *err)
{
    if (EVP_PBE_scrypt((const char *)password.p, password.n, salt, CREDENTIAL_SALT,
                       UINT64_C(1) << log_n, SCRYPT_R, SCRYPT_P, SCRYPT_MEMORY_MAX, out,
                       SCRYPT_BYTES) != 1)
        return no_memory(err);
    return 0;
}

static int derive_password(struct slice prepared, bool app, struct credential *out, struct err *err)
{
    random_bytes(out->salt, sizeof(out->salt));
    out->secret_n = SCRYPT_BYTES;
    out->parameter = app ? 0 : SCRYPT_LOG_N;
    if (!app)
        return scrypt(prepared, out->salt, SCRYPT_LOG_N, out->secret, err);
    return EVP_Digest(prepared.p, prepared.n, out->secret, NULL, EVP_sha256(), NULL) == 1
               ? 0
               : no_memory(err);
}

static int derive_scram(enum sasl_hash hash, struct slice prepared, struct credential *out,
                        struct err *err)
{
    size_t n = scram_key_size(hash);
    uint8_t salted[SCRAM_KEY_MAX];
    struct scram_keys keys;
    int rc = scram_salted(hash, prepared, slice_of(out->salt, CREDENTIAL_SALT),
                          (uint32_t)out->parameter, salted, err);

    if (rc == 0)
        rc = scram_keys_of(hash, salted, &keys, err);
    if (rc == 0) {
        memcpy(out->secret, keys.stored, n);
        memcpy(out->secret + n, keys.server, n);
        out->secret_n = 2 * n;
    }
    wipe(salted, sizeof(salted));
    wipe(&keys, sizeof(keys));
    return rc;
}

int credential_derive(struct slice prepared, bool app, struct credential out[CREDENTIAL_KINDS],
                      struct err *err)
{
    if (prepared.n < CREDENTIAL_PASSWORD_MIN)
        return err_set(err, ERR_INVALID, "a password needs at least %d characters",
                       CREDENTIAL_PASSWORD_MIN);
    if (prepared.n > CREDENTIAL_PASSWORD_MAX)
        return err_set(err, ERR_LIMIT, "a password has at most %d characters",
                       CREDENTIAL_PASSWORD_MAX);
    int rc = derive_password(prepared, app, &out[CREDENTIAL_PASSWORD], err);

    if (rc == 0)
        rc = derive_scram(SASL_SHA256, prepared, &out[CREDENTIAL_SCRAM_SHA_256], err);
    if (rc == 0)
        rc = derive_scram(SASL_SHA1, prepared, &out[CREDENTIAL_SCRAM_SHA_1], err);
    if (rc < 0)
        return rc;
    out[CREDENTIAL_CRAM_MD5].secret_n = CRAM_STATES;
    return cram_states(prepared, out[CREDENTIAL_CRAM_MD5].secret) ? 0 : no_memory(err);
}

int credential_check(const struct credential *stored, struct slice prepared, bool *match_out,
                     struct err *err)
{
    bool known = stored->secret_n == SCRYPT_BYTES;
    int64_t log_n = known ? stored->parameter : SCRYPT_LOG_N;
    uint8_t derived[SCRYPT_BYTES];

    if (log_n < 10 || log_n > SCRYPT_LOG_N)
        return err_set(err, ERR_DAMAGED, "the stored password cannot be read");
    int rc = scrypt(prepared, stored->salt, log_n, derived, err);

    if (rc == 0) {
        bool equal =
            ct_equal(slice_of(derived, sizeof(derived)), slice_of(stored->secret, SCRYPT_BYTES));

        *match_out = equal && known;
    }
    wipe(derived, sizeof(derived));
    return rc;
}

void credential_app_new(char out[CREDENTIAL_APP_CHARS + 1])
{
    /* 32 characters that nobody takes for another one: five bits each. */
    static const char alphabet[] = "abcdefghijkmnpqrstuvwxyz23456789";
    uint8_t random[CREDENTIAL_APP_CHARS];

    random_bytes(random, sizeof(random));
    for (size_t i = 0; i < CREDENTIAL_APP_CHARS; i++)
        out[i] = i % 5 == 4 ? '-' : alphabet[random[i] % 32];
    out[CREDENTIAL_APP_CHARS] = '\0';
    wipe(random, sizeof(random));
}

/* The row, or one that stands in where there is none, so that the work is done in any case. */
static const struct credential *candidate(const struct credential_set *set, size_t i)
{
    static const struct credential nobody;

    return i < set->n ? &set->rows[i] : &nobody;
}

const struct credential *credential_app_find(const struct credential_set *set,
                                             struct slice prepared)
{
    const struct credential *found = NULL;
    uint8_t digest[SCRYPT_BYTES];

    if (EVP_Digest(prepared.p, prepared.n, digest, NULL, EVP_sha256(), NULL) != 1)
        return NULL;
    for (size_t i = 0; i < CREDENTIAL_CANDIDATES; i++) {
        const struct credential *one = candidate(set, i);
        bool equal =
            ct_equal(slice_of(digest, sizeof(digest)), slice_of(one->secret, SCRYPT_BYTES));

        if (equal && one->password_id > 0 && one->secret_n == SCRYPT_BYTES)
            found = one;
    }
    wipe(digest, sizeof(digest));
    return found;
}

const struct credential *credential_scram_find(const struct credential_set *set,
                                               enum sasl_hash hash, struct slice message,
                                               struct slice proof)
{
    const struct credential *found = NULL;

    for (size_t i = 0; i < CREDENTIAL_CANDIDATES; i++) {
        const struct credential *one = candidate(set, i);
        bool match = scram_proof_matches(hash, one->secret, message, proof);

        if (match && one->secret_n == 2 * scram_key_size(hash))
            found = one;
    }
    return found;
}

const struct credential *credential_cram_find(const struct credential_set *set,
                                              struct slice challenge, struct slice digest)
{
    const struct credential *found = NULL;

    for (size_t i = 0; i < CREDENTIAL_CANDIDATES; i++) {
        const struct credential *one = candidate(set, i);
        uint8_t want[CRAM_DIGEST];

        cram_digest(one->secret, challenge, want);
        bool match = ct_equal(slice_of(want, sizeof(want)), digest);

        if (match && one->secret_n == CRAM_STATES)
            found = one;
    }
    return found;
}
