/* AppPasswords, AppPasswordAdd, AppPasswordRemove, LoginAttempts. */
#include "base/clock.h"
#include "base/num.h"
#include "net/addr.h"
#include "rpc/call.h"
#include "web/api.h"

#define SCOPE_IMAP 1u
#define SCOPE_SUBMISSION 2u
#define SCOPE_WEB 4u
#define DAYS_MAX 3650
#define ATTEMPTS_MAX 500

static json_t *password_json(const Gw__AppPassword *row)
{
    return json_pack("{s:o, s:b, s:b, s:b, s:o, s:o, s:o}", "Name", api_bytes(row->name), "IMAP",
                     (row->scope & SCOPE_IMAP) != 0, "Submission",
                     (row->scope & SCOPE_SUBMISSION) != 0, "Web", (row->scope & SCOPE_WEB) != 0,
                     "Created", api_time(row->created_ns), "Expires", api_time(row->expires_ns),
                     "LastUsed", api_time(row->used_ns));
}

void api_app_passwords(struct api_call *call)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__AppPasswordList list = GW__APP_PASSWORD_LIST__INIT;
    const Gw__Response *response;
    struct err err;

    request.call_case = GW__REQUEST__CALL_APP_PASSWORD_LIST;
    request.app_password_list = &list;
    if (api_store(call, &request, GW__RESPONSE__RESULT_APP_PASSWORDS, &response, &err) < 0) {
        api_failed(call, &err);
        return;
    }
    json_t *rows = json_array();

    for (size_t i = 0; i < response->app_passwords->n_rows; i++)
        (void)!json_array_append_new(rows, password_json(response->app_passwords->rows[i]));
    api_result(call, rows);
}

void api_app_password_add(struct api_call *call)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__AppPasswordEdit edit = GW__APP_PASSWORD_EDIT__INIT;
    const Gw__Response *response;
    int64_t days = api_number(call, 4);
    struct err err;

    if (days < 0 || days > DAYS_MAX) {
        api_error(call, "user:error", "an app password ends within 3650 days, or never: 0");
        return;
    }
    edit.edit = GW__EDIT__EDIT_ADD;
    edit.name = rpc_bytes(slice_trim(api_text(call, 0)));
    edit.scope = (api_flag(call, 1) ? SCOPE_IMAP : 0) | (api_flag(call, 2) ? SCOPE_SUBMISSION : 0) |
                 (api_flag(call, 3) ? SCOPE_WEB : 0);
    if (days > 0)
        edit.expires_ns = clock_now_ns(conn_env(call->x->c)->clock) + days * 24 * 3600 * NS_PER_S;
    request.call_case = GW__REQUEST__CALL_APP_PASSWORD_EDIT;
    request.app_password_edit = &edit;
    int rc = api_store(call, &request, GW__RESPONSE__RESULT_APP_PASSWORDS, &response, &err);

    if (rc == 0 && response->app_passwords->n_rows != 1)
        rc = err_set(&err, ERR_INTERNAL, "unexpected answer of the store");
    if (rc < 0) {
        api_failed(call, &err);
        return;
    }
    api_log(call, "app password added");
    api_result(call, api_bytes(response->app_passwords->rows[0]->password));
}

void api_app_password_remove(struct api_call *call)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__AppPasswordEdit edit = GW__APP_PASSWORD_EDIT__INIT;
    const Gw__Response *response;
    struct err err;

    edit.edit = GW__EDIT__EDIT_REMOVE;
    edit.name = rpc_bytes(api_text(call, 0));
    edit.token = rpc_bytes(call->token);
    request.call_case = GW__REQUEST__CALL_APP_PASSWORD_EDIT;
    request.app_password_edit = &edit;
    if (api_store(call, &request, GW__RESPONSE__RESULT_DONE, &response, &err) < 0) {
        api_failed(call, &err);
        return;
    }
    api_log(call, "app password removed");
    api_done(call);
}

/* ---- attempts ---- */

static json_t *ip_json(ProtobufCBinaryData octets)
{
    struct addr address = {.ip_n = (uint8_t)MIN(octets.len, sizeof(address.ip))};
    char text[ADDR_TEXT_MAX];

    if (octets.len != 4 && octets.len != 16)
        return json_null();
    memcpy(address.ip, octets.data, octets.len);
    return json_string(addr_ip_text(&address, text));
}

static json_t *attempt_json(const Gw__LoginAttempt *row)
{
    const Gw__LoginOrigin *origin = row->origin;

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o}", "LoginAddress",
                     api_bytes(row->address), "Protocol", api_bytes(origin->protocol), "Mechanism",
                     api_bytes(row->mechanism), "Result", api_bytes(row->result), "RemoteIP",
                     ip_json(origin->remote_ip), "TLS", api_bytes(origin->tls), "Count",
                     (json_int_t)row->count, "First", api_time(row->first_ns), "Last",
                     api_time(row->last_ns));
}

void api_login_attempts(struct api_call *call)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__LoginAttemptList list = GW__LOGIN_ATTEMPT_LIST__INIT;
    const Gw__Response *response;
    int64_t max = api_number(call, 0);
    struct err err;

    list.max = max > 0 && max <= ATTEMPTS_MAX ? (uint32_t)max : ATTEMPTS_MAX;
    request.call_case = GW__REQUEST__CALL_LOGIN_ATTEMPT_LIST;
    request.login_attempt_list = &list;
    if (api_store(call, &request, GW__RESPONSE__RESULT_LOGIN_ATTEMPTS, &response, &err) < 0) {
        api_failed(call, &err);
        return;
    }
    json_t *rows = json_array();

    for (size_t i = 0; i < response->login_attempts->n_rows; i++)
        if (response->login_attempts->rows[i]->origin)
            (void)!json_array_append_new(rows, attempt_json(response->login_attempts->rows[i]));
    api_result(call, rows);
}
