/* Load on an IMAP server: each of `connections` threads logs in, selects the mailbox and, for
 * `seconds`, goes through commands: a body, fifty envelopes, one flag; with --whole 1 also those
 * that regard the whole mailbox.
 *
 *   bench_imap --port 2993 --tls implicit --connections 16 --messages 10000 --seconds 10
 *   bench_imap --port 2993 --tls implicit --connections 1 --messages 10000 --whole 1
 *
 * The mailbox has to hold --messages messages. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/secret.h"
#include "session.h"

/* %u: the number of some message; a second one: of the message 49 after it. */
static const struct step {
    const char *name, *format;
    bool whole;
} steps[] = {
    {"fetch_body", "FETCH %u (BODY.PEEK[])", false},
    {"fetch_50_envelopes", "FETCH %u:%u (UID FLAGS ENVELOPE RFC822.SIZE)", false},
    {"store_flag", "STORE %u +FLAGS (\\Flagged)", false},
    {"remove_flag", "STORE %u -FLAGS (\\Flagged)", false},
    {"fetch_all_flags", "FETCH 1:* (FLAGS)", true},
    {"fetch_all_envelopes", "FETCH 1:* (UID FLAGS ENVELOPE RFC822.SIZE)", true},
    {"store_all_flags", "STORE 1:* +FLAGS.SILENT (\\Seen)", true},
    {"remove_all_flags", "STORE 1:* -FLAGS.SILENT (\\Seen)", true},
    {"search_flag", "SEARCH FLAGGED", true},
    {"search_subject", "SEARCH SUBJECT \"load 77\"", true},
    {"search_body", "SEARCH BODY \"nowhere-in-it\"", true},
};

#define STEPS ARRAY_SIZE(steps)
#define PAGE 50u

struct shared {
    struct options o;
    SSL_CTX *tls;
    int64_t end_ns;
    struct samples login, select, step[STEPS];
};

static uint32_t some_message(const struct options *o)
{
    return 1 + (uint32_t)(random_u64() % (o->messages > PAGE ? o->messages - PAGE + 1 : 1));
}

static bool run_step(struct client *c, const struct step *step, const struct options *o)
{
    uint32_t at = some_message(o);

    if (step->whole)
        return client_imap(c, step->format);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the table above */
#pragma GCC diagnostic ignored "-Wformat-extra-args"
    return session_command(c, step->format, at, at + PAGE - 1);
#pragma GCC diagnostic pop
}

static bool open_session(struct client *c, struct shared *s)
{
    int64_t start = clock_mono_ns();

    if (!session_imap(c, &s->o, s->tls)) {
        samples_error(&s->login);
        return false;
    }
    samples_add(&s->login, start);
    start = clock_mono_ns();
    if (!session_command(c, "SELECT \"%s\"", s->o.mailbox)) {
        samples_error(&s->select);
        return false;
    }
    samples_add(&s->select, start);
    return true;
}

/* With --whole there is time for few rounds: the first is finished in any case. */
static bool run_round(struct client *c, struct shared *s)
{
    for (size_t i = 0; i < STEPS; i++) {
        int64_t start = clock_mono_ns();

        if (steps[i].whole && !s->o.whole)
            continue;
        if (!run_step(c, &steps[i], &s->o)) {
            samples_error(&s->step[i]);
            return false;
        }
        samples_add(&s->step[i], start);
    }
    return true;
}

static void work(void *arg, uint32_t number)
{
    struct shared *s = arg;
    struct client *c = malloc(sizeof(*c));
    bool ok = c && open_session(c, s);

    (void)number;
    while (ok) {
        ok = run_round(c, s) && clock_mono_ns() < s->end_ns;
        if (ok && s->o.whole) { /* for more samples of login and SELECT */
            (void)client_imap(c, "LOGOUT");
            client_close(c);
            ok = open_session(c, s);
        }
    }
    if (c)
        client_close(c);
    free(c);
}

static bool print_all(struct shared *s, double seconds)
{
    uint64_t errors = s->login.errors + s->select.errors;

    (void)printf("{\"bench\":\"imap\",\"connections\":%u,\"tls\":%d,\"messages\":%u,"
                 "\"seconds\":%.3f,",
                 s->o.connections, (int)s->o.tls, s->o.messages, seconds);
    samples_print(&s->login, "login", seconds);
    (void)printf(",");
    samples_print(&s->select, "select", seconds);
    for (size_t i = 0; i < STEPS; i++) {
        errors += s->step[i].errors;
        if (steps[i].whole && !s->o.whole)
            continue;
        (void)printf(",");
        samples_print(&s->step[i], steps[i].name, seconds);
    }
    (void)printf("}\n");
    return errors == 0;
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
    samples_init(&s.select);
    for (size_t i = 0; i < STEPS; i++)
        samples_init(&s.step[i]);
    int64_t start = clock_mono_ns();

    s.end_ns = start + (int64_t)s.o.seconds * NS_PER_S;
    bool ok = run_threads(s.o.connections, work, &s);

    ok = print_all(&s, (double)(clock_mono_ns() - start) / (double)NS_PER_S) && ok;
    samples_done(&s.login);
    samples_done(&s.select);
    for (size_t i = 0; i < STEPS; i++)
        samples_done(&s.step[i]);
    SSL_CTX_free(s.tls);
    return ok ? 0 : 1;
}
