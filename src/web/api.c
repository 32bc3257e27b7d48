#include "web/api.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "rpc/call.h"

/* Types of parameters: s text, b true or false, i a number. */
static const struct {
    struct slice name;
    const char *parameters;
    bool open; /* needs no login */
    api_run *run;
} functions[] = {
    {SLICE_INIT("LoginPrep"), "", true, api_login_prep},
    {SLICE_INIT("Login"), "sss", true, api_login},
    {SLICE_INIT("Logout"), "", false, api_logout},
    {SLICE_INIT("Account"), "", false, api_account},
    {SLICE_INIT("SetPassword"), "ss", false, api_set_password},
    {SLICE_INIT("AppPasswords"), "", false, api_app_passwords},
    {SLICE_INIT("AppPasswordAdd"), "sbbbi", false, api_app_password_add},
    {SLICE_INIT("AppPasswordRemove"), "s", false, api_app_password_remove},
    {SLICE_INIT("LoginAttempts"), "i", false, api_login_attempts},
    {SLICE_INIT("TLSPublicKeys"), "", false, api_tls_keys},
    {SLICE_INIT("TLSPublicKeyAdd"), "ssbs", false, api_tls_key_add},
    {SLICE_INIT("TLSPublicKeyUpdate"), "sssb", false, api_tls_key_update},
    {SLICE_INIT("TLSPublicKeyRemove"), "s", false, api_tls_key_remove},
};

/* ---- answers ---- */

void api_result(struct api_call *call, json_t *value)
{
    call->answered = true;
    web_answer_json(call->x, 200, json_pack("{s:o}", "result", value));
}

void api_done(struct api_call *call)
{
    api_result(call, json_null());
}

static void answer_error(struct web_exchange *x, unsigned status, const char *code,
                         const char *message)
{
    web_answer_json(x, status,
                    json_pack("{s:{s:s, s:s}}", "error", "code", code, "message", message));
}

void api_error(struct api_call *call, const char *code, const char *message)
{
    call->answered = true;
    answer_error(call->x, 200, code, message);
}

void api_failed(struct api_call *call, const struct err *err)
{
    switch (err->kind) {
    case ERR_SYNTAX:
    case ERR_LIMIT:
    case ERR_NOT_FOUND:
    case ERR_EXISTS:
    case ERR_DENIED:
    case ERR_INVALID:
    case ERR_QUOTA:
        api_error(call, "user:error", err->text);
        return;
    default:
        break;
    }
    log_err(conn_env(call->x->c)->log, LOG_WARN, "web", conn_id(call->x->c), "request failed", err);
    api_error(call, "server:error",
              err->kind == ERR_UNAVAILABLE ? err->text : "internal error, try again later");
}

json_t *api_string(struct slice text)
{
    json_t *value = json_stringn(text.n ? (const char *)text.p : "", text.n);

    return value ? value : json_string("\xef\xbf\xbd");
}

json_t *api_bytes(ProtobufCBinaryData text)
{
    return api_string(rpc_slice(text));
}

json_t *api_time(int64_t ns)
{
    struct clock_utc t = clock_utc_of(ns / NS_PER_S);
    char text[64];

    if (ns <= 0)
        return json_null();
    (void)snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02dZ", t.year, t.month, t.day,
                   t.hour, t.minute, t.second);
    return json_string(text);
}

/* ---- parameters ---- */

struct slice api_text(const struct api_call *call, size_t i)
{
    const json_t *value = json_array_get(call->params, i);

    return slice_of(json_string_value(value), json_string_length(value));
}

bool api_flag(const struct api_call *call, size_t i)
{
    return json_is_true(json_array_get(call->params, i));
}

int64_t api_number(const struct api_call *call, size_t i)
{
    return json_integer_value(json_array_get(call->params, i));
}

static bool fits(const json_t *value, char type)
{
    switch (type) {
    case 's':
        return json_is_string(value);
    case 'b':
        return json_is_boolean(value);
    default:
        return json_is_integer(value);
    }
}

static bool params_fit(const json_t *params, const char *types)
{
    size_t n = strlen(types);

    if (!json_is_array(params) || json_array_size(params) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!fits(json_array_get(params, i), types[i]))
            return false;
    return true;
}

/* A form of another site cannot send this type without asking first. */
static bool is_json(const struct http_request *q)
{
    struct slice type = http_field(q, SLICE("Content-Type"));
    size_t end = slice_find_byte(type, ';');
    struct slice rest = end == SIZE_MAX ? SLICE("") : slice_trim(slice_from(type, end + 1));

    return slice_eq_nocase(slice_trim(slice_sub(type, 0, end)), SLICE("application/json")) &&
           (rest.n == 0 || slice_eq_nocase(rest, SLICE("charset=utf-8")));
}

/* The list of parameters, a new reference; NULL: the body is not {"params": …}. */
static json_t *read_body(const struct http_request *q)
{
    json_error_t error;
    json_t *body = json_loadb((const char *)q->body.p, q->body.n, JSON_REJECT_DUPLICATES, &error);
    json_t *params = json_is_object(body) && json_object_size(body) == 1
                         ? json_incref(json_object_get(body, "params"))
                         : NULL;

    json_decref(body);
    return params;
}

int api_store(struct api_call *call, Gw__Request *request, Gw__Response__ResultCase result,
              const Gw__Response **out, struct err *err)
{
    request->session = call->session;
    int rc = edge_call(call->x->listener->edge, call->x->c, request, NULL, 0, out, NULL, err);

    if (rc == 0 && (*out)->result_case != result)
        return err_set(err, ERR_INTERNAL, "unexpected answer of the store");
    return rc;
}

void api_log(const struct api_call *call, const char *what)
{
    log_event(conn_env(call->x->c)->log, LOG_INFO, "web", conn_id(call->x->c), what,
              LOG_SLICE("account", call->account));
}

static void end_session(struct api_call *call)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__SessionEnd end = GW__SESSION_END__INIT;
    const Gw__Response *response;
    struct err err;

    if (call->session == 0)
        return;
    request.call_case = GW__REQUEST__CALL_SESSION_END;
    request.session_end = &end;
    /* A new password has ended it already. */
    (void)!api_store(call, &request, GW__RESPONSE__RESULT_DONE, &response, &err);
}

static void run(struct api_call *call, size_t i)
{
    if (functions[i].open || api_authenticate(call))
        functions[i].run(call);
    end_session(call);
    if (!call->answered)
        api_error(call, "server:error", "internal error");
}

void web_api_run(struct web_exchange *x)
{
    struct slice name = slice_from(x->q->path, sizeof(WEB_API_PREFIX) - 1);
    struct api_call call = {.x = x};
    size_t i = 0;

    while (i < ARRAY_SIZE(functions) && !slice_eq(functions[i].name, name))
        i++;
    if (i == ARRAY_SIZE(functions)) {
        answer_error(x, 404, "sherpa:badFunction", "there is no such function");
        return;
    }
    if (!is_json(x->q)) {
        answer_error(x, 400, "sherpa:badRequest", "the content type must be application/json");
        return;
    }
    call.params = read_body(x->q);
    if (!call.params)
        answer_error(x, 400, "sherpa:badRequest", "the body must be {\"params\": [...]}");
    else if (!params_fit(call.params, functions[i].parameters))
        answer_error(x, 400, "sherpa:badParams", "wrong number or type of parameters");
    else
        run(&call, i);
    json_decref(call.params);
}
