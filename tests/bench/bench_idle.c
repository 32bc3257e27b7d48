/* Connections that wait: opens `connections` IMAP connections, each with login, SELECT and IDLE,
 * says {"waiting":N} when all are open, and holds them until its standard input ends, so that
 * somebody can look at the server meanwhile.
 *
 *   bench_idle --port 2993 --tls implicit --connections 1000 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "session.h"

#define OPENERS 8

struct shared {
    struct options o;
    SSL_CTX *tls;
    struct client **waiting;
    atomic_uint next;
    struct samples open;
};

static void work(void *arg, uint32_t number)
{
    struct shared *s = arg;

    (void)number;
    for (uint32_t i = atomic_fetch_add(&s->next, 1); i < s->o.connections;
         i = atomic_fetch_add(&s->next, 1)) {
        int64_t start = clock_mono_ns();

        s->waiting[i] = calloc(1, sizeof(*s->waiting[i]));
        if (s->waiting[i] && session_imap(s->waiting[i], &s->o, s->tls) &&
            session_wait(s->waiting[i], s->o.mailbox)) {
            samples_add(&s->open, start);
            continue;
        }
        samples_error(&s->open);
    }
}

int main(int argc, char **argv)
{
    static struct shared s;

    options_read(argc, argv, &s.o);
    raise_descriptor_limit();
    s.tls = client_tls_new();
    s.waiting = calloc(s.o.connections, sizeof(struct client *));
    if (!s.tls || !s.waiting)
        return 1;
    samples_init(&s.open);
    int64_t start = clock_mono_ns();
    bool ok = run_threads(OPENERS, work, &s);
    double seconds = (double)(clock_mono_ns() - start) / (double)NS_PER_S;
    char octet;

    (void)printf("{\"waiting\":%llu}\n", (unsigned long long)s.open.count);
    (void)fflush(stdout);
    while (read(STDIN_FILENO, &octet, 1) > 0)
        ;
    (void)printf("{\"bench\":\"idle\",\"connections\":%u,", s.o.connections);
    samples_print(&s.open, "open", seconds);
    (void)printf("}\n");
    ok = ok && s.open.errors == 0;
    for (uint32_t i = 0; i < s.o.connections; i++) {
        if (s.waiting[i])
            client_close(s.waiting[i]);
        free(s.waiting[i]);
    }
    free(s.waiting);
    samples_done(&s.open);
    SSL_CTX_free(s.tls);
    return ok ? 0 : 1;
}
