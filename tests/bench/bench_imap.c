/* Load on an IMAP server: each of `connections` threads logs in, selects the mailbox and, for
 * `seconds`, fetches whole messages, lists flags and headers, and sets flags.
 *
 *   bench_imap --port 2993 --tls implicit --connections 20 --seconds 10
 *
 * The mailbox has to hold messages; --messages says how many of them are used. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/secret.h"
#include "measure.h"

struct shared {
    struct options o;
    SSL_CTX *tls;
    int64_t end_ns;
    struct samples login, fetch, list, store;
};

static uint32_t some_message(const struct options *o)
{
    return 1 + (uint32_t)(random_u64() % (o->messages ? o->messages : 1));
}

static bool command(struct client *c, struct samples *samples, const char *text)
{
    int64_t start = clock_mono_ns();

    if (!client_imap(c, text))
        return false;
    samples_add(samples, start);
    return true;
}

static bool open_session(struct client *c, struct shared *s)
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
    if (!command(c, &s->login, text))
        return false;
    (void)snprintf(text, sizeof(text), "SELECT \"%s\"", o->mailbox);
    return client_imap(c, text);
}

static bool round_of_commands(struct client *c, struct shared *s)
{
    char text[128];
    uint32_t at = some_message(&s->o);

    (void)snprintf(text, sizeof(text), "FETCH %u (BODY.PEEK[])", at);
    if (!command(c, &s->fetch, text))
        return false;
    (void)snprintf(text, sizeof(text), "FETCH %u:%u (UID FLAGS ENVELOPE RFC822.SIZE)",
                   at > 50 ? at - 50 : 1, at);
    if (!command(c, &s->list, text))
        return false;
    (void)snprintf(text, sizeof(text), "STORE %u %cFLAGS (\\Flagged)", at,
                   random_u64() % 2 ? '+' : '-');
    return command(c, &s->store, text);
}

static void work(void *arg, uint32_t number)
{
    struct shared *s = arg;
    struct client *c = malloc(sizeof(*c));

    (void)number;
    if (!c || !open_session(c, s)) {
        samples_error(&s->login);
    } else {
        while (clock_mono_ns() < s->end_ns) {
            if (!round_of_commands(c, s)) {
                samples_error(&s->fetch);
                break;
            }
        }
        (void)client_imap(c, "LOGOUT");
    }
    if (c)
        client_close(c);
    free(c);
}

int main(int argc, char **argv)
{
    static struct shared s;

    options_read(argc, argv, &s.o);
    raise_descriptor_limit();
    s.tls = client_tls_new();
    if (!s.tls)
        return 1;
    samples_init(&s.login);
    samples_init(&s.fetch);
    samples_init(&s.list);
    samples_init(&s.store);
    int64_t start = clock_mono_ns();

    s.end_ns = start + (int64_t)s.o.seconds * NS_PER_S;
    bool ok = run_threads(s.o.connections, work, &s);
    double seconds = (double)(clock_mono_ns() - start) / (double)NS_PER_S;

    (void)printf("{\"bench\":\"imap\",\"connections\":%u,\"tls\":%d,\"seconds\":%.3f,",
                 s.o.connections, (int)s.o.tls, seconds);
    samples_print(&s.login, "login", seconds);
    (void)printf(",");
    samples_print(&s.fetch, "fetch_body", seconds);
    (void)printf(",");
    samples_print(&s.list, "fetch_envelopes", seconds);
    (void)printf(",");
    samples_print(&s.store, "store_flags", seconds);
    (void)printf("}\n");
    ok = ok && s.login.errors + s.fetch.errors == 0;
    samples_done(&s.login);
    samples_done(&s.fetch);
    samples_done(&s.list);
    samples_done(&s.store);
    SSL_CTX_free(s.tls);
    return ok ? 0 : 1;
}
