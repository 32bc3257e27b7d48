#include "store/workers.h"

#include <pthread.h>
#include <stdlib.h>

#define WAITING_MAX 512u

struct workers {
    pthread_mutex_t mu; /* guards the queue and stop */
    pthread_cond_t more;
    struct work *first, **last;
    unsigned waiting;
    bool stop;
    unsigned threads_n;
    pthread_t threads[];
};

static void *work_loop(void *arg)
{
    struct workers *w = arg;

    pthread_mutex_lock(&w->mu);
    for (;;) {
        while (!w->first && !w->stop)
            pthread_cond_wait(&w->more, &w->mu);
        struct work *work = w->first;

        if (!work)
            break;
        w->first = work->next;
        if (!w->first)
            w->last = &w->first;
        w->waiting--;
        pthread_mutex_unlock(&w->mu);
        work->run(work);
        pthread_mutex_lock(&w->mu);
    }
    pthread_mutex_unlock(&w->mu);
    return NULL;
}

int workers_new(unsigned threads, struct workers **out, struct err *err)
{
    struct workers *w = calloc(1, sizeof(*w) + threads * sizeof(w->threads[0]));

    if (!w)
        return err_set(err, ERR_NOMEM, "out of memory");
    pthread_mutex_init(&w->mu, NULL);
    pthread_cond_init(&w->more, NULL);
    w->last = &w->first;
    for (; w->threads_n < threads; w->threads_n++) {
        int rc = pthread_create(&w->threads[w->threads_n], NULL, work_loop, w);

        if (rc != 0) {
            workers_free(w);
            return err_errno(err, rc, "cannot start a thread");
        }
    }
    *out = w;
    return 0;
}

void workers_free(struct workers *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->mu);
    w->stop = true;
    pthread_cond_broadcast(&w->more);
    pthread_mutex_unlock(&w->mu);
    for (unsigned i = 0; i < w->threads_n; i++)
        pthread_join(w->threads[i], NULL);
    pthread_cond_destroy(&w->more);
    pthread_mutex_destroy(&w->mu);
    free(w);
}

bool workers_submit(struct workers *w, struct work *work)
{
    pthread_mutex_lock(&w->mu);
    bool room = w->waiting < WAITING_MAX;

    if (room) {
        work->next = NULL;
        *w->last = work;
        w->last = &work->next;
        w->waiting++;
        pthread_cond_signal(&w->more);
    }
    pthread_mutex_unlock(&w->mu);
    return room;
}
