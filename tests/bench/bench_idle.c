/* Memory of waiting connections: opens `connections` IMAP connections, each with login, SELECT and
 * IDLE, holds them for `seconds`, and reports how much the proportional set size of --pids grew for
 * each of them.
 *
 *   bench_idle --port 2993 --tls implicit --connections 1000 --pids 4711,4712 --seconds 3 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "measure.h"

#define OPENERS 8

struct shared {
    struct options o;
    SSL_CTX *tls;
    struct client **waiting;
    atomic_uint next;
    struct samples open;
};

static bool open_one(struct client *c, struct shared *s)
{
    const struct options *o = &s->o;
    char text[512];
    struct slice line;

    if (!client_open(c, o->address, o->port))
        return false;
    if (o->tls == CLIENT_IMPLICIT && !client_start_tls(c, s->tls))
        return false;
    if (!client_line(c, &line))
        return false;
    if (o->tls == CLIENT_STARTTLS && (!client_imap(c, "STARTTLS") || !client_start_tls(c, s->tls)))
        return false;
    (void)snprintf(text, sizeof(text), "LOGIN \"%s\" \"%s\"", o->user, o->password);
    if (!client_imap(c, text))
        return false;
    (void)snprintf(text, sizeof(text), "SELECT \"%s\"", o->mailbox);
    if (!client_imap(c, text) || !client_write(c, SLICE("t IDLE\r\n")))
        return false;
    do {
        if (!client_line(c, &line))
            return false;
    } while (slice_at(line, 0) != '+');
    return true;
}

static void work(void *arg, uint32_t number)
{
    struct shared *s = arg;

    (void)number;
    for (uint32_t i = atomic_fetch_add(&s->next, 1); i < s->o.connections;
         i = atomic_fetch_add(&s->next, 1)) {
        int64_t start = clock_mono_ns();

        s->waiting[i] = calloc(1, sizeof(*s->waiting[i]));
        if (s->waiting[i] && open_one(s->waiting[i], s)) {
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
    uint64_t before = pss_kib_of(s.o.pids);
    int64_t start = clock_mono_ns();
    bool ok = run_threads(OPENERS, work, &s);
    double seconds = (double)(clock_mono_ns() - start) / (double)NS_PER_S;

    (void)nanosleep(&(struct timespec){.tv_sec = s.o.seconds}, NULL);
    uint64_t after = pss_kib_of(s.o.pids);

    (void)printf(
        "{\"bench\":\"idle\",\"connections\":%u,\"pss_before_kib\":%llu,\"pss_after_kib\":%llu,"
        "\"kib_per_connection\":%.2f,",
        s.o.connections, (unsigned long long)before, (unsigned long long)after,
        ((double)after - (double)before) / s.o.connections);
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
