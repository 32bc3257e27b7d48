/* A table without chains: who falls on the place of another wears it down before he has it.
 * Counts halve every ten minutes. */
#include "store/slowdown.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/num.h"

#define PLACES 8192u
#define HALF_LIFE_S 600
#define STEP 10 /* failures for one more second */

struct place {
    uint64_t key;
    int64_t since_s; /* the count is of then */
    uint32_t count;
};

struct slowdown {
    pthread_mutex_t mu; /* guards places */
    struct place places[PLACES];
};

struct slowdown *slowdown_new(void)
{
    struct slowdown *s = calloc(1, sizeof(*s));

    if (s)
        pthread_mutex_init(&s->mu, NULL);
    return s;
}

void slowdown_free(struct slowdown *s)
{
    if (!s)
        return;
    pthread_mutex_destroy(&s->mu);
    free(s);
}

/* Under the lock. */
static struct place *place_now(struct slowdown *s, uint64_t key, int64_t now_s)
{
    struct place *p = &s->places[key % PLACES];

    while (p->count > 0 && now_s - p->since_s >= HALF_LIFE_S) {
        p->count /= 2;
        p->since_s += HALF_LIFE_S;
    }
    return p;
}

void slowdown_failed(struct slowdown *s, uint64_t key, int64_t now_s)
{
    pthread_mutex_lock(&s->mu);
    struct place *p = place_now(s, key, now_s);

    if (p->count == 0)
        *p = (struct place){key, now_s, 1};
    else if (p->key == key)
        p->count += p->count < UINT32_MAX;
    else
        p->count--; /* who fails most keeps the place */
    pthread_mutex_unlock(&s->mu);
}

uint32_t slowdown_delay_s(struct slowdown *s, uint64_t key, int64_t now_s)
{
    pthread_mutex_lock(&s->mu);
    const struct place *p = place_now(s, key, now_s);
    uint32_t count = p->key == key ? p->count : 0;

    pthread_mutex_unlock(&s->mu);
    return count <= SLOWDOWN_FREE ? 0
                                  : MIN((count - SLOWDOWN_FREE + STEP - 1) / STEP, SLOWDOWN_MAX_S);
}
