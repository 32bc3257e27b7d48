/* TLSPublicKeys, TLSPublicKeyAdd, TLSPublicKeyUpdate, TLSPublicKeyRemove. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/encode.h"
#include "net/client_key.h"
#include "rpc/call.h"
#include "web/api.h"

static json_t *fingerprint_json(struct slice octets)
{
    _cleanup_(build_done) struct builder text = {0};

    build_init(&text, 64);
    encode_base64url(&text, octets);
    return api_string(build_slice(&text));
}

static json_t *key_json(const Gw__TlsKey *key)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:b, s:o, s:o}", "Fingerprint",
                     fingerprint_json(rpc_slice(key->fingerprint)), "Type", api_bytes(key->type),
                     "Name", api_bytes(key->name), "LoginAddress", api_bytes(key->address),
                     "NoIMAPPreauth", key->no_imap_preauth, "Created", api_time(key->created_ns),
                     "LastUsed", api_time(key->last_used_ns));
}

void api_tls_keys(struct api_call *call)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__TlsKeyList list = GW__TLS_KEY_LIST__INIT;
    const Gw__Response *response;
    struct err err;

    request.call_case = GW__REQUEST__CALL_TLS_KEY_LIST;
    request.tls_key_list = &list;

    if (api_store(call, &request, GW__RESPONSE__RESULT_TLS_KEYS, &response, &err) < 0) {
        api_failed(call, &err);
        return;
    }
    json_t *keys = json_array();

    for (size_t i = 0; i < response->tls_keys->n_rows; i++)
        (void)!json_array_append_new(keys, key_json(response->tls_keys->rows[i]));
    api_result(call, keys);
}

/* Sends the request; true when the store has done it. */
static bool done(struct api_call *call, Gw__Request *request, const char *what)
{
    const Gw__Response *response;
    struct err err;

    if (api_store(call, request, GW__RESPONSE__RESULT_DONE, &response, &err) < 0) {
        api_failed(call, &err);
        return false;
    }
    api_log(call, what);
    return true;
}

void api_tls_key_add(struct api_call *call)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__TlsKeyAdd add = GW__TLS_KEY_ADD__INIT;
    Gw__TlsKey key = GW__TLS_KEY__INIT;
    struct client_key read;
    struct slice name = slice_trim(api_text(call, 1));
    struct err err;

    if (client_key_read(call->x->a, api_text(call, 3), &read, &err) < 0) {
        api_failed(call, &err);
        return;
    }
    key.fingerprint = rpc_bytes(slice_of(read.fingerprint, sizeof(read.fingerprint)));
    key.address = rpc_bytes(api_text(call, 0));
    key.name = rpc_bytes(name.n ? name : read.name);
    key.type = rpc_bytes(read.type);
    key.no_imap_preauth = api_flag(call, 2);
    key.certificate = rpc_bytes(read.certificate);
    key.created_ns = clock_now_ns(conn_env(call->x->c)->clock);
    add.key = &key;
    request.call_case = GW__REQUEST__CALL_TLS_KEY_ADD;
    request.tls_key_add = &add;
    if (done(call, &request, "TLS key added"))
        api_result(call, key_json(&key));
}

/* Empty when it is none. */
static struct slice fingerprint_of(struct api_call *call, struct slice text)
{
    _cleanup_(build_done) struct builder octets = {0};
    struct err err;

    build_init(&octets, CLIENT_KEY_FINGERPRINT);
    if (decode_base64url(&octets, text, &err) < 0)
        return SLICE("");
    return arena_copy(call->x->a, build_slice(&octets));
}

void api_tls_key_update(struct api_call *call)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__TlsKeyUpdate update = GW__TLS_KEY_UPDATE__INIT;
    Gw__TlsKey key = GW__TLS_KEY__INIT;

    key.fingerprint = rpc_bytes(fingerprint_of(call, api_text(call, 0)));
    key.address = rpc_bytes(api_text(call, 1));
    key.name = rpc_bytes(slice_trim(api_text(call, 2)));
    key.no_imap_preauth = api_flag(call, 3);
    update.key = &key;
    request.call_case = GW__REQUEST__CALL_TLS_KEY_UPDATE;
    request.tls_key_update = &update;
    if (done(call, &request, "TLS key changed"))
        api_done(call);
}

void api_tls_key_remove(struct api_call *call)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__TlsKeyRemove remove = GW__TLS_KEY_REMOVE__INIT;

    remove.fingerprint = rpc_bytes(fingerprint_of(call, api_text(call, 0)));
    request.call_case = GW__REQUEST__CALL_TLS_KEY_REMOVE;
    request.tls_key_remove = &remove;
    if (done(call, &request, "TLS key removed"))
        api_done(call);
}
