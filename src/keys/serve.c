#include "keys/serve.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "keys.pb-c.h"
#include "rpc/call.h"
#include "runtime/channel.h"

struct keys_serve {
    struct keyring *ring;
    struct loop *loop;
    const struct env *env;
    struct worker {
        struct arena arena;
        uint8_t buf[CHANNEL_RECORD_MAX];
    } * workers; /* one per thread */
    unsigned workers_n;
};

struct channel {
    struct keys_serve *serve;
    int fd; /* the loop's */
};

int keys_answer(struct keyring *ring, struct slice record, struct arena *a, uint8_t *buf,
                size_t *n_out, struct err *err)
{
    Gw__SignResponse response = GW__SIGN_RESPONSE__INIT;
    uint8_t signature[KEYRING_SIGNATURE_MAX];
    ProtobufCMessage *message;
    struct err refusal = {0};
    size_t n = 0;
    int rc = rpc_decode(&gw__sign_request__descriptor, record, a, &message, err);

    if (rc < 0)
        return rc;
    const Gw__SignRequest *request = (const Gw__SignRequest *)(const void *)message;

    if (keyring_sign(ring, rpc_slice(request->key), request->scheme, rpc_slice(request->octets),
                     signature, &n, &refusal) < 0) {
        response.kind = refusal.kind;
        response.text = rpc_bytes(slice_str(refusal.text));
    } else {
        response.signature = rpc_bytes(slice_of(signature, n));
    }
    return rpc_encode(&response.base, buf, n_out, err);
}

static enum loop_next channel_end(struct channel *ch, const struct err *err)
{
    if (err)
        log_err(ch->serve->env->log, LOG_WARN, "keys", 0, "channel closed", err);
    free(ch);
    return LOOP_CLOSE;
}

static enum loop_next channel_run(void *owner, unsigned events, unsigned thread,
                                  struct loop_park *park)
{
    struct channel *ch = owner;
    struct worker *w = &ch->serve->workers[thread];
    struct channel_record record;
    struct err err;
    size_t n;

    *park = (struct loop_park){.interest = LOOP_IN};
    if (events & LOOP_STOP)
        return channel_end(ch, NULL);
    if (!(events & (LOOP_IN | LOOP_HUP)))
        return LOOP_PARK;
    int rc = channel_receive(ch->fd, w->buf, &record, /* timeout_ms= */ 0, &err);

    if (rc == -ERR_TIMEOUT)
        return LOOP_PARK;
    if (rc < 0)
        return channel_end(ch, rc == -ERR_UNAVAILABLE ? NULL : &err);
    channel_record_done(&record);
    rc = keys_answer(ch->serve->ring, slice_of(w->buf, record.n), &w->arena, w->buf, &n, &err);
    arena_reset(&w->arena);
    if (rc == 0)
        rc = channel_send(ch->fd, slice_of(w->buf, n), NULL, 0, /* wait= */ false, &err);
    return rc < 0 ? channel_end(ch, &err) : LOOP_PARK;
}

int keys_serve_new(struct keyring *ring, struct loop *loop, const struct env *env,
                   struct keys_serve **out, struct err *err)
{
    struct keys_serve *s = calloc(1, sizeof(*s));

    if (!s || !(s->workers = calloc(loop_threads(loop), sizeof(*s->workers)))) {
        free(s);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    s->ring = ring;
    s->loop = loop;
    s->env = env;
    s->workers_n = loop_threads(loop);
    for (unsigned i = 0; i < s->workers_n; i++)
        arena_init(&s->workers[i].arena, RPC_DECODE_MAX);
    *out = s;
    return 0;
}

void keys_serve_free(struct keys_serve *s)
{
    if (!s)
        return;
    for (unsigned i = 0; i < s->workers_n; i++)
        arena_done(&s->workers[i].arena);
    free(s->workers);
    free(s);
}

int keys_serve_add(struct keys_serve *s, int fd, struct err *err)
{
    struct channel *ch = malloc(sizeof(*ch));

    if (!ch) {
        (void)fd_close(fd);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    *ch = (struct channel){s, fd};
    if (loop_add(s->loop, fd, channel_run, ch, &(struct loop_park){.interest = LOOP_IN}))
        return 0;
    free(ch);
    (void)fd_close(fd);
    return err_set(err, ERR_LIMIT, "too many channels");
}
