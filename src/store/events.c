#include "store/events.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/num.h"

#define BUCKETS 256u

/* One account as seen by one group: lives while it is watched or has something to tell. */
struct watched {
    struct watched *next; /* in its bucket */
    int64_t account_id;
    uint32_t watches;
    bool pending;
    struct store_event event;
};

struct group {
    struct group *next;
    uint32_t number;
    void (*ring)(void *owner);
    void *owner;
    struct watched *buckets[BUCKETS];
    size_t pending;
    size_t scan; /* the bucket to look at next, so that no account starves */
};

/* `ring` runs under mu: that is what makes events_group_remove final. It only wakes the event loop,
 * which takes no lock of ours. */
struct store_events {
    pthread_mutex_t mu; /* guards all below */
    struct group *groups;
};

struct store_events *events_new(void)
{
    struct store_events *e = calloc(1, sizeof(*e));

    if (e)
        pthread_mutex_init(&e->mu, NULL);
    return e;
}

static void group_free(struct group *g)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        while (g->buckets[i]) {
            struct watched *w = g->buckets[i];

            g->buckets[i] = w->next;
            free(w);
        }
    }
    free(g);
}

void events_free(struct store_events *e)
{
    if (!e)
        return;
    while (e->groups) {
        struct group *g = e->groups;

        e->groups = g->next;
        group_free(g);
    }
    pthread_mutex_destroy(&e->mu);
    free(e);
}

static struct group *group_find(struct store_events *e, uint32_t number)
{
    struct group *g = e->groups;

    while (g && g->number != number)
        g = g->next;
    return g;
}

static struct watched **watched_find(struct group *g, int64_t account_id)
{
    struct watched **link = &g->buckets[(uint64_t)account_id % BUCKETS];

    while (*link && (*link)->account_id != account_id)
        link = &(*link)->next;
    return link;
}

/* The account's entry, made when there is none; NULL: out of memory. */
static struct watched *watched_get(struct group *g, int64_t account_id)
{
    struct watched **link = watched_find(g, account_id);

    if (!*link) {
        *link = calloc(1, sizeof(**link));
        if (*link)
            (*link)->account_id = account_id;
    }
    return *link;
}

static void watched_drop_unused(struct watched **link)
{
    struct watched *w = *link;

    if (w->watches > 0 || w->pending)
        return;
    *link = w->next;
    free(w);
}

static void note(struct group *g, struct watched *w, uint64_t modseq, bool ended)
{
    if (!w->pending) {
        w->pending = true;
        w->event = (struct store_event){.account_id = w->account_id};
        g->pending++;
    }
    w->event.modseq = MAX(w->event.modseq, modseq);
    w->event.session_ended |= ended;
}

int events_group_add(struct store_events *e, uint32_t group, void (*ring)(void *owner), void *owner,
                     struct err *err)
{
    struct group *g = calloc(1, sizeof(*g));

    if (!g)
        return err_set(err, ERR_NOMEM, "out of memory");
    g->number = group;
    g->ring = ring;
    g->owner = owner;
    pthread_mutex_lock(&e->mu);
    if (group_find(e, group)) {
        pthread_mutex_unlock(&e->mu);
        free(g);
        return err_set(err, ERR_EXISTS, "the group has an event channel");
    }
    g->next = e->groups;
    e->groups = g;
    pthread_mutex_unlock(&e->mu);
    return 0;
}

void events_group_remove(struct store_events *e, uint32_t group)
{
    pthread_mutex_lock(&e->mu);
    struct group **link = &e->groups;

    while (*link && (*link)->number != group)
        link = &(*link)->next;
    struct group *g = *link;

    if (g)
        *link = g->next;
    pthread_mutex_unlock(&e->mu);
    if (g)
        group_free(g);
}

bool events_watch(struct store_events *e, uint32_t group, int64_t account_id)
{
    pthread_mutex_lock(&e->mu);
    struct group *g = group_find(e, group);
    struct watched *w = g ? watched_get(g, account_id) : NULL;

    if (w)
        w->watches++;
    pthread_mutex_unlock(&e->mu);
    return w != NULL;
}

void events_unwatch(struct store_events *e, uint32_t group, int64_t account_id, uint32_t times)
{
    pthread_mutex_lock(&e->mu);
    struct group *g = group_find(e, group);
    struct watched **link = g ? watched_find(g, account_id) : NULL;

    if (link && *link) {
        (*link)->watches -= MIN((*link)->watches, times);
        watched_drop_unused(link);
    }
    pthread_mutex_unlock(&e->mu);
}

void events_publish(struct store_events *e, int64_t account_id, uint64_t modseq)
{
    pthread_mutex_lock(&e->mu);
    for (struct group *g = e->groups; g; g = g->next) {
        struct watched *w = *watched_find(g, account_id);

        if (w && w->watches > 0) {
            note(g, w, modseq, /* ended= */ false);
            g->ring(g->owner);
        }
    }
    pthread_mutex_unlock(&e->mu);
}

void events_session_ended(struct store_events *e, uint32_t group, int64_t account_id)
{
    pthread_mutex_lock(&e->mu);
    struct group *g = group_find(e, group);
    struct watched *w = g ? watched_get(g, account_id) : NULL;

    if (w) {
        note(g, w, 0, /* ended= */ true);
        g->ring(g->owner);
    }
    pthread_mutex_unlock(&e->mu);
}

bool events_take(struct store_events *e, uint32_t group, struct store_event *out)
{
    bool found = false;

    pthread_mutex_lock(&e->mu);
    struct group *g = group_find(e, group);

    for (size_t i = 0; g && g->pending > 0 && i < BUCKETS && !found; i++) {
        struct watched **link = &g->buckets[g->scan];

        while (*link && !(*link)->pending)
            link = &(*link)->next;
        if (*link) {
            *out = (*link)->event;
            (*link)->pending = false;
            g->pending--;
            watched_drop_unused(link);
            found = true;
        } else {
            g->scan = (g->scan + 1) % BUCKETS;
        }
    }
    pthread_mutex_unlock(&e->mu);
    return found;
}

void events_return(struct store_events *e, uint32_t group, const struct store_event *event)
{
    pthread_mutex_lock(&e->mu);
    struct group *g = group_find(e, group);
    struct watched *w = g ? watched_get(g, event->account_id) : NULL;

    if (w)
        note(g, w, event->modseq, event->session_ended);
    pthread_mutex_unlock(&e->mu);
}
