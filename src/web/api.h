/* The account page's API: functions called with a list of parameters. docs/account-api.md says what
 * each does.
 *
 *   POST /account/api/FUNCTION   {"params": [...]}   →   {"result": ...} or {"error": {code,
 * message}}
 *
 * A function is a row of the table in api.c: its parameters by type, whether it needs a login, what
 * it does. It answers with api_result or api_error, once. */
#pragma once

#include <jansson.h>

#include "web/exchange.h"

/* The protocol of logins, in metrics and in the record of attempts. */
#define WEB_LOGIN "web"

struct api_call {
    struct web_exchange *x;
    json_t *params; /* checked against the row */
    /* Of a function that needs a login: */
    uint64_t session; /* the store's; 0: none */
    struct slice token;
    struct slice account, address;
    bool answered;
};

/* Borrowed text of a parameter; it holds no NUL. */
struct slice api_text(const struct api_call *call, size_t i);
bool api_flag(const struct api_call *call, size_t i);

/* Takes the reference; NULL: out of memory. */
void api_result(struct api_call *call, json_t *value);
void api_done(struct api_call *call); /* a result of null */
void api_error(struct api_call *call, const char *code, const char *message);
/* What the store, or a check, said: faults of the user's as user:error, others hidden. */
void api_failed(struct api_call *call, const struct err *err);

/* A call of the store in the login's session; another kind of result is ERR_INTERNAL. */
int api_store(struct api_call *call, Gw__Request *request, Gw__Response__ResultCase result,
              const Gw__Response **out, struct err *err) WARN_UNUSED;
/* One line at level info: something of the account was changed. */
void api_log(const struct api_call *call, const char *what);

/* Text for JSON: what is not UTF-8 is replaced. NULL: out of memory. */
json_t *api_string(struct slice text);
json_t *api_bytes(ProtobufCBinaryData text);

typedef void api_run(struct api_call *call);

/* login_api.c */
api_run api_login_prep, api_login, api_logout;
/* Finds the login of the request; false after an answer was given. */
bool api_authenticate(struct api_call *call);

/* tls_key_api.c */
api_run api_tls_keys, api_tls_key_add, api_tls_key_update, api_tls_key_remove;

/* password_api.c */
api_run api_app_passwords, api_app_password_add, api_app_password_remove, api_login_attempts;

/* RFC 3339, in UTC; null for 0. */
json_t *api_time(int64_t ns);
int64_t api_number(const struct api_call *call, size_t i);

/* account_api.c */
api_run api_account, api_set_password;
