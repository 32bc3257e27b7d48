/* A table without chains: a new challenge takes the place that its random handle names, whoever has
 * it. Places outnumber the logins that are under way by far, so one that is lost is rare, and the
 * client tries again. */
#include "store/challenges.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/secret.h"

#define SLOTS 16384u
#define LIFE_NS (5 * 60 * NS_PER_S)

struct slot {
    uint64_t handle; /* 0: empty */
    uint32_t group;
    uint8_t random[CHALLENGE_CHARS / 4 * 3];
    uint8_t subject[16]; /* the start of its SHA-256 */
    int64_t until_ns;    /* monotonic */
};

struct challenges {
    pthread_mutex_t mu; /* guards slots */
    struct slot slots[SLOTS];
};

struct challenges *challenges_new(void)
{
    struct challenges *c = calloc(1, sizeof(*c));

    if (c)
        pthread_mutex_init(&c->mu, NULL);
    return c;
}

void challenges_free(struct challenges *c)
{
    if (!c)
        return;
    pthread_mutex_destroy(&c->mu);
    free(c);
}

static void hash_subject(struct slice subject, uint8_t out[16])
{
    uint8_t hash[EVP_MAX_MD_SIZE] = {0};

    (void)EVP_Digest(subject.p, subject.n, hash, NULL, EVP_sha256(), NULL);
    memcpy(out, hash, 16);
}

static void write_text(const struct slot *s, char text_out[CHALLENGE_CHARS + 1])
{
    struct builder b;

    build_init(&b, CHALLENGE_CHARS);
    encode_base64(&b, slice_of(s->random, sizeof(s->random)));
    memset(text_out, 0, CHALLENGE_CHARS + 1);
    if (build_ok(&b))
        memcpy(text_out, b.p, b.n);
    build_done(&b);
}

uint64_t challenges_make(struct challenges *c, uint32_t group, struct slice subject,
                         char text_out[CHALLENGE_CHARS + 1])
{
    struct slot s = {.group = group, .until_ns = clock_mono_ns() + LIFE_NS};

    do {
        s.handle = random_u64();
    } while (s.handle == 0);
    random_bytes(s.random, sizeof(s.random));
    hash_subject(subject, s.subject);
    write_text(&s, text_out);
    pthread_mutex_lock(&c->mu);
    c->slots[s.handle % SLOTS] = s;
    pthread_mutex_unlock(&c->mu);
    return s.handle;
}

bool challenges_take(struct challenges *c, uint32_t group, uint64_t handle, struct slice subject,
                     char text_out[CHALLENGE_CHARS + 1])
{
    struct slot *place = &c->slots[handle % SLOTS], s = {0};
    uint8_t hash[16];

    pthread_mutex_lock(&c->mu);
    if (handle != 0 && place->handle == handle && place->group == group) {
        s = *place;
        place->handle = 0;
    }
    pthread_mutex_unlock(&c->mu);
    hash_subject(subject, hash);
    if (s.handle == 0 || s.until_ns < clock_mono_ns() ||
        !slice_eq(slice_of(hash, 16), slice_of(s.subject, 16)))
        return false;
    write_text(&s, text_out);
    return true;
}
