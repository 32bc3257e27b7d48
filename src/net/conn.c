/* The life of a connection. Each run goes round the current phase until it has to wait:
 *
 *   STARTING --> ADMITTED --open--> SERVING <--secured-- HANDSHAKE
 *      |          ^   |               | ^                  ^
 *      +-> PROXY -+   +-immediate TLS-|-|------------------+   (CONN_TLS leads there too)
 *                                     v
 *                                 LINGERING --> end           (any failure: end at once)
 *
 * In SERVING the order is fixed: a delay, then waiting output, then what was decided (TLS,
 * closing), then shutdown, producer, wake-ups, input that is already here, the socket. So nothing
 * is read or begun while the peer still owes us the taking of an answer, and the socket is read
 * until it says that it has no more: libssl may hold octets of which epoll knows nothing.
 *
 * All deadlines are points in time that are compared when the run comes to wait; the loop's
 * deadline only makes the run happen. */
#include <stdlib.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "net/conn_private.h"
#include "net/proxy.h"
#include "net/tls_private.h"
#include "runtime/metrics.h"

/* Then others that are ready have a turn. */
#define ROUNDS_MAX 64
#define LINGER_MS 3000
#define LINGER_STOPPING_MS 1000
#define LINGER_OCTETS_MAX (1024u * 1024)
#define SLOW_MS 1000
#define SLOW_REST_MS 5000
/* Long enough for a link that stalls for a minute. */
#define RATE_WINDOW_MIN 3
#define RATE_WINDOW_MS (RATE_WINDOW_MIN * 60000)

enum step { STEP_ON, STEP_WAIT, STEP_WAIT_IN, STEP_WAIT_OUT, STEP_END };

static const struct protocol *protocol_of(const struct conn *c)
{
    return c->listener->config.protocol;
}

/* ---- making and ending ---- */

static void count_open(const struct conn *c, int n)
{
    metrics_add(c->listener->env->metrics, METRIC_CONNECTIONS_OPEN, n, protocol_of(c)->name,
                c->listener->config.name);
}

struct conn *conn_new(struct listener *l, int fd, unsigned thread, const struct addr *remote,
                      uint64_t id)
{
    struct sockaddr_storage ss = {0};
    socklen_t ss_n = sizeof(ss);
    struct conn *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->listener = l;
    atomic_fetch_add(&l->refs, 1);
    c->fd = fd;
    c->thread = thread;
    c->id = id;
    c->remote = *remote;
    c->logged_ms = conn_now_ms();
    if (getsockname(fd, (struct sockaddr *)&ss, &ss_n) == 0)
        c->local = addr_of_sockaddr(&ss);
    arena_init(&c->arena, CONN_ARENA_MAX);
    count_open(c, 1);
    return c;
}

static void release_session(struct conn *c)
{
    if (c->session)
        protocol_of(c)->close(c, TAKE_PTR(c->session));
    conn_input_drop(c);
    conn_output_drop(c);
    arena_done(&c->arena);
}

static void release_tls(struct conn *c)
{
    SSL_free(c->ssl);
    c->ssl = NULL;
}

void conn_free(struct conn *c)
{
    if (!c)
        return;
    release_session(c);
    release_tls(c);
    if (c->counted)
        limiter_sub(c->listener->config.open, &c->remote, 1);
    count_open(c, -1);
    conn_log_end(c);
    listener_unref(c->listener);
    free(c->user);
    free(c);
}

static enum step end_because(struct conn *c, const char *why)
{
    c->end = why;
    return STEP_END;
}

/* ---- what the protocol asked for ---- */

/* After every call into the protocol. */
static enum step obey(struct conn *c, enum conn_next next)
{
    arena_reset(&c->arena);
    c->now_ms = conn_now_ms();
    switch (next) {
    case CONN_MORE:
        break;
    case CONN_AGAIN:
        c->fresh = c->in_n > 0;
        break;
    case CONN_TLS:
        c->then = CONN_THEN_TLS;
        break;
    case CONN_CLOSE:
        c->then = CONN_THEN_CLOSE;
        break;
    case CONN_ABORT:
        return STEP_END;
    }
    return STEP_ON;
}

/* The same when the peer is not to be blamed for the time that has passed. */
static enum step obey_anew(struct conn *c, enum conn_next next)
{
    enum step step = obey(c, next);

    c->quiet_ms = c->now_ms;
    return step;
}

/* From now on the connection is the one of whom the proxy speaks. */
static enum step admit_proxied(struct conn *c, const struct proxy_header *h)
{
    const struct listener_config *config = &c->listener->config;
    char text[ADDR_TEXT_MAX];

    if (h->known) {
        c->remote = h->source;
        c->local = h->destination;
        conn_log(c, LOG_INFO, "connection through a proxy",
                 LOG_STR("remote", addr_ip_text(&c->remote, text)));
    }
    const char *why = listener_admit(c->listener, &c->remote);

    c->counted = !why && config->open;
    c->phase = CONN_ADMITTED;
    if (!why)
        return STEP_ON;
    listener_count_refusal(c->listener, why);
    if (config->tls_immediate)
        return end_because(c, "over a limit");
    c->end = "over a limit";
    conn_write(c, config->refusal);
    c->phase = CONN_SERVING;
    c->then = CONN_THEN_CLOSE;
    return STEP_ON;
}

static enum step open_session(struct conn *c)
{
    c->phase = CONN_SERVING;
    c->session = protocol_of(c)->open(c, c->listener->config.service);
    return obey_anew(c, c->session ? CONN_MORE : CONN_CLOSE);
}

static enum step begin_handshake(struct conn *c)
{
    c->then = CONN_THEN_SERVE;
    if (!c->listener->config.tls || c->ssl || !conn_io_start_tls(c))
        return end_because(c, "no TLS");
    c->phase = CONN_HANDSHAKE;
    c->until_ms = c->now_ms + (int64_t)c->listener->config.handshake_timeout_s * 1000;
    return STEP_ON;
}

/* Closing with unread input would make the kernel reset the connection, and the peer could lose our
 * last words. So our side is closed first, and what still comes is thrown away for a while. Session
 * and TLS are given back before. */
static enum step begin_linger(struct conn *c)
{
    conn_io_shutdown(c);
    release_session(c);
    release_tls(c);
    c->phase = CONN_LINGERING;
    c->until_ms = c->now_ms + (c->stopping ? LINGER_STOPPING_MS : LINGER_MS);
    return STEP_ON;
}

/* ---- the phases ---- */

/* A second of slow mode. */
static enum step rest(struct conn *c)
{
    c->slow_until_ms = c->now_ms + SLOW_MS;
    c->delayed = true;
    c->wake_at_ms = c->slow_until_ms;
    return STEP_WAIT;
}

static enum step wait_for(struct conn *c, enum io_result result, int64_t wake_at_ms)
{
    c->wake_at_ms = wake_at_ms;
    return result == IO_WANT_WRITE ? STEP_WAIT_OUT : STEP_WAIT_IN;
}

static bool is_want(enum io_result result)
{
    return result == IO_WANT_READ || result == IO_WANT_WRITE;
}

/* Who asks for TLS and begins it; the classes of failures are those of conn_io_handshake. */
static void count_starttls(struct conn *c)
{
    if (!c->session || c->started)
        return;
    c->started = true;
    metrics_add(c->listener->env->metrics, METRIC_STARTTLS, 1, c->listener->config.name);
}

/* Everything is read before it is understood, but nothing that comes behind the header. */
static enum step read_proxy(struct conn *c)
{
    struct proxy_header h;
    size_t missing;
    struct err err;

    if (proxy_parse(slice_of(c->in + c->in_at, c->in_n), &h, &missing, &err) < 0) {
        listener_count_refusal(c->listener, "proxy");
        return end_because(c, err.text[0] ? "bad PROXY header" : NULL);
    }
    if (missing > 0) {
        enum io_result result = conn_io_read_some(c, missing);

        if (result == IO_OK)
            return STEP_ON;
        if (!is_want(result))
            return STEP_END; /* proxies look whether we are there */
        if (c->now_ms >= c->until_ms || c->stopping)
            return end_because(c, "no PROXY header");
        return wait_for(c, result, c->until_ms);
    }
    conn_input_drop(c);
    return admit_proxied(c, &h);
}

static enum step handshake(struct conn *c)
{
    count_starttls(c);
    enum io_result result = conn_io_handshake(c);

    if (is_want(result) && c->now_ms < c->until_ms && !c->stopping)
        return wait_for(c, result, c->until_ms);
    if (is_want(result)) {
        tls_client_failed(c, /* lost= */ true);
        return end_because(c, "no handshake in time");
    }
    /* The alert that says why is to arrive. */
    if (result != IO_OK) {
        c->end = "handshake failed";
        return begin_linger(c);
    }
    if (!c->session)
        return open_session(c);
    c->phase = CONN_SERVING;
    return obey_anew(c, protocol_of(c)->secured(c, c->session));
}

static enum step linger(struct conn *c)
{
    enum io_result result = conn_io_discard(c);

    if (result == IO_OK && c->lingered < LINGER_OCTETS_MAX)
        return STEP_ON;
    if (!is_want(result) || c->now_ms >= c->until_ms)
        return STEP_END;
    return wait_for(c, result, c->until_ms);
}

/* The deadline is one for all that waits, and the last of it goes out in one piece. */
static enum step flush_slowly(struct conn *c, bool *whole_out)
{
    int64_t timeout_ms = (int64_t)c->listener->config.write_timeout_s * 1000;

    if (c->write_until_ms == 0) {
        c->write_until_ms = c->now_ms + timeout_ms;
        c->write_mark = c->out_n;
    }
    *whole_out = c->write_until_ms - c->now_ms < SLOW_REST_MS;
    if (*whole_out)
        return STEP_ON;
    enum io_result result = conn_io_flush_octet(c);

    if (is_want(result))
        return wait_for(c, result, c->write_until_ms);
    if (result != IO_OK)
        return end_because(c, "peer went away");
    if (c->out_n == 0) {
        c->write_until_ms = 0;
        return STEP_ON;
    }
    return rest(c);
}

static enum step flush(struct conn *c)
{
    bool whole = true;

    if (c->slow && !c->stopping) {
        enum step step = flush_slowly(c, &whole);

        if (!whole)
            return step;
    }
    enum io_result result = conn_io_flush(c);

    if (result == IO_OK) {
        c->write_until_ms = 0;
        return STEP_ON;
    }
    /* A long answer may take long, as long as it moves. */
    if (c->write_until_ms == 0 || c->out_n + CONN_OUTPUT_HIGH <= c->write_mark) {
        c->write_until_ms = c->now_ms + (int64_t)c->listener->config.write_timeout_s * 1000;
        c->write_mark = c->out_n;
    }
    if (!is_want(result))
        return end_because(c, "peer went away");
    if (c->now_ms >= c->write_until_ms)
        return end_because(c, "peer takes no output");
    return wait_for(c, result, c->write_until_ms);
}

static enum step produce(struct conn *c)
{
    enum conn_next next = protocol_of(c)->produce(c, c->session);

    if (next == CONN_AGAIN)
        return obey_anew(c, CONN_MORE);
    c->producing = false;
    return obey_anew(c, next == CONN_MORE ? CONN_AGAIN : next);
}

static enum step offer(struct conn *c)
{
    size_t used = 0;

    c->fresh = false;
    enum conn_next next =
        protocol_of(c)->input(c, c->session, slice_of(c->in + c->in_at, c->in_n), &used);

    if (used > c->in_n)
        abort();
    conn_input_consume(c, used);
    /* RFC 3207 4.2: what came in plain text behind the command must not count as said over TLS. */
    if (next == CONN_TLS && c->in_n > 0) {
        log_event(c->listener->env->log, LOG_INFO, protocol_of(c)->name, c->id,
                  "plain text behind STARTTLS, connection ended");
        return STEP_END;
    }
    if (next == CONN_MORE && c->in_n == CONN_INPUT_MAX && !c->producing)
        return end_because(c, "input too long");
    return obey_anew(c, next);
}

/* Whether the peer had its time; otherwise until when it has. */
static bool is_expired(struct conn *c, int64_t *until_out)
{
    int64_t until = c->timeout_s ? c->quiet_ms + (int64_t)c->timeout_s * 1000 : 0;

    if (until && c->now_ms >= until)
        return true;
    if (c->rate_min && c->rate_waited_ms >= RATE_WINDOW_MS) {
        if (c->rate_octets < c->rate_min * (uint64_t)RATE_WINDOW_MIN)
            return true;
        c->rate_octets = c->rate_waited_ms = 0;
    }
    if (c->rate_min) {
        int64_t window_end = c->now_ms + RATE_WINDOW_MS - c->rate_waited_ms;

        until = until ? MIN(until, window_end) : window_end;
        c->wait_from_ms = c->now_ms;
    }
    *until_out = until;
    return false;
}

static enum step receive(struct conn *c)
{
    if (c->slow && !c->rested && !c->stopping) {
        c->rested = true;
        return rest(c);
    }
    uint32_t before = c->in_n;
    enum io_result result = conn_io_read(c);
    int64_t until = 0;

    if (result == IO_OK) {
        c->fresh = true;
        c->rested = false;
        c->quiet_ms = c->now_ms;
        c->rate_octets += c->in_n - before;
        return STEP_ON;
    }
    if (!is_want(result))
        return STEP_END;
    if (is_expired(c, &until)) {
        c->rate_octets = c->rate_waited_ms = 0;
        c->end = "timeout";
        return obey_anew(c, protocol_of(c)->timeout(c, c->session));
    }
    return wait_for(c, result, until);
}

static enum step serve(struct conn *c)
{
    if (c->delay_until_ms > c->now_ms && !c->stopping) {
        c->delayed = true;
        c->wake_at_ms = c->delay_until_ms;
        return STEP_WAIT;
    }
    if (c->slow_until_ms > c->now_ms && c->slow && !c->stopping) {
        c->delayed = true;
        c->wake_at_ms = c->slow_until_ms;
        return STEP_WAIT;
    }
    c->delay_until_ms = c->slow_until_ms = 0;
    if (c->out_n > 0)
        return flush(c);
    if (c->then == CONN_THEN_TLS)
        return begin_handshake(c);
    if (c->then == CONN_THEN_CLOSE)
        return begin_linger(c);
    if (c->producing)
        return produce(c);
    if (c->stopping && !c->stop_told) {
        c->stop_told = true;
        return obey_anew(c, protocol_of(c)->stopping(c, c->session));
    }
    if (c->wakes) {
        unsigned wakes = c->wakes;

        c->wakes = 0;
        return obey(c, protocol_of(c)->wake(c, c->session, wakes));
    }
    return c->fresh ? offer(c) : receive(c);
}

static enum step go_on(struct conn *c)
{
    if (c->broken)
        return STEP_END;
    switch ((enum conn_phase)c->phase) {
    case CONN_STARTING:
        c->phase = c->listener->config.proxies_n > 0 ? CONN_PROXY : CONN_ADMITTED;
        c->until_ms = c->now_ms + (int64_t)c->listener->config.handshake_timeout_s * 1000;
        return STEP_ON;
    case CONN_PROXY:
        return read_proxy(c);
    case CONN_ADMITTED:
        return c->listener->config.tls_immediate ? begin_handshake(c) : open_session(c);
    case CONN_HANDSHAKE:
        return handshake(c);
    case CONN_SERVING:
        return serve(c);
    case CONN_LINGERING:
        return linger(c);
    }
    return STEP_END;
}

/* ---- the loop's side ---- */

/* False: the peer is gone. */
static bool begin_run(struct conn *c, unsigned events, unsigned thread)
{
    bool was_delayed = c->delayed;

    c->thread = thread;
    c->now_ms = conn_now_ms();
    c->delayed = false;
    if (c->wait_from_ms)
        c->rate_waited_ms += (uint32_t)(c->now_ms - c->wait_from_ms);
    c->wait_from_ms = 0;
    if (events & LOOP_STOP)
        c->stopping = true;
    c->wakes |= events / LOOP_WAKE;
    /* In a delay nothing else is asked for, so this cannot be a mere end of input, and it would
     * come again and again. */
    return !(was_delayed && events & LOOP_HUP);
}

static enum loop_next park_conn(struct conn *c, enum step step, struct loop_park *park)
{
    int64_t left_ms = c->wake_at_ms - c->now_ms;

    if (c->in_n == 0)
        conn_input_drop(c);
    arena_trim(&c->arena);
    if (step == STEP_WAIT_IN)
        park->interest = LOOP_IN;
    else if (step == STEP_WAIT_OUT)
        park->interest = LOOP_OUT;
    if (c->wake_at_ms)
        park->deadline_s = left_ms > 0 ? (uint32_t)((left_ms + 999) / 1000) : 1;
    return LOOP_PARK;
}

enum loop_next conn_run(void *owner, unsigned events, unsigned thread, struct loop_park *park)
{
    struct conn *c = owner;
    enum step step = begin_run(c, events, thread) ? STEP_ON : STEP_END;

    for (unsigned round = 0; step == STEP_ON && round < ROUNDS_MAX; round++)
        step = go_on(c);
    if (step == STEP_ON)
        return LOOP_AGAIN;
    if (step != STEP_END)
        return park_conn(c, step, park);
    conn_free(c);
    return LOOP_CLOSE;
}
