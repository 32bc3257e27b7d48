/* Channels: requests are answered, whatever is none ends the channel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "keys.pb-c.h"
#include "keys/serve.h"
#include "rpc/call.h"
#include "runtime/channel.h"

struct fixture {
    struct clock clock;
    struct env env;
    struct loop *loop;
    struct keyring *ring;
    struct keys_serve *serve;
    uint8_t id[PRIVATE_KEY_ID_OCTETS];
};

static void start(struct fixture *f)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());
    struct err err;
    char *p;

    *f = (struct fixture){.ring = keyring_new()};
    f->env = (struct env){.clock = &f->clock, .log = log_new(STDERR_FILENO, false, NULL)};
    assert_int_equal(log_set_levels(f->env.log, SLICE("error"), &err), 0);
    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    long n = BIO_get_mem_data(bio, &p);

    assert_int_equal(keyring_add(f->ring, slice_of(p, (size_t)n), 0, &err), 0);
    assert_int_equal(private_key_id(key, f->id, &err), 0);
    assert_int_equal(loop_new(&f->env, 2, 16, &f->loop, &err), 0);
    assert_int_equal(keys_serve_new(f->ring, f->loop, &f->env, &f->serve, &err), 0);
    assert_int_equal(loop_start(f->loop, &err), 0);
    BIO_free(bio);
    EVP_PKEY_free(key);
}

static void stop(struct fixture *f)
{
    loop_wake_all(f->loop, LOOP_STOP);
    assert_true(loop_drain(f->loop, 0, 5000));
    loop_stop(f->loop);
    loop_free(f->loop);
    keys_serve_free(f->serve);
    keyring_free(f->ring);
    log_free(f->env.log);
}

static int open_channel(struct fixture *f)
{
    struct err err;
    int pair[2];

    assert_int_equal(channel_pair(pair, &err), 0);
    assert_int_equal(keys_serve_add(f->serve, pair[1], &err), 0);
    return pair[0];
}

/* The kind of the answer, or -1 when the channel ended. */
static int ask(int fd, struct slice record, size_t *signature_n_out)
{
    uint8_t *buf = malloc(CHANNEL_RECORD_MAX);
    struct channel_record got;
    ProtobufCMessage *message;
    struct arena a;
    struct err err;
    int kind = -1;

    arena_init(&a, RPC_DECODE_MAX);
    assert_int_equal(channel_send(fd, record, NULL, 0, /* wait= */ true, &err), 0);
    if (channel_receive(fd, buf, &got, 10000, &err) == 0) {
        assert_int_equal(
            rpc_decode(&gw__sign_response__descriptor, slice_of(buf, got.n), &a, &message, &err),
            0);
        kind = (int)((Gw__SignResponse *)(void *)message)->kind;
        *signature_n_out = ((Gw__SignResponse *)(void *)message)->signature.len;
    }
    arena_done(&a);
    free(buf);
    return kind;
}

static int ask_for(int fd, struct slice id, uint32_t scheme, struct slice octets,
                   size_t *signature_n_out)
{
    Gw__SignRequest request = GW__SIGN_REQUEST__INIT;
    uint8_t buf[4096];

    request.key = rpc_bytes(id);
    request.scheme = scheme;
    request.octets = rpc_bytes(octets);
    assert_true(protobuf_c_message_get_packed_size(&request.base) <= sizeof(buf));
    return ask(fd, slice_of(buf, protobuf_c_message_pack(&request.base, buf)), signature_n_out);
}

static const struct slice handshake =
    SLICE_INIT("                                                                "
               "TLS 1.3, server CertificateVerify\0"
               "0123456789abcdef0123456789abcdef");

static void test_requests(void **state)
{
    struct fixture f;
    size_t n = 0;

    (void)state;
    start(&f);
    _cleanup_fd_ int fd = open_channel(&f);
    struct slice id = slice_of(f.id, sizeof(f.id));

    for (int i = 0; i < 3; i++)
        assert_int_equal(ask_for(fd, id, 0x0403, handshake, &n), 0);
    assert_in_range(n, 64, 72);
    assert_int_equal(ask_for(fd, id, 0x0403, SLICE("anything"), &n), ERR_DENIED);
    assert_int_equal(n, 0);
    assert_int_equal(ask_for(fd, id, 0x0804, handshake, &n), ERR_DENIED);
    assert_int_equal(ask_for(fd, slice_sub(id, 0, 31), 0x0403, handshake, &n), ERR_NOT_FOUND);
    assert_int_equal(ask_for(fd, SLICE(""), 0x0403, handshake, &n), ERR_NOT_FOUND);
    assert_int_equal(ask_for(fd, id, 0x0403, handshake, &n), 0);
    stop(&f);
}

static void test_not_requests(void **state)
{
    static const struct slice rows[] = {
        SLICE_INIT("\xff\xff\xff"),  /* no protocol buffer */
        SLICE_INIT("\x0a\x7fshort"), /* cut off */
        SLICE_INIT("\x22\x01x"),     /* an unknown field */
    };
    struct fixture f;
    size_t n;

    (void)state;
    start(&f);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_fd_ int fd = open_channel(&f), other = open_channel(&f);

        assert_int_equal(ask(fd, rows[i], &n), -1);
        assert_int_equal(ask_for(other, slice_of(f.id, sizeof(f.id)), 0x0403, handshake, &n), 0);
    }
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_not_requests),
    };

    private_key_memory();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
