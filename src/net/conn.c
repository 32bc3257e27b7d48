/* The life of a connection. Each run goes round the current phase until it has to wait:
 *
 *   STARTING --open--> SERVING <--secured-- HANDSHAKE
 *       |                | ^                  ^
 *       +--immediate TLS-|-|------------------+   (CONN_TLS leads there too)
 *                        v
 *                    LINGERING --> end           (any failure: end at once)
 *
 * In SERVING the order is fixed: a delay, then waiting output, then what was decided (TLS,
 * closing), then shutdown, producer, wake-ups, input that is already here, the socket. So nothing
 * is read or begun while the peer still owes us the taking of an answer, and the socket is read
 * until it says that it has no more: libssl may hold octets of which epoll knows nothing.
 *
 * All deadlines are points in time that are compared when the run comes to wait; the loop's
 * deadline only makes the run happen. */
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/builder.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "net/conn_private.h"

/* Then others that are ready have a turn. */
#define ROUNDS_MAX 64
#define LINGER_MS 3000
#define LINGER_STOPPING_MS 1000
#define LINGER_OCTETS_MAX (1024u * 1024)
/* Long enough for a link that stalls for a minute. */
#define RATE_WINDOW_MIN 3
#define RATE_WINDOW_MS (RATE_WINDOW_MIN * 60000)

enum step { STEP_ON, STEP_WAIT, STEP_WAIT_IN, STEP_WAIT_OUT, STEP_END };

static int64_t now_ms(void)
{
    return clock_mono_ns() / NS_PER_MS;
}

static const struct protocol *protocol_of(const struct conn *c)
{
    return c->listener->config.protocol;
}

/* ---- making and ending ---- */

struct conn *conn_new(struct listener *l, int fd, unsigned thread, const struct addr *remote)
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
    c->id = loop_unique(l->loop);
    c->remote = *remote;
    if (getsockname(fd, (struct sockaddr *)&ss, &ss_n) == 0)
        c->local = addr_of_sockaddr(&ss);
    arena_init(&c->arena, CONN_ARENA_MAX);
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
    log_event(c->listener->env->log, LOG_DEBUG, protocol_of(c)->name, c->id, "connection ended");
    listener_unref(c->listener);
    free(c);
}

/* ---- what the protocol asked for ---- */

/* After every call into the protocol. */
static enum step obey(struct conn *c, enum conn_next next)
{
    arena_reset(&c->arena);
    c->now_ms = now_ms();
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
        return STEP_END;
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

static enum step wait_for(struct conn *c, enum io_result result, int64_t wake_at_ms)
{
    c->wake_at_ms = wake_at_ms;
    return result == IO_WANT_WRITE ? STEP_WAIT_OUT : STEP_WAIT_IN;
}

static bool is_want(enum io_result result)
{
    return result == IO_WANT_READ || result == IO_WANT_WRITE;
}

static enum step handshake(struct conn *c)
{
    enum io_result result = conn_io_handshake(c);

    if (is_want(result))
        return c->now_ms >= c->until_ms || c->stopping ? STEP_END
                                                       : wait_for(c, result, c->until_ms);
    /* The alert that says why is to arrive. */
    if (result != IO_OK)
        return begin_linger(c);
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

static enum step flush(struct conn *c)
{
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
    if (!is_want(result) || c->now_ms >= c->write_until_ms)
        return STEP_END;
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
        return STEP_END;
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
    uint32_t before = c->in_n;
    enum io_result result = conn_io_read(c);
    int64_t until = 0;

    if (result == IO_OK) {
        c->fresh = true;
        c->quiet_ms = c->now_ms;
        c->rate_octets += c->in_n - before;
        return STEP_ON;
    }
    if (!is_want(result))
        return STEP_END;
    if (is_expired(c, &until)) {
        c->rate_octets = c->rate_waited_ms = 0;
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
    c->delay_until_ms = 0;
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
    c->now_ms = now_ms();
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

/* ---- for protocols ---- */

uint64_t conn_id(const struct conn *c)
{
    return c->id;
}

const struct addr *conn_remote(const struct conn *c)
{
    return &c->remote;
}

const struct addr *conn_local(const struct conn *c)
{
    return &c->local;
}

const struct env *conn_env(const struct conn *c)
{
    return c->listener->env;
}

unsigned conn_thread(const struct conn *c)
{
    return c->thread;
}

struct arena *conn_arena(struct conn *c)
{
    return &c->arena;
}

struct conn_tls_info conn_tls(const struct conn *c)
{
    struct conn_tls_info info = {.version_name = "", .cipher_name = ""};

    if (!c->ssl || !SSL_is_init_finished(c->ssl))
        return info;
    const SSL_CIPHER *cipher = SSL_get_current_cipher(c->ssl);
    const char *name = cipher ? SSL_CIPHER_standard_name(cipher) : NULL;

    info.on = true;
    info.version = (uint16_t)SSL_version(c->ssl);
    info.version_name = info.version == TLS1_3_VERSION ? "TLS1.3" : "TLS1.2";
    info.cipher = cipher ? SSL_CIPHER_get_protocol_id(cipher) : 0;
    info.cipher_name = name ? name : "";
    return info;
}

bool conn_tls_available(const struct conn *c)
{
    return c->listener->config.tls != NULL;
}

void conn_write(struct conn *c, struct slice s)
{
    conn_output_append(c, s);
    /* Long answers leave while they are made, as far as the peer takes them. Producers stop by
     * themselves, so that others have a turn. */
    if (c->out_n < CONN_OUTPUT_HIGH || c->producing || c->delay_until_ms || c->broken)
        return;
    enum io_result result = conn_io_flush(c);

    if (result == IO_FAILED || result == IO_END)
        c->broken = true;
}

void conn_printf(struct conn *c, const char *format, ...)
{
    struct builder b;
    va_list args;

    build_init(&b, CONN_OUTPUT_MAX);
    va_start(args, format);
    build_vprintf(&b, format, args);
    va_end(args);
    if (build_ok(&b))
        conn_write(c, build_slice(&b));
    else
        c->broken = true;
    build_done(&b);
}

size_t conn_output_pending(const struct conn *c)
{
    return c->out_n;
}

void conn_set_timeout(struct conn *c, uint32_t seconds)
{
    c->timeout_s = seconds;
}

void conn_set_min_rate(struct conn *c, uint32_t bytes_per_minute)
{
    if (c->rate_min != bytes_per_minute)
        c->rate_octets = c->rate_waited_ms = 0;
    c->rate_min = bytes_per_minute;
}

void conn_delay(struct conn *c, uint32_t seconds)
{
    c->delay_until_ms = now_ms() + (int64_t)seconds * 1000;
}

void conn_set_producer(struct conn *c)
{
    c->producing = true;
}

struct conn_ref conn_ref(const struct conn *c)
{
    return (struct conn_ref){c->listener->loop, c->slot};
}

void conn_wake(struct conn_ref ref, unsigned events)
{
    loop_wake(ref.loop, ref.id, (events & 0xffff) * LOOP_WAKE);
}
