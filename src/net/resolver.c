/* libunbound runs a thread of its own and says through a descriptor that answers are there. One
 * thread of ours, the pump, waits for that and runs the callbacks (ub_process), which hand an
 * answer to whoever waits: not a loop thread, because when all of those wait for DNS nobody would
 * be left to take the answers.
 *
 * The questions of one call are a batch, on the heap: its caller may be gone, past its deadline,
 * when an answer comes.
 *
 *   Invariants: 1. A batch has one reference per slot whose callback is still to come, and one of
 * its caller. 2. ub_cancel succeeds only before the callback has begun, which then never comes:
 * whoever cancels drops that reference. 3. `outstanding` is the number of such references of all
 * batches. */
#include "net/resolver.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unbound.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/builder.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/num.h"

#define CLASS_IN 1
#define RCODE_NOERROR 0
#define ESCAPED_MAX (4 * DNS_NAME_MAX + 1)

struct resolver {
    struct dns dns;
    struct ub_ctx *ctx;
    int stop_fd; /* ends the pump */
    pthread_mutex_t mu;
    pthread_t pump;
    bool pumping;
    bool stopped;
    unsigned outstanding;
    unsigned patient; /* callers that wait long */
    unsigned patient_max;
    struct batch *waiting; /* whose callers wait */
};

struct slot {
    struct batch *batch;
    struct ub_result *result;
    int id;
    bool asked, done;
};

struct batch {
    struct resolver *r;
    struct batch *next, **back; /* in r->waiting; guarded by r->mu, as all that follows */
    pthread_cond_t changed;
    unsigned refs;
    unsigned missing; /* answers */
    bool impatient;   /* its caller could not wait longer: too many do */
    size_t n;
    struct slot slot[];
};

/* ---- batches; r->mu is held unless said otherwise ---- */

static struct batch *batch_new(struct resolver *r, size_t n)
{
    struct batch *b = calloc(1, sizeof(*b) + n * sizeof(b->slot[0]));
    pthread_condattr_t monotonic;

    if (b == NULL)
        return NULL;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&b->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    b->r = r;
    b->n = n;
    b->refs = 1;
    for (size_t i = 0; i < n; i++)
        b->slot[i].batch = b;
    return b;
}

static void batch_unref(struct batch *b)
{
    if (--b->refs > 0)
        return;
    for (size_t i = 0; i < b->n; i++)
        ub_resolve_free(b->slot[i].result);
    (void)pthread_cond_destroy(&b->changed);
    free(b);
}

static void batch_enter(struct batch *b)
{
    b->next = b->r->waiting;
    b->back = &b->r->waiting;
    if (b->next != NULL)
        b->next->back = &b->next;
    b->r->waiting = b;
}

static void batch_leave(struct batch *b)
{
    *b->back = b->next;
    if (b->next != NULL)
        b->next->back = b->back;
}

/* ---- the pump ---- */

/* Called by libunbound in the pump; without r->mu. */
static void on_answer(void *context, int error, struct ub_result *result)
{
    struct slot *s = context;
    struct batch *b = s->batch;
    struct resolver *r = b->r;

    (void)pthread_mutex_lock(&r->mu);
    s->result = error == 0 ? result : NULL;
    s->done = true;
    b->missing--;
    r->outstanding--;
    (void)pthread_cond_signal(&b->changed);
    batch_unref(b);
    (void)pthread_mutex_unlock(&r->mu);
}

static void *pump_main(void *owner)
{
    struct resolver *r = owner;
    struct pollfd fds[] = {{.fd = ub_fd(r->ctx), .events = POLLIN},
                           {.fd = r->stop_fd, .events = POLLIN}};

    for (;;) {
        if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
            break;
        if (fds[1].revents != 0)
            break;
        if (fds[0].revents != 0)
            (void)ub_process(r->ctx);
    }
    return NULL;
}

static bool pump_start(struct resolver *r)
{
    if (!r->pumping && !r->stopped)
        r->pumping = pthread_create(&r->pump, NULL, pump_main, r) == 0;
    return r->pumping;
}

/* ---- asking ---- */

/* For libunbound, which reads names as a zone file has them. */
static void escape(struct slice name, char text[static ESCAPED_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < name.n; i++) {
        uint8_t byte = name.p[i];

        if (byte == '.' || byte == '-' || byte == '_' || ascii_is_alnum(byte)) {
            text[n++] = (char)byte;
        } else {
            text[n++] = '\\';
            text[n++] = (char)('0' + byte / 100);
            text[n++] = (char)('0' + byte / 10 % 10);
            text[n++] = (char)('0' + byte % 10);
        }
    }
    text[n] = '\0';
}

/* One question; the slot is done at once when it cannot be asked. */
static void begin(struct slot *s, struct slice name, uint16_t type)
{
    struct batch *b = s->batch;
    struct resolver *r = b->r;
    char text[ESCAPED_MAX];

    if (r->outstanding >= RESOLVER_OUTSTANDING_MAX || !pump_start(r)) {
        s->done = true;
        return;
    }
    escape(name, text);
    b->refs++;
    b->missing++;
    r->outstanding++;
    s->asked = true;
    if (ub_resolve_async(r->ctx, text, type, CLASS_IN, s, on_answer, &s->id) == 0)
        return;
    b->refs--;
    b->missing--;
    r->outstanding--;
    s->asked = false;
    s->done = true;
}

static void withdraw(struct batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        struct slot *s = &b->slot[i];

        if (s->done || ub_cancel(b->r->ctx, s->id) != 0)
            continue;
        s->done = true;
        b->missing--;
        b->r->outstanding--;
        b->refs--; /* the caller's is left */
    }
}

/* False: the deadline came first. */
static bool wait_until(struct batch *b, int64_t deadline_ns)
{
    const struct timespec until = {.tv_sec = deadline_ns / NS_PER_S,
                                   .tv_nsec = deadline_ns % NS_PER_S};

    while (b->missing > 0 && !b->r->stopped)
        if (pthread_cond_timedwait(&b->changed, &b->r->mu, &until) == ETIMEDOUT)
            return false;
    return true;
}

static void wait_for_all(struct batch *b, int64_t deadline_ns)
{
    struct resolver *r = b->r;
    int64_t brief_ns = clock_mono_ns() + RESOLVER_BRIEF_MS * NS_PER_MS;

    if (wait_until(b, MIN(brief_ns, deadline_ns)) || deadline_ns <= brief_ns)
        return;
    b->impatient = r->patient >= r->patient_max;
    if (b->impatient)
        return;
    r->patient++;
    (void)wait_until(b, deadline_ns);
    r->patient--;
}

/* ---- answers ---- */

static void fail(struct dns_query *q, enum dns_outcome outcome, const char *reason)
{
    q->answer = (struct dns_answer){.outcome = outcome, .name = q->name, .reason = reason};
    q->rdata = NULL;
    q->rdata_n = 0;
}

static const char *rcode_text(int rcode)
{
    switch (rcode) {
    case 1:
        return "FORMERR";
    case 2:
        return "SERVFAIL";
    case 4:
        return "NOTIMP";
    case 5:
        return "REFUSED";
    default:
        return "an unexpected response code";
    }
}

/* Lower case, without the dot at the end. */
static struct slice canonical(struct arena *a, const char *name)
{
    struct slice text = slice_str(name);
    char *copy = arena_str(a, slice_sub(text, 0, text.n - (slice_ends(text, SLICE(".")) ? 1 : 0)));
    size_t n = copy != NULL ? strlen(copy) : 0;

    for (size_t i = 0; i < n; i++)
        copy[i] = (char)ascii_lower((uint8_t)copy[i]);
    return slice_of(copy, n);
}

static void take_records(struct dns_query *q, struct arena *a, const struct ub_result *result)
{
    size_t n = 0;

    while (result->data[n] != NULL)
        n++;
    q->rdata = ARENA_ARRAY(a, n, struct slice);
    for (q->rdata_n = 0; q->rdata != NULL && q->rdata_n < n; q->rdata_n++)
        q->rdata[q->rdata_n] =
            arena_copy(a, slice_of(result->data[q->rdata_n], (size_t)result->len[q->rdata_n]));
    struct slice name = result->canonname != NULL ? canonical(a, result->canonname) : q->name;

    q->answer.alias = !slice_eq_nocase(name, q->name);
    if (q->answer.alias)
        q->answer.name = name;
}

/* The order matters: a forged answer comes with its data and no error code. */
static void take(struct dns_query *q, struct arena *a, const struct ub_result *result)
{
    if (result->bogus) {
        const char *why = result->why_bogus != NULL ? result->why_bogus : "";
        const char *copy = arena_str(a, slice_str(why));

        fail(q, DNS_BOGUS, copy != NULL && copy[0] != '\0' ? copy : "fails validation");
        return;
    }
    if (!result->nxdomain && result->rcode != RCODE_NOERROR) {
        fail(q, DNS_TEMPORARY, rcode_text(result->rcode));
        return;
    }
    fail(q, result->nxdomain ? DNS_NO_NAME : result->havedata ? DNS_FOUND : DNS_NO_DATA, "");
    q->answer.authentic = result->secure;
    q->answer.ttl_s = result->ttl > 0 ? (uint32_t)result->ttl : 0;
    if (q->answer.outcome == DNS_FOUND)
        take_records(q, a, result);
}

static void take_all(const struct batch *b, struct arena *a, struct dns_query *v)
{
    for (size_t i = 0; i < b->n; i++) {
        const struct slot *s = &b->slot[i];

        if (s->result != NULL)
            take(&v[i], a, s->result);
        else if (b->r->stopped)
            fail(&v[i], DNS_TEMPORARY, "the process ends");
        else if (!s->asked)
            fail(&v[i], DNS_TEMPORARY, "too many questions at the same time");
        else
            fail(&v[i], DNS_TEMPORARY,
                 b->impatient ? "no answer at once, and too many wait" : "no answer in time");
    }
}

static struct resolver *self(struct dns *dns)
{
    return (struct resolver *)dns; /* its first member */
}

static void resolver_ask(struct dns *dns, struct arena *a, struct dns_query *v, size_t n,
                         int64_t deadline_ns)
{
    struct resolver *r = self(dns);
    struct batch *b = batch_new(r, n);

    if (b == NULL) {
        for (size_t i = 0; i < n; i++)
            fail(&v[i], DNS_TEMPORARY, "out of memory");
        return;
    }
    (void)pthread_mutex_lock(&r->mu);
    batch_enter(b);
    for (size_t i = 0; i < n; i++)
        begin(&b->slot[i], v[i].name, v[i].type);
    wait_for_all(b, deadline_ns);
    withdraw(b);
    batch_leave(b);
    take_all(b, a, v);
    batch_unref(b);
    (void)pthread_mutex_unlock(&r->mu);
}

static void resolver_prefetch(struct dns *dns, struct slice name, uint16_t type)
{
    struct resolver *r = self(dns);
    struct batch *b = batch_new(r, 1);

    if (b == NULL)
        return;
    (void)pthread_mutex_lock(&r->mu);
    begin(&b->slot[0], name, type);
    batch_unref(b);
    (void)pthread_mutex_unlock(&r->mu);
}

static void resolver_stop(struct dns *dns)
{
    struct resolver *r = self(dns);

    (void)pthread_mutex_lock(&r->mu);
    r->stopped = true;
    for (struct batch *b = r->waiting; b != NULL; b = b->next)
        (void)pthread_cond_signal(&b->changed);
    (void)pthread_mutex_unlock(&r->mu);
}

/* ---- making it ---- */

static int set_option(struct resolver *r, const char *name, const char *value, struct err *err)
{
    int rc = ub_ctx_set_option(r->ctx, name, value);

    return rc == 0 ? 0
                   : err_set(err, ERR_INTERNAL, "the resolver takes no option %s %s: %s", name,
                             value, ub_strerror(rc));
}

static int set_options(struct resolver *r, struct err *err)
{
    static const struct {
        const char *name, *value;
    } options[] = {
        /* Sizes: the library's own forget an answer at once, and give up with sixteen sockets. */
        {"outgoing-range:", "512"},
        {"num-queries-per-thread:", "1024"},
        {"msg-cache-size:", "16m"},
        {"rrset-cache-size:", "32m"},
        /* Private zones, and resolvers on this machine. */
        {"do-not-query-localhost:", "no"},
    };
    int rc = 0;

    for (size_t i = 0; i < ARRAY_SIZE(options) && rc == 0; i++)
        rc = set_option(r, options[i].name, options[i].value, err);
    return rc;
}

static int check(int result, const char *what, struct slice value, struct err *err)
{
    return result == 0 ? 0
                       : err_set(err, ERR_INVALID, "%s \"%.*s\": %s", what, SLICE_FMT(value),
                                 ub_strerror(result));
}

static int add_trust_anchors(struct resolver *r, struct slice text, struct err *err)
{
    int rc = 0;

    while (text.n > 0 && rc == 0) {
        size_t end = slice_find_byte(text, '\n');
        struct slice line = slice_sub(text, 0, end);

        line = slice_trim(slice_sub(line, 0, slice_find_byte(line, ';')));
        text = end == SIZE_MAX ? (struct slice){NULL, 0} : slice_from(text, end + 1);
        if (line.n == 0)
            continue;
        _cleanup_free_ char *record = strndup((const char *)line.p, line.n);

        rc = record == NULL ? err_set(err, ERR_NOMEM, "out of memory")
                            : check(ub_ctx_add_ta(r->ctx, record), "trust anchor", line, err);
    }
    return rc;
}

static int add_zone(struct resolver *r, struct slice text, struct err *err)
{
    size_t space = slice_find_byte(text, ' ');
    struct slice name = slice_sub(text, 0, space);
    char zone[DNS_NAME_MAX + 32], address[ADDR_TEXT_MAX + 8];

    if (space == SIZE_MAX || !dns_name_valid(name) || text.n - space >= sizeof(address))
        return err_set(err, ERR_INVALID, "not a zone and an address: \"%.*s\"", SLICE_FMT(text));
    (void)snprintf(zone, sizeof(zone), "%.*s.", SLICE_FMT(name));
    (void)snprintf(address, sizeof(address), "%.*s",
                   SLICE_FMT(slice_trim(slice_from(text, space))));
    return check(ub_ctx_set_stub(r->ctx, zone, address, 0), "zone", text, err);
}

/* The library answers some zones itself (test, invalid, the reverse zones of private addresses):
 * those that are configured are asked for after all. Its first change of a zone also makes it use
 * what it was told, so that faults show now and not with the first question. */
static int use(struct resolver *r, const struct resolver_config *config, struct err *err)
{
    int rc = check(ub_ctx_zone_add(r->ctx, "invalid.", "static"),
                   "trust anchors, resolvers and zones", SLICE("all"), err);

    for (size_t i = 0; i < config->zones_n && rc == 0; i++) {
        struct slice text = config->zones[i];
        char zone[DNS_NAME_MAX + 2];

        (void)snprintf(zone, sizeof(zone), "%.*s.",
                       SLICE_FMT(slice_sub(text, 0, slice_find_byte(text, ' '))));
        rc = check(ub_ctx_zone_remove(r->ctx, zone), "zone", text, err);
        if (rc == 0)
            rc = check(ub_ctx_zone_add(r->ctx, zone, "transparent"), "zone", text, err);
    }
    return rc;
}

static int add_forward(struct resolver *r, struct slice text, struct err *err)
{
    char address[ADDR_TEXT_MAX + 8];

    if (text.n >= sizeof(address))
        return err_set(err, ERR_INVALID, "not an address: \"%.*s\"", SLICE_FMT(text));
    (void)snprintf(address, sizeof(address), "%.*s", SLICE_FMT(text));
    return check(ub_ctx_set_fwd(r->ctx, address), "resolver", text, err);
}

static int configure(struct resolver *r, const struct resolver_config *config, struct err *err)
{
    int rc = set_options(r, err);

    if (rc == 0)
        rc = check(ub_ctx_async(r->ctx, /* dothread= */ 1), "threads", SLICE("on"), err);
    /* Otherwise it writes to standard error on its own account. */
    if (rc == 0)
        rc = check(ub_ctx_debugout(r->ctx, NULL), "log", SLICE("off"), err);
    if (rc == 0)
        rc = add_trust_anchors(r, config->trust_anchors, err);
    for (size_t i = 0; i < config->forward_to_n && rc == 0; i++)
        rc = add_forward(r, config->forward_to[i], err);
    for (size_t i = 0; i < config->zones_n && rc == 0; i++)
        rc = add_zone(r, config->zones[i], err);
    return rc == 0 ? use(r, config, err) : rc;
}

int resolver_new(const struct resolver_config *config, struct resolver **out, struct err *err)
{
    struct resolver *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    r->dns =
        (struct dns){.ask = resolver_ask, .prefetch = resolver_prefetch, .stop = resolver_stop};
    (void)pthread_mutex_init(&r->mu, NULL);
    r->patient_max = config->patient_max;
    r->stop_fd = eventfd(0, EFD_CLOEXEC);
    r->ctx = ub_ctx_create();
    int rc = r->ctx == NULL || r->stop_fd < 0
                 ? err_errno(err, r->stop_fd < 0 ? errno : ENOMEM, "cannot make the resolver")
                 : configure(r, config, err);

    if (rc < 0) {
        resolver_free(r);
        return rc;
    }
    *out = r;
    return 0;
}

struct dns *resolver_dns(struct resolver *r)
{
    return &r->dns;
}

void resolver_free(struct resolver *r)
{
    const uint64_t one = 1;

    if (r == NULL)
        return;
    resolver_stop(&r->dns);
    if (r->pumping && write(r->stop_fd, &one, sizeof(one)) == (ssize_t)sizeof(one))
        (void)pthread_join(r->pump, NULL);
    ub_ctx_delete(r->ctx);
    (void)fd_close(r->stop_fd);
    (void)pthread_mutex_destroy(&r->mu);
    free(r);
}
