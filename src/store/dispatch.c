/* From a record to a call and back.
 *
 *   store_handle ─ decode ─ rights ─ run ─┬─ 0 or error ────────────────────┬─ call_finish: reply,
 * free ├─ call_write ─ apply ─ done ─────┤ └─ call_work ─ run ─ (as above) ──┘
 */
#include "base/cleanup.h"
#include "base/log.h"
#include "base/num.h"
#include "rpc/call.h"
#include "store/request.h"
#include "store/rights.h"
#include "store/store_private.h"

#define OUT_MAX (1024u * 1024)
#define STATE_MAX (4096u * 1024)

static const struct {
    Gw__Request__CallCase call;
    call_run *run;
    size_t fds_max;
} calls[] = {
    {GW__REQUEST__CALL_RESOLVE, call_resolve, 0},
    {GW__REQUEST__CALL_SPOOL_OPEN, call_spool_open, 0},
    {GW__REQUEST__CALL_DELIVER, call_deliver, 1},
    {GW__REQUEST__CALL_AUTHENTICATE, call_authenticate, 0},
    {GW__REQUEST__CALL_SESSION_END, call_session_end, 0},
    {GW__REQUEST__CALL_WATCH, call_watch, 0},
    {GW__REQUEST__CALL_LOGIN_CHALLENGE, call_login_challenge, 0},
    {GW__REQUEST__CALL_LOGIN_REPORT, call_login_report, 0},
    {GW__REQUEST__CALL_KEY_LOOKUP, call_key_lookup, 0},
    {GW__REQUEST__CALL_MAILBOX_LIST, call_mailbox_list, 0},
    {GW__REQUEST__CALL_MAILBOX_OPEN, call_mailbox_open, 0},
    {GW__REQUEST__CALL_MAILBOX_CREATE, call_mailbox_create, 0},
    {GW__REQUEST__CALL_MAILBOX_DELETE, call_mailbox_delete, 0},
    {GW__REQUEST__CALL_MAILBOX_RENAME, call_mailbox_rename, 0},
    {GW__REQUEST__CALL_SUBSCRIBE, call_subscribe, 0},
    {GW__REQUEST__CALL_UIDS_READ, call_uids_read, 0},
    {GW__REQUEST__CALL_MESSAGE_READ, call_message_read, 0},
    {GW__REQUEST__CALL_BODY_READ, call_body_read, 0},
    {GW__REQUEST__CALL_CHANGES_READ, call_changes_read, 0},
    {GW__REQUEST__CALL_APPEND, call_append, CHANNEL_FDS_MAX},
    {GW__REQUEST__CALL_FLAGS_STORE, call_flags_store, 0},
    {GW__REQUEST__CALL_EXPUNGE, call_expunge, 0},
    {GW__REQUEST__CALL_COPY, call_copy, 0},
    {GW__REQUEST__CALL_DOMAIN_EDIT, call_domain_edit, 0},
    {GW__REQUEST__CALL_ACCOUNT_EDIT, call_account_edit, 0},
    {GW__REQUEST__CALL_ADDRESS_EDIT, call_address_edit, 0},
    {GW__REQUEST__CALL_DIRECTORY_LIST, call_directory_list, 0},
    {GW__REQUEST__CALL_PASSWORD_SET, call_password_set, 0},
    {GW__REQUEST__CALL_ALIAS_EDIT, call_alias_edit, 0},
    {GW__REQUEST__CALL_DOMAIN_SET, call_domain_set, 0},
    {GW__REQUEST__CALL_ACCOUNT_SET, call_account_set, 0},
    {GW__REQUEST__CALL_ADDRESS_SET, call_address_set, 0},
    {GW__REQUEST__CALL_INSTALLATION_SET, call_installation_set, 0},
    {GW__REQUEST__CALL_APP_PASSWORD_EDIT, call_app_password_edit, 0},
    {GW__REQUEST__CALL_APP_PASSWORD_LIST, call_app_password_list, 0},
    {GW__REQUEST__CALL_LOGIN_ATTEMPT_LIST, call_login_attempt_list, 0},
    {GW__REQUEST__CALL_WEB_SESSION_OPEN, call_web_session_open, 0},
    {GW__REQUEST__CALL_WEB_SESSION_USE, call_web_session_use, 0},
    {GW__REQUEST__CALL_WEB_SESSION_CLOSE, call_web_session_close, 0},
    {GW__REQUEST__CALL_ACCOUNT_READ, call_account_read, 0},
    {GW__REQUEST__CALL_PASSWORD_CHANGE, call_password_change, 0},
    {GW__REQUEST__CALL_TLS_KEY_ADD, call_tls_key_add, 0},
    {GW__REQUEST__CALL_TLS_KEY_LIST, call_tls_key_list, 0},
    {GW__REQUEST__CALL_TLS_KEY_UPDATE, call_tls_key_update, 0},
    {GW__REQUEST__CALL_TLS_KEY_REMOVE, call_tls_key_remove, 0},
};

static void call_free(struct call *c)
{
    if (c->state_done)
        c->state_done(c->state);
    for (size_t i = 0; i < c->fds_n; i++)
        (void)fd_close(c->fds[i]);
    (void)fd_close(c->fd_out);
    arena_done(&c->in);
    arena_done(&c->out);
    free(c);
}

int call_no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "out of memory");
}

void *call_message(struct call *c, const ProtobufCMessageDescriptor *type)
{
    void *message = arena_calloc(&c->out, 1, type->sizeof_message);

    if (message)
        protobuf_c_message_init(type, message);
    return message;
}

int call_answer_done(struct call *c, struct err *err)
{
    Gw__Done *done = call_message(c, &gw__done__descriptor);

    if (!done)
        return call_no_memory(err);
    c->response.result_case = GW__RESPONSE__RESULT_DONE;
    c->response.done = done;
    return 0;
}

/* What the generated decoder needs for each element of a repeated field: a place in its list of
 * what it has seen, which doubles as it grows, and a pointer. */
#define DECODED_ELEMENT 88u

static size_t decoded_size(const ProtobufCMessage *row, size_t encoded)
{
    size_t n = DECODED_ELEMENT + row->descriptor->sizeof_message + encoded;

    for (unsigned i = 0; i < row->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &row->descriptor->fields[i];
        size_t elements;

        if (field->label != PROTOBUF_C_LABEL_REPEATED)
            continue;
        memcpy(&elements, (const uint8_t *)row + field->quantifier_offset, sizeof(elements));
        n += elements * (DECODED_ELEMENT + sizeof(ProtobufCBinaryData));
    }
    return n;
}

bool call_page_fits(size_t *used, const ProtobufCMessage *row)
{
    /* Tag and length of a row take at most 5 octets. Memory counts in proportion. */
    size_t encoded = protobuf_c_message_get_packed_size(row) + 5;
    size_t n = MAX(encoded, decoded_size(row, encoded) / (RPC_DECODE_MAX / CALL_PAGE_MAX));

    if (*used > 0 && n > CALL_PAGE_MAX - MIN(*used, CALL_PAGE_MAX))
        return false;
    *used += n;
    return true;
}

/* The log has the detail; the peer gets kind and text. */
static void answer_error(struct call *c, Gw__Error *message, const struct err *err)
{
    bool ours = err->kind == ERR_IO || err->kind == ERR_DAMAGED || err->kind == ERR_INTERNAL ||
                err->kind == ERR_NOMEM || err->kind == ERR_FULL;

    log_err(c->store->env->log, ours ? LOG_ERROR : LOG_DEBUG, "store", c->request->cid,
            "request failed", err);
    gw__error__init(message);
    message->kind = err->kind;
    message->text = rpc_bytes(slice_str(err->text));
    c->response.result_case = GW__RESPONSE__RESULT_ERROR;
    c->response.error = message;
}

void call_finish(struct call *c, int rc, const struct err *err)
{
    _cleanup_free_ uint8_t *record = malloc(CHANNEL_RECORD_MAX);
    struct err encode_err;
    Gw__Error error;
    size_t n = 0;

    if (rc < 0)
        answer_error(c, &error, err);
    c->response.id = c->request->id;
    if (record && rpc_encode(&c->response.base, record, &n, &encode_err) < 0) {
        answer_error(c, &error, &encode_err);
        if (rpc_encode(&c->response.base, record, &n, &encode_err) < 0)
            n = 0;
    }
    /* An empty record closes the channel: there is no memory even for an error. */
    c->from.reply(c->from.owner, slice_of(record, n), rc < 0 ? -1 : c->fd_out);
    call_free(c);
}

static int write_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    struct call *c = (struct call *)((char *)w - offsetof(struct call, write));

    arena_reset(&c->out);
    c->event_modseq = 0;
    int rc = c->apply(c, ctx, err);

    if (rc == 0 && arena_failed(&c->out))
        return call_no_memory(err);
    return rc;
}

static void write_done(struct write *w, int rc, const struct err *err)
{
    struct call *c = (struct call *)((char *)w - offsetof(struct call, write));

    if (rc == 0 && c->committed)
        c->committed(c);
    if (rc == 0 && c->event_modseq > 0)
        events_publish(c->store->events, c->session.account_id, c->event_modseq);
    call_finish(c, rc, err);
}

int call_write(struct call *c, struct shard *shard, call_apply *apply)
{
    c->apply = apply;
    c->write = (struct write){.apply = write_apply, .done = write_done};
    shard_submit(shard, &c->write);
    return CALL_WAITS;
}

static void work_run(struct work *w)
{
    struct call *c = (struct call *)((char *)w - offsetof(struct call, work));
    struct err err = {0};
    int rc = c->work_run(c, &err);

    if (rc != CALL_WAITS)
        call_finish(c, rc, &err);
}

int call_work(struct call *c, int (*run)(struct call *c, struct err *err), struct err *err)
{
    c->work = (struct work){.run = work_run};
    c->work_run = run;
    if (!workers_submit(c->store->workers, &c->work))
        return err_set(err, ERR_UNAVAILABLE, "too many logins at once, try again");
    return CALL_WAITS;
}

struct shard *call_shard(struct call *c)
{
    return c->store->shards[c->session.shard];
}

struct db *call_reader(struct call *c)
{
    return shard_reader(call_shard(c), c->from.thread);
}

/* An error: the peer is not what it should be, or there is no memory to go on. */
static int call_new(struct store *s, const struct store_request *r, struct call **out,
                    struct err *err)
{
    struct call *c = calloc(1, sizeof(*c));

    if (!c || r->fds_n > CHANNEL_FDS_MAX) {
        for (size_t i = 0; i < r->fds_n; i++)
            (void)fd_close(r->fds[i]);
        free(c);
        return c ? err_set(err, ERR_LIMIT, "too many descriptors") : call_no_memory(err);
    }
    c->store = s;
    c->from = *r;
    c->fd_out = -1;
    c->fds_n = r->fds_n;
    for (size_t i = 0; i < r->fds_n; i++)
        c->fds[i] = r->fds[i];
    arena_init(&c->in, RPC_DECODE_MAX + STATE_MAX);
    arena_init(&c->out, OUT_MAX);
    gw__response__init(&c->response);
    ProtobufCMessage *message;
    int rc = rpc_decode(&gw__request__descriptor, r->record, &c->in, &message, err);

    if (rc < 0) {
        call_free(c);
        return err_prefix(err, "decode a request");
    }
    c->request = (const Gw__Request *)message;
    *out = c;
    return 0;
}

int store_handle(struct store *s, const struct store_request *r, struct err *err)
{
    struct call *c = NULL;
    int rc = call_new(s, r, &c, err);

    if (rc < 0)
        return rc;
    size_t i = 0;

    while (i < ARRAY_SIZE(calls) && calls[i].call != c->request->call_case)
        i++;
    enum rights_answer right = rights_of(r->role, c->request->call_case);

    if (i == ARRAY_SIZE(calls) || right == RIGHTS_NO || c->fds_n > calls[i].fds_max) {
        rc = err_set(err, ERR_DENIED, "a call that the role may not make");
        (void)err_detail(err, "role %u, call %d, %zu descriptors", (unsigned)r->role,
                         (int)c->request->call_case, c->fds_n);
        call_free(c);
        return rc;
    }
    struct err call_err = {0};

    if (right == RIGHTS_SESSION &&
        !sessions_get(s->sessions, r->group, c->request->session, &c->session))
        rc = err_set(&call_err, ERR_DENIED, "the session has ended");
    else
        rc = calls[i].run(c, &call_err);
    if (rc != CALL_WAITS)
        call_finish(c, rc, &call_err);
    return 0;
}
