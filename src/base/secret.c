#include "base/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

bool secret_copy(struct secret *s, struct slice from)
{
    uint8_t *p = malloc(from.n ? from.n : 1);

    if (!p)
        return false;
    if (from.n)
        memcpy(p, from.p, from.n);
    *s = (struct secret){p, from.n};
    return true;
}

void secret_done(struct secret *s)
{
    if (s->p) {
        wipe(s->p, s->n);
        free(s->p);
    }
    *s = (struct secret){NULL, 0};
}

void wipe(void *p, size_t n)
{
    if (n)
        explicit_bzero(p, n);
}

bool ct_equal(struct slice a, struct slice b)
{
    volatile uint8_t different = 0;

    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        different = (uint8_t)(different | (a.p[i] ^ b.p[i]));
    return different == 0;
}

void random_bytes(void *p, size_t n)
{
    uint8_t *at = p;

    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            abort();
        at += got;
        n -= (size_t)got;
    }
}

uint64_t random_u64(void)
{
    uint64_t value;

    random_bytes(&value, sizeof(value));
    return value;
}
