/* What a peer may do, and what closes its channel: rights, sessions of other processes, bad
 * records; and the same over real channels with events. */
#include "store_fixture.h"

#include <poll.h>

#include "base/num.h"
#include "runtime/channel.h"
#include "runtime/loop.h"
#include "store/request.h"
#include "store/rights.h"
#include "store/serve.h"

static void test_rights(void **state)
{
    static const struct {
        Gw__Request__CallCase call;
        enum rights_answer mx, access, admin;
    } rows[] = {
        {GW__REQUEST__CALL__NOT_SET, RIGHTS_NO, RIGHTS_NO, RIGHTS_NO},
        {GW__REQUEST__CALL_RESOLVE, RIGHTS_OPEN, RIGHTS_SESSION, RIGHTS_NO},
        {GW__REQUEST__CALL_SPOOL_OPEN, RIGHTS_OPEN, RIGHTS_OPEN, RIGHTS_NO},
        {GW__REQUEST__CALL_DELIVER, RIGHTS_OPEN, RIGHTS_SESSION, RIGHTS_NO},
        {GW__REQUEST__CALL_AUTHENTICATE, RIGHTS_NO, RIGHTS_OPEN, RIGHTS_NO},
        {GW__REQUEST__CALL_LOGIN_CHALLENGE, RIGHTS_NO, RIGHTS_OPEN, RIGHTS_NO},
        {GW__REQUEST__CALL_LOGIN_REPORT, RIGHTS_NO, RIGHTS_OPEN, RIGHTS_NO},
        {GW__REQUEST__CALL_APP_PASSWORD_EDIT, RIGHTS_NO, RIGHTS_NO, RIGHTS_OPEN},
        {GW__REQUEST__CALL_APP_PASSWORD_LIST, RIGHTS_NO, RIGHTS_NO, RIGHTS_OPEN},
        {GW__REQUEST__CALL_LOGIN_ATTEMPT_LIST, RIGHTS_NO, RIGHTS_NO, RIGHTS_OPEN},
        {GW__REQUEST__CALL_MAILBOX_OPEN, RIGHTS_NO, RIGHTS_SESSION, RIGHTS_NO},
        {GW__REQUEST__CALL_MESSAGE_READ, RIGHTS_NO, RIGHTS_SESSION, RIGHTS_NO},
        {GW__REQUEST__CALL_BODY_READ, RIGHTS_NO, RIGHTS_SESSION, RIGHTS_NO},
        {GW__REQUEST__CALL_COPY, RIGHTS_NO, RIGHTS_SESSION, RIGHTS_NO},
        {GW__REQUEST__CALL_PASSWORD_SET, RIGHTS_NO, RIGHTS_NO, RIGHTS_OPEN},
        {GW__REQUEST__CALL_ALIAS_EDIT, RIGHTS_NO, RIGHTS_NO, RIGHTS_OPEN},
        {GW__REQUEST__CALL_ACCOUNT_EDIT, RIGHTS_NO, RIGHTS_NO, RIGHTS_OPEN},
        {GW__REQUEST__CALL_WEB_SESSION_USE, RIGHTS_NO, RIGHTS_NO, RIGHTS_NO},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(rights_of(STORE_MX, rows[i].call), rows[i].mx);
        assert_int_equal(rights_of(STORE_ACCESS, rows[i].call), rows[i].access);
        assert_int_equal(rights_of(STORE_ADMIN, rows[i].call), rows[i].admin);
    }
}

static bool is_listed(const Gw__Request__CallCase *list, uint32_t call)
{
    for (; *list; list++)
        if (*list == call)
            return true;
    return false;
}

/* The call of this field of Request, with nothing in it. */
static int ask_empty(struct fixture *f, enum store_role role, const ProtobufCFieldDescriptor *field,
                     uint64_t session)
{
    const ProtobufCMessageDescriptor *type = field->descriptor;
    Gw__Request request = GW__REQUEST__INIT;
    ProtobufCMessage *message = calloc(1, type->sizeof_message);

    assert_non_null(message);
    protobuf_c_message_init(type, message);
    request.session = session;
    request.call_case = (Gw__Request__CallCase)field->id;
    memcpy((char *)&request + field->offset, &message, sizeof(message));
    int rc = fixture_ask(f, role, &request);

    free(message);
    return rc;
}

/* Every call that the protocol has, made by a role that has no session: those that are not named
 * here close the channel. */
static void test_every_call_of_a_role(void **state)
{
    static const Gw__Request__CallCase mx[] = {
        GW__REQUEST__CALL_RESOLVE, GW__REQUEST__CALL_SPOOL_OPEN, GW__REQUEST__CALL_DELIVER, 0};
    static const Gw__Request__CallCase admin[] = {
        GW__REQUEST__CALL_DOMAIN_EDIT,        GW__REQUEST__CALL_ACCOUNT_EDIT,
        GW__REQUEST__CALL_ADDRESS_EDIT,       GW__REQUEST__CALL_DIRECTORY_LIST,
        GW__REQUEST__CALL_PASSWORD_SET,       GW__REQUEST__CALL_ALIAS_EDIT,
        GW__REQUEST__CALL_DOMAIN_SET,         GW__REQUEST__CALL_ACCOUNT_SET,
        GW__REQUEST__CALL_ADDRESS_SET,        GW__REQUEST__CALL_INSTALLATION_SET,
        GW__REQUEST__CALL_APP_PASSWORD_EDIT,  GW__REQUEST__CALL_APP_PASSWORD_LIST,
        GW__REQUEST__CALL_LOGIN_ATTEMPT_LIST, GW__REQUEST__CALL_TLS_KEY_ADD,
        GW__REQUEST__CALL_TLS_KEY_LIST,       GW__REQUEST__CALL_TLS_KEY_UPDATE,
        GW__REQUEST__CALL_TLS_KEY_REMOVE,     0};
    static const Gw__Request__CallCase web[] = {GW__REQUEST__CALL_AUTHENTICATE,
                                                GW__REQUEST__CALL_WEB_SESSION_USE, 0};
    struct fixture f;

    (void)state;
    fixture_start(&f, 1);
    uint64_t session = fixture_ann(&f);

    for (unsigned i = 0; i < gw__request__descriptor.n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &gw__request__descriptor.fields[i];

        if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
            continue;
        assert_int_equal(ask_empty(&f, STORE_MX, field, session) != -ERR_DENIED,
                         is_listed(mx, field->id));
        assert_int_equal(ask_empty(&f, STORE_ADMIN, field, session) != -ERR_DENIED,
                         is_listed(admin, field->id));
        bool refused = ask_empty(&f, STORE_WEB, field, 0) == -ERR_DENIED;

        assert_int_equal(!refused, is_listed(web, field->id) ||
                                       rights_of(STORE_WEB, field->id) == RIGHTS_SESSION);
    }
    fixture_end(&f);
}

static void test_refused(void **state)
{
    struct fixture f;
    Gw__MailboxOpen open = GW__MAILBOX_OPEN__INIT;
    Gw__SpoolOpen spool = GW__SPOOL_OPEN__INIT;
    Gw__Request nothing = GW__REQUEST__INIT;
    struct err err;

    (void)state;
    fixture_start(&f, 1);
    uint64_t s = fixture_ann(&f);
    FIXTURE_REQUEST(request, MAILBOX_OPEN, mailbox_open, &open, s);
    FIXTURE_REQUEST(spool_request, SPOOL_OPEN, spool_open, &spool, 0);

    nothing.id = 1;
    open.name = fixture_text("Inbox");
    assert_int_equal(fixture_ask(&f, STORE_MX, &request), -ERR_DENIED);
    assert_int_equal(fixture_ask(&f, STORE_ACCESS, &nothing), -ERR_DENIED);
    assert_int_equal(fixture_ask_fds(&f, STORE_MX, &spool_request, &(int){dup(1)}, 1), -ERR_DENIED);
    request.session = s + 1;
    assert_int_equal(fixture_ask(&f, STORE_ACCESS, &request), ERR_DENIED);
    request.session = 0;
    assert_int_equal(fixture_ask(&f, STORE_ACCESS, &request), ERR_DENIED);
    struct store_request bad = {
        .role = STORE_MX, .record = SLICE("\xff\xff\xff"), .reply = fixture_reply, .owner = &f};

    assert_int_equal(store_handle(f.store, &bad, &err), -ERR_SYNTAX);
    /* The group ends, and with it its sessions. */
    request.session = s;
    assert_int_equal(fixture_ask(&f, STORE_ACCESS, &request), 0);
    store_group_end(f.store, FIXTURE_GROUP + 1);
    assert_int_equal(fixture_ask(&f, STORE_ACCESS, &request), 0);
    store_group_end(f.store, FIXTURE_GROUP);
    assert_int_equal(fixture_ask(&f, STORE_ACCESS, &request), ERR_DENIED);
    fixture_end(&f);
}

/* ---- over channels ---- */

struct wire {
    struct fixture f;
    struct loop *loop;
    struct serve *serve;
    struct rpc_client *client;
    int events;
};

static void wire_start(struct wire *w, uint64_t *account_out, uint64_t *session_out)
{
    int request[2], event[2];
    struct err err;

    fixture_start(&w->f, 1);
    (void)fixture_ann(&w->f);
    assert_int_equal(loop_new(&w->f.env, 2, 64, &w->loop, &err), 0);
    assert_int_equal(serve_new(w->f.store, w->loop, &w->f.env, &w->serve, &err), 0);
    assert_int_equal(channel_pair(request, &err), 0);
    assert_int_equal(channel_pair(event, &err), 0);
    assert_int_equal(
        serve_add_channels(w->serve, STORE_ACCESS, 3, (int[]){request[1], event[1]}, 2, &err), 0);
    assert_int_equal(loop_start(w->loop, &err), 0);
    w->client = rpc_client_channel(request[0]);
    w->events = event[0];
    Gw__Authenticate message = GW__AUTHENTICATE__INIT;
    FIXTURE_REQUEST(login, AUTHENTICATE, authenticate, &message, 0);
    const Gw__Response *response;

    message.mechanism = fixture_text("LOGIN");
    message.user = fixture_text("ann@example.org");
    message.password = fixture_text("correct horse");
    assert_int_equal(rpc_call(w->client, &login, NULL, 0, &w->f.arena, &response, NULL, &err), 0);
    *session_out = response->authenticated->session;
    *account_out = response->authenticated->account;
}

static void wire_end(struct wire *w)
{
    serve_stop(w->serve);
    assert_true(loop_drain(w->loop, 0, 5000));
    loop_stop(w->loop);
    serve_free(w->serve);
    loop_free(w->loop);
    rpc_client_free(w->client);
    (void)fd_close(w->events);
    fixture_end(&w->f);
}

static const Gw__Event *next_event(struct wire *w)
{
    static uint8_t buf[CHANNEL_RECORD_MAX];
    struct channel_record record;
    ProtobufCMessage *message;
    struct err err;

    assert_int_equal(channel_receive(w->events, buf, &record, 5000, &err), 0);
    assert_int_equal(
        rpc_decode(&gw__event__descriptor, slice_of(buf, record.n), &w->f.arena, &message, &err),
        0);
    return (const Gw__Event *)message;
}

static void test_channels(void **state)
{
    struct wire w;
    Gw__Watch watch = GW__WATCH__INIT;
    Gw__MailboxCreate create = GW__MAILBOX_CREATE__INIT;
    const Gw__Response *response;
    uint64_t account, session;
    char name[16];
    struct err err;

    (void)state;
    wire_start(&w, &account, &session);
    FIXTURE_REQUEST(watch_request, WATCH, watch, &watch, session);
    FIXTURE_REQUEST(create_request, MAILBOX_CREATE, mailbox_create, &create, session);

    watch.on = true;
    assert_int_equal(rpc_call(w.client, &watch_request, NULL, 0, &w.f.arena, &response, NULL, &err),
                     0);
    for (int i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof(name), "new-%d", i);
        create.name = fixture_text(name);
        assert_int_equal(
            rpc_call(w.client, &create_request, NULL, 0, &w.f.arena, &response, NULL, &err), 0);
    }
    const Gw__Event *event = next_event(&w);

    assert_int_equal(event->account, account);
    while (event->modseq < 22)
        event = next_event(&w);
    assert_false(event->session_ended);
    assert_int_equal(fixture_password(&w.f, "ann", "another one"), 0);
    event = next_event(&w);
    assert_true(event->session_ended);
    assert_int_equal(
        rpc_call(w.client, &create_request, NULL, 0, &w.f.arena, &response, NULL, &err),
        -ERR_DENIED);
    wire_end(&w);
}

static void test_bad_record_closes(void **state)
{
    struct wire w;
    struct err err;
    int pair[2], event[2];
    uint64_t account, session;
    struct pollfd p;

    (void)state;
    wire_start(&w, &account, &session);
    assert_int_equal(channel_pair(pair, &err), 0);
    assert_int_equal(channel_pair(event, &err), 0);
    assert_int_equal(serve_add_channels(w.serve, STORE_MX, 4, (int[]){pair[1], event[1]}, 2, &err),
                     0);
    assert_int_equal(channel_send(pair[0], SLICE("nonsense"), NULL, 0, true, &err), 0);
    p = (struct pollfd){.fd = pair[0], .events = POLLIN};
    assert_int_equal(poll(&p, 1, 5000), 1);
    assert_true(p.revents & POLLHUP);
    (void)fd_close(pair[0]);
    (void)fd_close(event[0]);
    wire_end(&w);
}

/* As many rows as call_page_fits lets in; the peer's decoder has to take them. */
static void check_full_page(Gw__Message *row, size_t least)
{
    static uint8_t record[CHANNEL_RECORD_MAX];
    static Gw__Message *rows[CALL_PAGE_MAX];
    Gw__Response response = GW__RESPONSE__INIT;
    Gw__Messages page = GW__MESSAGES__INIT;
    ProtobufCMessage *decoded;
    struct arena a;
    struct err err = {0};
    size_t used = 0, n;

    page.rows = rows;
    while (call_page_fits(&used, &row->base))
        rows[page.n_rows++] = row;
    assert_in_range(page.n_rows, least, ARRAY_SIZE(rows));
    response.result_case = GW__RESPONSE__RESULT_MESSAGES;
    response.messages = &page;
    assert_int_equal(rpc_encode(&response.base, record, &n, &err), 0);
    arena_init(&a, 16u << 20);
    assert_int_equal(rpc_decode(&gw__response__descriptor, slice_of(record, n), &a, &decoded, &err),
                     0);
    assert_int_equal(((Gw__Response *)decoded)->messages->n_rows, page.n_rows);
    arena_done(&a);
}

static void test_full_pages(void **state)
{
    static uint8_t octets[1000];
    Gw__Message row = GW__MESSAGE__INIT;
    ProtobufCBinaryData keywords[100];

    (void)state;
    row.uid = 1;
    check_full_page(&row, 1000);
    row.envelope = rpc_bytes(slice_of(octets, sizeof(octets)));
    check_full_page(&row, 60);
    row.envelope = rpc_bytes(SLICE(""));
    for (size_t i = 0; i < ARRAY_SIZE(keywords); i++)
        keywords[i] = rpc_bytes(SLICE("k"));
    row.keywords = keywords;
    row.n_keywords = ARRAY_SIZE(keywords);
    check_full_page(&row, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rights),
        cmocka_unit_test(test_every_call_of_a_role),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_channels),
        cmocka_unit_test(test_bad_record_closes),
        cmocka_unit_test(test_full_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
