/* fuzz: dep_web */
/* Whole HTTP sessions over a connection and a store made of memory. The first octet says which
 * service and whether there is TLS, the second how the input is cut; the tokens of the one login
 * that there is are 22 times "A". Laws: the session makes progress or waits; what it says is whole
 * answers, each with its length; a session of the store that was begun is ended. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "edge/edge.h"
#include "net/channel_binding.h"
#include "rpc/call.h"
#include "web/web.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ARENA_MAX (4u << 20)

struct fake {
    struct env env;
    struct clock clock;
    struct edge_settings settings;
    struct edge_listener listener;
    struct arena arena;
    struct builder out;
    struct addr remote;
    bool tls, producing;
    unsigned sessions;
};

/* struct conn and struct edge are the fake itself. */
static struct fake *self(const void *p)
{
    return (struct fake *)p;
}

uint64_t conn_id(const struct conn *c)
{
    (void)c;
    return 1;
}

const struct addr *conn_remote(const struct conn *c)
{
    return &self(c)->remote;
}

const struct addr *conn_local(const struct conn *c)
{
    return &self(c)->remote;
}

const struct env *conn_env(const struct conn *c)
{
    return &self(c)->env;
}

struct arena *conn_arena(struct conn *c)
{
    return &self(c)->arena;
}

struct conn_tls_info conn_tls(const struct conn *c)
{
    return (struct conn_tls_info){self(c)->tls, 0x0304, 0x1301, "TLS1.3", "TLS_AES_128_GCM_SHA256"};
}

void conn_write(struct conn *c, struct slice s)
{
    build_bytes(&self(c)->out, s);
}

void conn_printf(struct conn *c, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    build_vprintf(&self(c)->out, format, args);
    va_end(args);
}

void conn_set_timeout(struct conn *c, uint32_t seconds)
{
    (void)c;
    (void)seconds;
}

void conn_set_min_rate(struct conn *c, uint32_t bytes_per_minute)
{
    (void)c;
    (void)bytes_per_minute;
}

void conn_delay(struct conn *c, uint32_t seconds)
{
    (void)c;
    (void)seconds;
}

void conn_set_producer(struct conn *c)
{
    self(c)->producing = true;
}

void conn_set_slow(struct conn *c, bool slow)
{
    (void)c;
    (void)slow;
}

void conn_set_user(struct conn *c, struct slice user)
{
    (void)c;
    (void)user;
}

void conn_log_write(struct conn *c, enum log_level level, const char *message,
                    const struct log_field *fields)
{
    (void)c;
    (void)level;
    (void)message;
    (void)fields;
}

struct channel_binding conn_channel_binding(const struct conn *c)
{
    (void)c;
    return (struct channel_binding){0};
}

static int admit(struct fake *f, Gw__Response *response)
{
    Gw__Authenticated *answer = ARENA_NEW(&f->arena, Gw__Authenticated);

    gw__authenticated__init(answer);
    answer->session = 7;
    answer->account_name = rpc_bytes(SLICE("ann"));
    answer->address = rpc_bytes(SLICE("ann@d1.example"));
    response->result_case = GW__RESPONSE__RESULT_AUTHENTICATED;
    response->authenticated = answer;
    f->sessions++;
    return 0;
}

static bool is_token(ProtobufCBinaryData octets)
{
    static const uint8_t zeros[16];

    return slice_eq(rpc_slice(octets), slice_of(zeros, sizeof(zeros)));
}

static int store(struct fake *f, const Gw__Request *q, Gw__Response *response, struct err *err)
{
    Gw__WebSessionOpened *opened;

    switch (q->call_case) {
    case GW__REQUEST__CALL_AUTHENTICATE:
        if (slice_eq(rpc_slice(q->authenticate->password), SLICE("secret")))
            return admit(f, response);
        response->result_case = GW__RESPONSE__RESULT_AUTHENTICATED;
        response->authenticated = ARENA_NEW(&f->arena, Gw__Authenticated);
        gw__authenticated__init(response->authenticated);
        response->authenticated->result = GW__AUTHENTICATED__RESULT__RESULT_WRONG;
        return 0;
    case GW__REQUEST__CALL_WEB_SESSION_USE:
        return is_token(q->web_session_use->token) && is_token(q->web_session_use->csrf)
                   ? admit(f, response)
                   : err_set(err, ERR_DENIED, "ended");
    case GW__REQUEST__CALL_WEB_SESSION_OPEN:
        opened = ARENA_NEW(&f->arena, Gw__WebSessionOpened);
        gw__web_session_opened__init(opened);
        opened->token = opened->csrf = rpc_bytes(SLICE("0123456789abcdef"));
        response->result_case = GW__RESPONSE__RESULT_WEB_SESSION_OPENED;
        response->web_session_opened = opened;
        return 0;
    case GW__REQUEST__CALL_SESSION_END:
        f->sessions--;
        break;
    case GW__REQUEST__CALL_PASSWORD_CHANGE:
        return err_set(err, ERR_UNAVAILABLE, "later");
    default:
        break;
    }
    response->result_case = GW__RESPONSE__RESULT_DONE;
    return 0;
}

int edge_call(struct edge *e, struct conn *c, Gw__Request *request, const int *fds, size_t fds_n,
              const Gw__Response **out, struct channel_record *fds_out, struct err *err)
{
    struct fake *f = self(e);
    Gw__Response *response = ARENA_NEW(&f->arena, Gw__Response);

    (void)c;
    (void)fds;
    (void)fds_n;
    (void)fds_out;
    gw__response__init(response);
    *out = response;
    return store(f, request, response, err);
}

/* Feeds the input as a connection does. */
static void run(struct fake *f, void *session, struct slice in, size_t step)
{
    struct conn *c = (struct conn *)f;
    size_t seen = 0, at = 0;
    enum conn_next next = CONN_AGAIN;

    while (next == CONN_AGAIN || next == CONN_MORE) {
        size_t used = 0;

        if (f->producing) {
            f->producing = web_protocol.produce(c, session) == CONN_AGAIN;
            arena_reset(&f->arena);
            continue;
        }
        if (next == CONN_MORE || at == seen) {
            if (seen == in.n)
                return;
            seen = MIN(in.n, seen + step);
        }
        next = web_protocol.input(c, session, slice_sub(in, at, seen - at), &used);
        arena_reset(&f->arena);
        at += used;
        if (next == CONN_AGAIN && used == 0)
            abort();
    }
}

static void check_output(struct slice out)
{
    while (out.n > 0) {
        size_t head = slice_find(out, SLICE("\r\n\r\n"));
        size_t at = slice_find(slice_sub(out, 0, head), SLICE("\r\nContent-Length: "));
        struct slice digits = slice_from(out, at == SIZE_MAX ? out.n : at + 18);
        uint64_t length = 0;

        if (!slice_starts(out, SLICE("HTTP/1.1 ")) || head == SIZE_MAX)
            abort();
        if (at != SIZE_MAX &&
            !num_parse(slice_sub(digits, 0, slice_find_byte(digits, '\r')), UINT32_MAX, &length))
            abort();
        out = slice_from(out, head + 4);
        /* HEAD has a length and no body; files may have been under way. */
        if (!slice_starts(out, SLICE("HTTP/1.1 ")))
            out = slice_from(out, length);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum edge_service services[] = {EDGE_HTTP, EDGE_HTTPS};
    struct fake f = {.env = {.clock = &f.clock}};

    if (size < 2)
        return 0;
    f.env.log = log_new(-1, false, NULL);
    f.tls = (data[0] & 1) != 0;
    f.settings.hostname = SLICE("d1.example");
    f.settings.plain_auth = (data[0] & 2) == 0;
    f.settings.ports[EDGE_HTTPS] = 443;
    f.listener = (struct edge_listener){
        .edge = (struct edge *)&f, .service = services[f.tls], .settings = &f.settings};
    arena_init(&f.arena, ARENA_MAX);
    build_init(&f.out, 64u << 20);
    void *session = web_protocol.open((struct conn *)&f, &f.listener);

    run(&f, session, slice_of(data + 2, size - 2), 1u + data[1]);
    web_protocol.close((struct conn *)&f, session);
    check_output(build_slice(&f.out));
    if (f.sessions != 0)
        abort();
    build_done(&f.out);
    arena_done(&f.arena);
    log_free(f.env.log);
    return 0;
}
