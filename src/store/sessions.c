/* A hash table with chains; handles are random, so their low bits are the hash. Ending a whole
 * group or account walks the table: rare, and the table is small next to the mail. */
#include "store/sessions.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/secret.h"

#define SESSIONS_MAX (256u * 1024)
#define BUCKETS 4096u

struct entry {
    struct entry *next;
    uint64_t handle;
    uint32_t group;
    uint32_t watches;
    struct session session;
};

struct sessions {
    pthread_mutex_t mu; /* guards all below */
    struct entry *buckets[BUCKETS];
    uint32_t n;
    uint64_t epoch;
};

struct sessions *sessions_new(void)
{
    struct sessions *s = calloc(1, sizeof(*s));

    if (s)
        pthread_mutex_init(&s->mu, NULL);
    return s;
}

void sessions_free(struct sessions *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (s->buckets[i]) {
            struct entry *e = s->buckets[i];

            s->buckets[i] = e->next;
            free(e);
        }
    }
    pthread_mutex_destroy(&s->mu);
    free(s);
}

/* The link that holds the entry, or the chain's end. Under the lock. */
static struct entry **find(struct sessions *s, uint64_t handle)
{
    struct entry **link = &s->buckets[handle % BUCKETS];

    while (*link && (*link)->handle != handle)
        link = &(*link)->next;
    return link;
}

uint64_t sessions_epoch(struct sessions *s)
{
    pthread_mutex_lock(&s->mu);
    uint64_t epoch = s->epoch;

    pthread_mutex_unlock(&s->mu);
    return epoch;
}

int sessions_add(struct sessions *s, uint32_t group, const struct session *session, uint64_t epoch,
                 uint64_t *handle_out, struct err *err)
{
    struct entry *e = calloc(1, sizeof(*e));

    if (!e)
        return err_set(err, ERR_NOMEM, "out of memory");
    e->group = group;
    e->session = *session;
    pthread_mutex_lock(&s->mu);
    if (s->epoch != epoch || s->n >= SESSIONS_MAX) {
        pthread_mutex_unlock(&s->mu);
        free(e);
        return err_set(err, ERR_UNAVAILABLE, "cannot log in right now, try again");
    }
    do {
        e->handle = random_u64();
    } while (e->handle == 0 || *find(s, e->handle));
    e->next = s->buckets[e->handle % BUCKETS];
    s->buckets[e->handle % BUCKETS] = e;
    s->n++;
    *handle_out = e->handle;
    pthread_mutex_unlock(&s->mu);
    return 0;
}

bool sessions_get(struct sessions *s, uint32_t group, uint64_t handle, struct session *out)
{
    pthread_mutex_lock(&s->mu);
    const struct entry *e = *find(s, handle);
    bool found = e && e->group == group;

    if (found)
        *out = e->session;
    pthread_mutex_unlock(&s->mu);
    return found;
}

bool sessions_watch(struct sessions *s, uint32_t group, uint64_t handle, bool on)
{
    pthread_mutex_lock(&s->mu);
    struct entry *e = *find(s, handle);
    bool done = e && e->group == group && (on ? e->watches < UINT32_MAX : e->watches > 0);

    if (done)
        e->watches = on ? e->watches + 1 : e->watches - 1;
    pthread_mutex_unlock(&s->mu);
    return done;
}

/* Tells about the taken entries and frees them. Outside the lock. */
static void finish(struct entry *taken, sessions_ended *ended, void *owner)
{
    while (taken) {
        struct entry *e = taken;

        taken = e->next;
        ended(owner, e->group, e->session.account_id, e->watches);
        free(e);
    }
}

void sessions_end(struct sessions *s, uint32_t group, uint64_t handle, sessions_ended *ended,
                  void *owner)
{
    pthread_mutex_lock(&s->mu);
    struct entry **link = find(s, handle);
    struct entry *taken = *link;

    if (taken && taken->group == group) {
        *link = taken->next;
        taken->next = NULL;
        s->n--;
    } else {
        taken = NULL;
    }
    pthread_mutex_unlock(&s->mu);
    finish(taken, ended, owner);
}

/* Takes out all entries of a group (account_id 0) or of an account. Under the lock. */
static struct entry *take_all(struct sessions *s, uint32_t group, int64_t account_id)
{
    struct entry *taken = NULL;

    for (size_t i = 0; i < BUCKETS; i++) {
        struct entry **link = &s->buckets[i];

        while (*link) {
            struct entry *e = *link;

            if (account_id ? e->session.account_id == account_id : e->group == group) {
                *link = e->next;
                e->next = taken;
                taken = e;
                s->n--;
            } else {
                link = &e->next;
            }
        }
    }
    return taken;
}

void sessions_end_group(struct sessions *s, uint32_t group, sessions_ended *ended, void *owner)
{
    pthread_mutex_lock(&s->mu);
    struct entry *taken = take_all(s, group, 0);

    pthread_mutex_unlock(&s->mu);
    finish(taken, ended, owner);
}

void sessions_end_account(struct sessions *s, int64_t account_id, sessions_ended *ended,
                          void *owner)
{
    pthread_mutex_lock(&s->mu);
    s->epoch++;
    struct entry *taken = take_all(s, 0, account_id);

    pthread_mutex_unlock(&s->mu);
    finish(taken, ended, owner);
}
