/* Decoding is the generated code's, inside bounds of ours: an arena with a cap (a record of 64 KiB
 * can ask for megabytes of empty rows), no unknown fields, no enum value outside its definition. */
#include "rpc/call.h"

#include <stdlib.h>

#include "base/cleanup.h"

/* A store that has not answered by then is stuck; the channel is given up. */
#define RPC_ANSWER_TIMEOUT_S 60

int rpc_encode(const ProtobufCMessage *message, uint8_t *buf, size_t *n_out, struct err *err)
{
    size_t n = protobuf_c_message_get_packed_size(message);

    if (n == 0 || n > CHANNEL_RECORD_MAX)
        return err_set(err, ERR_LIMIT, "a record of %zu octets does not fit the channel", n);
    *n_out = protobuf_c_message_pack(message, buf);
    return 0;
}

static void *arena_alloc_for_protobuf(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void arena_free_for_protobuf(void *arena, void *p)
{
    (void)arena;
    (void)p;
}

static bool message_is_clean(const ProtobufCMessage *m);

static bool value_is_clean(const ProtobufCFieldDescriptor *field, const void *value)
{
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        const ProtobufCMessage *sub;

        memcpy(&sub, value, sizeof(sub));
        return sub == NULL || message_is_clean(sub);
    }
    if (field->type == PROTOBUF_C_TYPE_ENUM) {
        int number;

        memcpy(&number, value, sizeof(number));
        return protobuf_c_enum_descriptor_get_value(field->descriptor, number) != NULL;
    }
    return true;
}

static bool field_is_clean(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *field)
{
    const uint8_t *base = (const uint8_t *)m;

    if (field->type != PROTOBUF_C_TYPE_MESSAGE && field->type != PROTOBUF_C_TYPE_ENUM)
        return true;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t width = field->type == PROTOBUF_C_TYPE_ENUM ? sizeof(int) : sizeof(void *);
        const uint8_t *values;
        size_t n;

        memcpy(&n, base + field->quantifier_offset, sizeof(n));
        memcpy(&values, base + field->offset, sizeof(values));
        for (size_t i = 0; i < n; i++)
            if (!value_is_clean(field, values + i * width))
                return false;
        return true;
    }
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        uint32_t which;

        memcpy(&which, base + field->quantifier_offset, sizeof(which));
        if (which != field->id)
            return true;
    }
    return value_is_clean(field, base + field->offset);
}

/* Messages nest as deep as the .proto says, which has no cycles. */
static bool message_is_clean(const ProtobufCMessage *m)
{
    if (m->n_unknown_fields)
        return false;
    for (unsigned i = 0; i < m->descriptor->n_fields; i++)
        if (!field_is_clean(m, &m->descriptor->fields[i]))
            return false;
    return true;
}

int rpc_decode(const ProtobufCMessageDescriptor *type, struct slice record, struct arena *a,
               ProtobufCMessage **out, struct err *err)
{
    ProtobufCAllocator allocator = {arena_alloc_for_protobuf, arena_free_for_protobuf, a};
    size_t max = a->max;

    if (record.n > CHANNEL_RECORD_MAX)
        return err_set(err, ERR_LIMIT, "record too long");
    if (max - a->used > RPC_DECODE_MAX)
        a->max = a->used + RPC_DECODE_MAX;
    ProtobufCMessage *m = protobuf_c_message_unpack(type, &allocator, record.n, record.p);

    a->max = max;
    if (!m && arena_failed(a))
        return err_set(err, ERR_LIMIT, "record needs too much memory");
    if (!m || !message_is_clean(m))
        return err_set(err, ERR_SYNTAX, "record is malformed");
    *out = m;
    return 0;
}

struct rpc_client {
    int fd;
    uint64_t last_id;
    uint8_t buf[CHANNEL_RECORD_MAX]; /* a request until it is sent, then its response */
};

/* Without the timeout a store that hangs would only hang its caller longer. */
static void bound_answers(int fd)
{
    struct err err;

    (void)!channel_set_timeout(fd, RPC_ANSWER_TIMEOUT_S, &err);
}

struct rpc_client *rpc_client_channel(int fd)
{
    struct rpc_client *c = malloc(sizeof(*c));

    bound_answers(fd);
    if (!c) {
        (void)fd_close(fd);
        return NULL;
    }
    c->fd = fd;
    c->last_id = 0;
    return c;
}

void rpc_client_free(struct rpc_client *c)
{
    if (!c)
        return;
    (void)fd_close(c->fd);
    free(c);
}

void rpc_client_set_channel(struct rpc_client *c, int fd)
{
    (void)fd_close(c->fd);
    bound_answers(fd);
    c->fd = fd;
}

bool rpc_client_alive(const struct rpc_client *c)
{
    return c->fd >= 0;
}

static int lose_channel(struct rpc_client *c, struct err *err)
{
    c->fd = fd_close(c->fd);
    err_set(err, ERR_UNAVAILABLE, "the mail store is not available, try again later");
    return -ERR_UNAVAILABLE;
}

/* The response of this request, still with its descriptors. */
static int receive_response(struct rpc_client *c, struct arena *a, struct channel_record *record,
                            const Gw__Response **out, struct err *err)
{
    ProtobufCMessage *m;

    if (channel_receive(c->fd, c->buf, record, /* timeout_ms= */ -1, err) < 0)
        return lose_channel(c, err);
    int rc = rpc_decode(&gw__response__descriptor, slice_of(c->buf, record->n), a, &m, err);

    if (rc < 0 || ((Gw__Response *)m)->id != c->last_id) {
        channel_record_done(record);
        return lose_channel(c, err);
    }
    *out = (Gw__Response *)m;
    return 0;
}

static int error_of_response(const Gw__Response *response, struct err *err)
{
    if (response->result_case == GW__RESPONSE__RESULT__NOT_SET)
        return err_set(err, ERR_INTERNAL, "the mail store sent an empty response");
    if (response->result_case != GW__RESPONSE__RESULT_ERROR)
        return 0;
    uint32_t kind = response->error->kind;

    if (kind == ERR_NONE || kind >= ERR_KIND_COUNT)
        kind = ERR_INTERNAL;
    return err_set(err, (enum err_kind)kind, "%.*s", SLICE_FMT(rpc_slice(response->error->text)));
}

int rpc_call(struct rpc_client *c, Gw__Request *request, const int *fds, size_t fds_n,
             struct arena *a, const Gw__Response **out, struct channel_record *fds_out,
             struct err *err)
{
    struct channel_record record = {0};
    const Gw__Response *response;
    size_t n;

    if (c->fd < 0)
        return lose_channel(c, err);
    request->id = ++c->last_id;
    int rc = rpc_encode(&request->base, c->buf, &n, err);

    if (rc < 0)
        return rc;
    if (channel_send(c->fd, slice_of(c->buf, n), fds, fds_n, /* wait= */ true, err) < 0)
        return lose_channel(c, err);
    rc = receive_response(c, a, &record, &response, err);
    if (rc < 0)
        return rc;
    rc = error_of_response(response, err);
    if (rc == 0 && fds_out)
        *fds_out = record;
    else
        channel_record_done(&record);
    if (rc == 0)
        *out = response;
    return rc;
}
