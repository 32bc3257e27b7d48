#include "fake_edge.h"
#include "net/channel_binding.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"

/* One connection at a time: struct conn and struct edge are the fake itself. */
static struct fake *self(const void *p)
{
    return (struct fake *)p;
}

/* ---- the connection ---- */

uint64_t conn_id(const struct conn *c)
{
    (void)c;
    return 4711;
}

const struct addr *conn_remote(const struct conn *c)
{
    return &self(c)->remote;
}

const struct addr *conn_local(const struct conn *c)
{
    return &self(c)->local;
}

const struct env *conn_env(const struct conn *c)
{
    return &self(c)->env;
}

unsigned conn_thread(const struct conn *c)
{
    (void)c;
    return 0;
}

struct arena *conn_arena(struct conn *c)
{
    return &self(c)->arena;
}

struct conn_tls_info conn_tls(const struct conn *c)
{
    if (!self(c)->tls)
        return (struct conn_tls_info){0};
    return (struct conn_tls_info){true, 0x0304, 0x1301, "TLS1.3", "TLS_AES_128_GCM_SHA256"};
}

bool conn_client_key(const struct conn *c, struct conn_key *out)
{
    const struct fake *f = self(c);

    *out = (struct conn_key){.resumed = f->key == FAKE_KEY_REMOVED};
    return f->tls && f->key != FAKE_NO_KEY;
}

void conn_set_user(struct conn *c, struct slice user)
{
    (void)c;
    (void)user;
}

struct channel_binding conn_channel_binding(const struct conn *c)
{
    (void)c;
    return (struct channel_binding){.name = NULL};
}

bool conn_tls_available(const struct conn *c)
{
    return self(c)->tls_available;
}

void conn_write(struct conn *c, struct slice s)
{
    build_bytes(&self(c)->output, s);
}

void conn_printf(struct conn *c, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    build_vprintf(&self(c)->output, format, args);
    va_end(args);
}

size_t conn_output_pending(const struct conn *c)
{
    (void)c;
    return 0;
}

void conn_set_timeout(struct conn *c, uint32_t seconds)
{
    self(c)->timeout_s = seconds;
}

void conn_set_min_rate(struct conn *c, uint32_t bytes_per_minute)
{
    (void)c;
    (void)bytes_per_minute;
}

void conn_delay(struct conn *c, uint32_t seconds)
{
    if (seconds > self(c)->delay_s)
        self(c)->delay_s = seconds;
}

void conn_set_producer(struct conn *c)
{
    (void)c;
}

void conn_set_slow(struct conn *c, bool slow)
{
    self(c)->slow = slow;
}

bool conn_is_slow(const struct conn *c)
{
    return self(c)->slow;
}

void conn_log_write(struct conn *c, enum log_level level, const char *message,
                    const struct log_field *fields)
{
    (void)c;
    (void)level;
    (void)message;
    (void)fields;
}

struct conn_ref conn_ref(const struct conn *c)
{
    (void)c;
    return (struct conn_ref){NULL, 1};
}

void conn_wake(struct conn_ref ref, unsigned events)
{
    (void)ref;
    (void)events;
}

/* ---- the edge ---- */

const struct edge_settings *edge_settings(const struct edge *e)
{
    return &self(e)->settings;
}

const struct env *edge_env(const struct edge *e)
{
    return &self(e)->env;
}

int edge_watch(struct edge *e, struct conn *c, uint64_t session, uint64_t account, struct err *err)
{
    (void)c;
    (void)session;
    (void)account;
    (void)err;
    self(e)->watches++;
    return 0;
}

void edge_unwatch(struct edge *e, struct conn *c, uint64_t session, uint64_t account)
{
    (void)c;
    (void)session;
    (void)account;
    self(e)->watches--;
}

/* ---- the store ---- */

static Gw__Resolution__Where where_of(struct slice address)
{
    static const char *const local[] = {
        "ann@d1.example",  "bob@d1.example",        "full@d1.example", "broken@d1.example",
        "list@d1.example", "postmaster@d1.example", "postmaster"};

    for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
        if (slice_eq_nocase(address, slice_str(local[i])))
            return GW__RESOLUTION__WHERE__WHERE_LOCAL;
    if (slice_ends(address, SLICE("@d1.example")))
        return slice_starts(address, SLICE("many.")) ? GW__RESOLUTION__WHERE__WHERE_LOCAL
                                                     : GW__RESOLUTION__WHERE__WHERE_UNKNOWN;
    if (slice_ends(address, SLICE("@disabled.example")))
        return GW__RESOLUTION__WHERE__WHERE_DOMAIN_DISABLED;
    return GW__RESOLUTION__WHERE__WHERE_REMOTE;
}

static struct slice lower(struct arena *a, struct slice s)
{
    char *p = arena_str(a, s);

    for (size_t i = 0; p != NULL && i < s.n; i++)
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (char)(p[i] + 32);
    return slice_of(p, s.n);
}

static int resolve(struct fake *f, const Gw__Resolve *call, Gw__Response *response, struct err *err)
{
    struct slice address = rpc_slice(call->addresses[0]);
    Gw__Resolved *resolved = ARENA_NEW(&f->arena, Gw__Resolved);
    Gw__Resolution *one = ARENA_NEW(&f->arena, Gw__Resolution);
    Gw__Resolution **list = ARENA_NEW(&f->arena, Gw__Resolution *);

    if (slice_ends(address, SLICE("@fault.example")))
        return err_set(err, ERR_IO, "fault");
    gw__resolved__init(resolved);
    gw__resolution__init(one);
    one->where = where_of(address);
    one->canonical = rpc_bytes(lower(&f->arena, address));
    one->tls_reports = slice_eq(address, SLICE("many.tls-reports@d1.example"));
    one->own = slice_eq(rpc_slice(one->canonical), SLICE("ann@d1.example"));
    if (slice_starts(address, SLICE("blocked@")) || slice_starts(address, SLICE("moving@"))) {
        one->where = GW__RESOLUTION__WHERE__WHERE_LOCAL;
        one->refusal_code = slice_starts(address, SLICE("blocked@")) ? 550 : 421;
        one->refusal_text = rpc_bytes(SLICE("write to ann"));
    }
    *list = one;
    resolved->n_resolutions = 1;
    resolved->resolutions = list;
    response->result_case = GW__RESPONSE__RESULT_RESOLVED;
    response->resolved = resolved;
    return 0;
}

static void keep(struct builder *b, struct slice s)
{
    build_reset(b);
    build_bytes(b, s);
}

static void keep_content(struct fake *f, const Gw__Content *content, int fd)
{
    build_reset(&f->content);
    if (!content->from_spool) {
        build_bytes(&f->content, rpc_slice(content->inline_));
        return;
    }
    uint8_t *p = build_reserve(&f->content, content->spool_size);

    if (p != NULL && pread(fd, p, content->spool_size, 0) == (ssize_t)content->spool_size)
        build_advance(&f->content, content->spool_size);
}

static int deliver(struct fake *f, const Gw__Deliver *call, int fd, Gw__Response *response)
{
    Gw__Delivered *delivered = ARENA_NEW(&f->arena, Gw__Delivered);

    f->delivers++;
    gw__delivered__init(delivered);
    delivered->n_outcomes = call->n_recipients;
    delivered->outcomes = ARENA_ARRAY(&f->arena, call->n_recipients, Gw__Outcome *);
    for (size_t i = 0; i < call->n_recipients; i++) {
        struct slice address = rpc_slice(call->recipients[i]->address);
        Gw__Outcome *outcome = ARENA_NEW(&f->arena, Gw__Outcome);

        gw__outcome__init(outcome);
        if (slice_starts(address, SLICE("full@")))
            outcome->kind = ERR_QUOTA;
        else if (slice_starts(address, SLICE("broken@")))
            outcome->kind = ERR_IO;
        else if (slice_starts(address, SLICE("list@")))
            outcome->kind = ERR_DENIED;
        else
            f->stored++;
        delivered->outcomes[i] = outcome;
        keep(&f->address, address);
        keep(&f->prefix, rpc_slice(call->recipients[i]->prefix));
        keep(&f->orcpt, rpc_slice(call->recipients[i]->orcpt));
        f->notify = call->recipients[i]->notify;
    }
    keep(&f->reverse_path, rpc_slice(call->reverse_path));
    keep(&f->message_id, rpc_slice(call->content->facts->message_id));
    keep(&f->envelope, rpc_slice(call->content->facts->envelope));
    f->date_ns = call->content->facts->date_ns;
    keep_content(f, call->content, fd);
    f->origin_tls = call->origin->tls_version;
    keep(&f->origin_ip, rpc_slice(call->origin->remote_ip));
    keep(&f->origin_ehlo, rpc_slice(call->origin->ehlo));
    keep(&f->envid, rpc_slice(call->wishes->envid));
    f->wishes = *call->wishes;
    f->wishes.envid = (ProtobufCBinaryData){0, NULL};
    f->wishes.extras = NULL;
    response->result_case = GW__RESPONSE__RESULT_DELIVERED;
    response->delivered = delivered;
    return 0;
}

static void open_session(struct fake *f, Gw__Authenticated *a)
{
    a->session = 77;
    a->account = 5;
    a->address = rpc_bytes(SLICE("ann@d1.example"));
    f->sessions++;
}

static void by_key(struct fake *f, const Gw__Authenticate *call, Gw__Authenticated *a)
{
    bool external = slice_eq(rpc_slice(call->mechanism), SLICE("EXTERNAL"));

    if (f->key == FAKE_KEY_REMOVED || call->origin->fingerprint.len != 32 ||
        (call->user.len > 0 && !slice_eq(rpc_slice(call->user), SLICE("ann@d1.example")))) {
        a->result = GW__AUTHENTICATED__RESULT__RESULT_WRONG;
    } else if (f->key == FAKE_KEY) {
        open_session(f, a);
    } else if (external) {
        a->result = GW__AUTHENTICATED__RESULT__RESULT_DISABLED;
        a->disabled = rpc_bytes(SLICE("closed, ask the office"));
    } else {
        a->account = 5;
    }
}

static int authenticate(struct fake *f, const Gw__Authenticate *call, Gw__Response *response,
                        struct err *err)
{
    Gw__Authenticated *a = ARENA_NEW(&f->arena, Gw__Authenticated);

    if (a == NULL)
        return err_set(err, ERR_NOMEM, "arena");
    gw__authenticated__init(a);
    response->result_case = GW__RESPONSE__RESULT_AUTHENTICATED;
    response->authenticated = a;
    if (slice_eq(rpc_slice(call->mechanism), SLICE("tlsclientauth")) ||
        slice_eq(rpc_slice(call->mechanism), SLICE("EXTERNAL"))) {
        by_key(f, call, a);
        return 0;
    }
    if ((!slice_eq_nocase(rpc_slice(call->user), SLICE("ann@d1.example")) &&
         !slice_eq_nocase(rpc_slice(call->user), SLICE("off@d1.example"))) ||
        !slice_eq(rpc_slice(call->password), SLICE("secret"))) {
        a->result = GW__AUTHENTICATED__RESULT__RESULT_WRONG;
        return 0;
    }
    if (slice_eq_nocase(rpc_slice(call->user), SLICE("off@d1.example"))) {
        a->result = GW__AUTHENTICATED__RESULT__RESULT_DISABLED;
        a->disabled = rpc_bytes(SLICE("closed, ask the office"));
        return 0;
    }
    open_session(f, a);
    return 0;
}

static int challenge(struct fake *f, Gw__Response *response, struct err *err)
{
    Gw__LoginChallenged *c = ARENA_NEW(&f->arena, Gw__LoginChallenged);

    if (c == NULL)
        return err_set(err, ERR_NOMEM, "arena");
    gw__login_challenged__init(c);
    c->challenge = 1;
    c->text = rpc_bytes(SLICE("server+nonce"));
    c->salt = rpc_bytes(SLICE("0123456789abcdef"));
    c->iterations = 4096;
    response->result_case = GW__RESPONSE__RESULT_LOGIN_CHALLENGED;
    response->login_challenged = c;
    return 0;
}

static int spool_open(struct fake *f, Gw__Response *response, struct channel_record *fds,
                      struct err *err)
{
    if (f->spool_fails)
        return err_set(err, ERR_FULL, "disk is full");
    f->spools++;
    fds->fds_n = 1;
    fds->fds[0] = memfd_create("spool", MFD_CLOEXEC);
    response->result_case = GW__RESPONSE__RESULT_DONE;
    return fds->fds[0] >= 0 ? 0 : err_set(err, ERR_IO, "memfd");
}

int edge_call(struct edge *e, struct conn *c, Gw__Request *request, const int *fds, size_t fds_n,
              const Gw__Response **out, struct channel_record *fds_out, struct err *err)
{
    struct fake *f = self(e);
    Gw__Response *response = ARENA_NEW(&f->arena, Gw__Response);
    size_t size = gw__request__get_packed_size(request);

    (void)c;
    if (size > CHANNEL_RECORD_MAX)
        return err_set(err, ERR_LIMIT, "record of %zu octets", size);
    if (f->store_down)
        return err_set(err, ERR_UNAVAILABLE, "the mail store is away");
    if (response == NULL)
        return err_set(err, ERR_NOMEM, "arena");
    gw__response__init(response);
    *out = response;
    switch (request->call_case) {
    case GW__REQUEST__CALL_RESOLVE:
        return resolve(f, request->resolve, response, err);
    case GW__REQUEST__CALL_DELIVER:
        if (f->sending_full)
            return err_set(err, ERR_QUOTA, "too many messages in 24 hours");
        return deliver(f, request->deliver, fds_n > 0 ? fds[0] : -1, response);
    case GW__REQUEST__CALL_AUTHENTICATE:
        return authenticate(f, request->authenticate, response, err);
    case GW__REQUEST__CALL_LOGIN_CHALLENGE:
        return challenge(f, response, err);
    case GW__REQUEST__CALL_LOGIN_REPORT:
        response->result_case = GW__RESPONSE__RESULT_DONE;
        return 0;
    case GW__REQUEST__CALL_SPOOL_OPEN:
        return spool_open(f, response, fds_out, err);
    case GW__REQUEST__CALL_SESSION_END:
        f->sessions--;
        response->result_case = GW__RESPONSE__RESULT_DONE;
        return 0;
    default:
        return err_set(err, ERR_INTERNAL, "unexpected call");
    }
}

/* ---- the peer ---- */

void fake_init(struct fake *f)
{
    struct err err;

    *f = (struct fake){0};
    f->settings.hostname = SLICE("d1.example");
    f->settings.message_size_max = 1 << 20;
    f->settings.plain_auth = true;
    memcpy(f->settings.id_key, "0123456789abcdefSALTSALT", 24);
    f->settings.command_timeout_s = 300;
    f->settings.content_timeout_s = 180;
    f->settings.message_timeout_s = 1800;
    f->listener.edge = (struct edge *)f;
    f->listener.settings = &f->settings;
    f->clock.frozen_ns = INT64_C(1136239445) * NS_PER_S;
    f->log = log_new(-1, false, &f->clock);
    f->env = (struct env){.clock = &f->clock, .log = f->log};
    arena_init(&f->arena, 4 << 20);
    struct builder *const builders[] = {&f->output, &f->input,   &f->address,    &f->reverse_path,
                                        &f->prefix, &f->content, &f->message_id, &f->envelope,
                                        &f->envid,  &f->orcpt,   &f->origin_ip,  &f->origin_ehlo};

    for (size_t i = 0; i < sizeof(builders) / sizeof(builders[0]); i++)
        build_init(builders[i], 8 << 20);
    if (addr_parse_ip(SLICE("127.0.0.10"), &f->remote, &err) < 0 ||
        addr_parse_ip(SLICE("127.0.0.1"), &f->local, &err) < 0)
        abort();
}

void fake_done(struct fake *f)
{
    fake_hang_up(f);
    struct builder *const builders[] = {&f->output, &f->input,   &f->address,    &f->reverse_path,
                                        &f->prefix, &f->content, &f->message_id, &f->envelope,
                                        &f->envid,  &f->orcpt,   &f->origin_ip,  &f->origin_ehlo};

    for (size_t i = 0; i < sizeof(builders) / sizeof(builders[0]); i++)
        build_done(builders[i]);
    arena_done(&f->arena);
    log_free(f->log);
}

void fake_hang_up(struct fake *f)
{
    if (f->open)
        smtp_protocol.close((struct conn *)f, f->session);
    f->open = false;
}

static void close_it(struct fake *f, bool aborted)
{
    f->closed = true;
    f->aborted = aborted;
    fake_hang_up(f);
}

void fake_open(struct fake *f, enum edge_service service)
{
    fake_hang_up(f);
    f->listener.service = service;
    f->closed = f->aborted = false;
    build_reset(&f->output);
    build_reset(&f->input);
    f->session = smtp_protocol.open((struct conn *)f, &f->listener);
    f->open = true;
    if (f->session == NULL)
        close_it(f, false);
}

static void apply(struct fake *f, enum conn_next next)
{
    if (next == CONN_CLOSE || next == CONN_ABORT)
        close_it(f, next == CONN_ABORT);
}

static void start_tls(struct fake *f)
{
    if (f->input.n > 0) { /* plain text behind STARTTLS */
        close_it(f, true);
        return;
    }
    f->tls = true;
    apply(f, smtp_protocol.secured((struct conn *)f, f->session));
}

/* Offers the input until the session wants more of it. */
static void offer(struct fake *f)
{
    while (f->input.n > 0 && !f->closed) {
        size_t used = 0, before = f->output.n;
        /* A copy of the exact size, so that reading past the end is seen. */
        uint8_t *copy = malloc(f->input.n);

        if (copy == NULL)
            abort();
        memcpy(copy, f->input.p, f->input.n);
        enum conn_next next =
            smtp_protocol.input((struct conn *)f, f->session, slice_of(copy, f->input.n), &used);

        free(copy);
        arena_reset(&f->arena);
        if (used > f->input.n)
            abort();
        build_drop_front(&f->input, used);
        f->flushes += f->output.n > before ? 1 : 0;
        if (next == CONN_CLOSE || next == CONN_ABORT)
            close_it(f, next == CONN_ABORT);
        else if (next == CONN_TLS)
            start_tls(f);
        else if (next == CONN_MORE)
            return;
        else if (used == 0)
            abort(); /* "again" without progress would never end */
    }
}

void fake_send(struct fake *f, struct slice octets, size_t step)
{
    while (octets.n > 0 && !f->closed) {
        struct slice piece = slice_sub(octets, 0, step);

        octets = slice_from(octets, piece.n);
        build_bytes(&f->input, piece);
        if (f->input.n > CONN_INPUT_MAX)
            abort(); /* the session has to take or refuse it before */
        offer(f);
    }
}

void fake_timeout(struct fake *f)
{
    apply(f, smtp_protocol.timeout((struct conn *)f, f->session));
}

void fake_stop(struct fake *f)
{
    apply(f, smtp_protocol.stopping((struct conn *)f, f->session));
}

void fake_wake(struct fake *f, unsigned events)
{
    apply(f, smtp_protocol.wake((struct conn *)f, f->session, events));
}
