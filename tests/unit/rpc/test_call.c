/* The store protocol's ends: bounds of decoding, a call over a real channel, a store that
 * misbehaves. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "rpc/call.h"

static int decode(const ProtobufCMessageDescriptor *type, struct slice record, struct arena *a)
{
    ProtobufCMessage *m;
    struct err err;

    return rpc_decode(type, record, a, &m, &err);
}

static void test_encode_then_decode_is_identity(void **state)
{
    Gw__Request req = GW__REQUEST__INIT;
    Gw__MailboxOpen open = GW__MAILBOX_OPEN__INIT;
    static uint8_t buf[CHANNEL_RECORD_MAX];
    ProtobufCMessage *m;
    struct arena a;
    struct err err;
    size_t n;

    (void)state;
    arena_init(&a, 1 << 20);
    req.id = 7;
    req.session = UINT64_MAX;
    req.call_case = GW__REQUEST__CALL_MAILBOX_OPEN;
    req.mailbox_open = &open;
    open.name = rpc_bytes(SLICE("In\0box"));
    assert_int_equal(rpc_encode(&req.base, buf, &n, &err), 0);
    assert_int_equal(rpc_decode(&gw__request__descriptor, slice_of(buf, n), &a, &m, &err), 0);
    const Gw__Request *back = (Gw__Request *)m;

    assert_int_equal(back->id, 7);
    assert_true(back->session == UINT64_MAX);
    assert_int_equal(back->call_case, GW__REQUEST__CALL_MAILBOX_OPEN);
    assert_true(slice_eq(rpc_slice(back->mailbox_open->name), SLICE("In\0box")));
    arena_done(&a);
}

static void test_encode_refuses_what_does_not_fit(void **state)
{
    static uint8_t octets[CHANNEL_RECORD_MAX], buf[CHANNEL_RECORD_MAX];
    Gw__Recipient r = GW__RECIPIENT__INIT;
    struct err err;
    size_t n;

    (void)state;
    /* Tag and three octets of length stand before the value. */
    r.prefix = rpc_bytes(slice_of(octets, sizeof(octets) - 4));
    assert_int_equal(rpc_encode(&r.base, buf, &n, &err), 0);
    assert_int_equal(n, CHANNEL_RECORD_MAX);
    r.prefix.len++;
    assert_int_equal(rpc_encode(&r.base, buf, &n, &err), -ERR_LIMIT);
    r.prefix.len = 0;
    assert_int_equal(rpc_encode(&r.base, buf, &n, &err), -ERR_LIMIT);
}

static void test_decode_refuses(void **state)
{
    static const struct {
        const char *name;
        struct slice record;
        int rc;
    } rows[] = {
        {"truncated varint", SLICE_INIT("\x08\xff"), -ERR_SYNTAX},
        {"length past the end", SLICE_INIT("\xfa\x01\x05\x0a"), -ERR_SYNTAX},
        {"unknown field at the top", SLICE_INIT("\x08\x01\xf8\x07\x01"), -ERR_SYNTAX},
        {"unknown field inside a call", SLICE_INIT("\xfa\x01\x03\xf8\x07\x01"), -ERR_SYNTAX},
        {"enum value without a name", SLICE_INIT("\xea\x02\x02\x18\x63"), -ERR_SYNTAX},
        {"enum value with a name", SLICE_INIT("\xea\x02\x02\x18\x02"), 0},
        {"a call", SLICE_INIT("\x08\x01\xfa\x01\x02\x10\x05"), 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        /* An exact copy on the heap: the sanitizer sees a read behind it. */
        _cleanup_free_ uint8_t *copy = malloc(rows[i].record.n);
        struct arena a;

        memcpy(copy, rows[i].record.p, rows[i].record.n);
        arena_init(&a, 1 << 20);
        int rc = decode(&gw__request__descriptor, slice_of(copy, rows[i].record.n), &a);

        if (rc != rows[i].rc)
            fail_msg("%s: %d, expected %d", rows[i].name, rc, rows[i].rc);
        arena_done(&a);
    }
}

/* 64 KiB of empty rows decode to megabytes: the arena's cap ends that. */
static void test_decode_bounds_memory(void **state)
{
    static uint8_t record[CHANNEL_RECORD_MAX];
    struct arena a;

    (void)state;
    for (size_t i = 0; i + 1 < sizeof(record); i += 2)
        record[i] = 0x0a;
    arena_init(&a, 64 << 20);
    assert_int_equal(decode(&gw__messages__descriptor, slice_of(record, sizeof(record)), &a),
                     -ERR_LIMIT);
    assert_true(a.used <= RPC_DECODE_MAX);
    assert_int_equal(a.max, 64 << 20);
    arena_done(&a);
}

/* The other end of a channel for one request: answers with the octets given. */
struct peer {
    int fd;
    uint64_t id_shift;
    struct slice raw; /* sent instead of a proper response when not empty */
    bool hang_up;
};

static void *answer_one(void *arg)
{
    const struct peer *p = arg;
    static uint8_t buf[CHANNEL_RECORD_MAX];
    struct channel_record record;
    ProtobufCMessage *m;
    struct arena a;
    struct err err;
    size_t n;

    if (channel_receive(p->fd, buf, &record, -1, &err) < 0)
        return NULL;
    channel_record_done(&record);
    arena_init(&a, 1 << 20);
    if (!p->hang_up && p->raw.n) {
        assert_int_equal(channel_send(p->fd, p->raw, NULL, 0, true, &err), 0);
    } else if (!p->hang_up) {
        Gw__Response response = GW__RESPONSE__INIT;
        Gw__Error error = GW__ERROR__INIT;

        assert_int_equal(
            rpc_decode(&gw__request__descriptor, slice_of(buf, record.n), &a, &m, &err), 0);
        response.id = ((Gw__Request *)m)->id + p->id_shift;
        response.result_case = GW__RESPONSE__RESULT_ERROR;
        response.error = &error;
        error.kind = ERR_QUOTA;
        error.text = rpc_bytes(SLICE("account full"));
        assert_int_equal(rpc_encode(&response.base, buf, &n, &err), 0);
        assert_int_equal(channel_send(p->fd, slice_of(buf, n), NULL, 0, true, &err), 0);
    }
    arena_done(&a);
    (void)close(p->fd);
    return NULL;
}

static void test_call(void **state)
{
    static const struct {
        const char *name;
        struct peer peer;
        int rc;
        bool alive;
    } rows[] = {
        {"an error of the store", {.raw = {NULL, 0}}, -ERR_QUOTA, true},
        {"an answer to something else", {.id_shift = 1}, -ERR_UNAVAILABLE, false},
        {"an answer that is none", {.raw = SLICE_INIT("\xff\xff")}, -ERR_UNAVAILABLE, false},
        {"no answer", {.hang_up = true}, -ERR_UNAVAILABLE, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct peer peer = rows[i].peer;
        Gw__Request req = GW__REQUEST__INIT;
        Gw__SessionEnd end = GW__SESSION_END__INIT;
        const Gw__Response *response;
        pthread_t thread;
        struct arena a;
        struct err err;
        int fds[2];

        assert_int_equal(channel_pair(fds, &err), 0);
        peer.fd = fds[1];
        assert_int_equal(pthread_create(&thread, NULL, answer_one, &peer), 0);
        struct rpc_client *c = rpc_client_channel(fds[0]);

        arena_init(&a, 1 << 20);
        req.call_case = GW__REQUEST__CALL_SESSION_END;
        req.session_end = &end;
        int rc = rpc_call(c, &req, NULL, 0, &a, &response, NULL, &err);

        if (rc != rows[i].rc || rpc_client_alive(c) != rows[i].alive)
            fail_msg("%s: %d alive %d", rows[i].name, rc, rpc_client_alive(c));
        if (rc == -ERR_QUOTA)
            assert_string_equal(err.text, "account full");
        pthread_join(thread, NULL);
        /* Whatever came before, the next call on a dead channel fails at once. */
        assert_int_equal(rpc_call(c, &req, NULL, 0, &a, &response, NULL, &err), -ERR_UNAVAILABLE);
        rpc_client_free(c);
        arena_done(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encode_then_decode_is_identity),
        cmocka_unit_test(test_encode_refuses_what_does_not_fit),
        cmocka_unit_test(test_decode_refuses),
        cmocka_unit_test(test_decode_bounds_memory),
        cmocka_unit_test(test_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
