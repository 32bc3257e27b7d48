/* LoginPrep, Login, Logout, and the login that every other function needs.
 *
 * Two tokens make a login: one in a cookie, which the browser adds by itself, one that the page
 * sends in a field, which no other site can do. Failures are counted per address before they are
 * known to be failures; a success takes the count back. */
#include "base/cleanup.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/num.h"
#include "base/secret.h"
#include "edge/login.h"
#include "net/limiter.h"
#include "rpc/call.h"
#include "web/api.h"

#define TOKEN_OCTETS 16u
#define TOKEN_TEXT 22u /* base64url */
#define LOGIN_COOKIE "webaccountlogin"
#define SESSION_COOKIE "webaccountsession"
#define LOGIN_COOKIE_S 30

static struct slice token_text(struct arena *a, struct slice octets)
{
    _cleanup_(build_done) struct builder text = {0};

    build_init(&text, 2 * TOKEN_TEXT);
    encode_base64url(&text, octets);
    return arena_copy(a, build_slice(&text));
}

/* Empty when it is not one of ours. */
static struct slice token_octets(struct arena *a, struct slice text)
{
    _cleanup_(build_done) struct builder octets = {0};
    struct err err;

    build_init(&octets, TOKEN_OCTETS);
    if (text.n != TOKEN_TEXT || decode_base64url(&octets, text, &err) < 0)
        return SLICE("");
    return arena_copy(a, build_slice(&octets));
}

/* Whether one more attempt is allowed; it is counted. */
static bool attempt(const struct web_exchange *x)
{
    struct limiter *limiter = x->listener->auth_failures;

    return !limiter || limiter_add(limiter, conn_remote(x->c), 1);
}

static void attempt_succeeded(const struct web_exchange *x)
{
    if (x->listener->auth_failures)
        limiter_reset(x->listener->auth_failures, conn_remote(x->c));
}

/* It was no attempt: the store was away, for example. */
static void attempt_forget(const struct web_exchange *x)
{
    if (x->listener->auth_failures)
        limiter_sub(x->listener->auth_failures, conn_remote(x->c), 1);
}

/* ---- LoginPrep, Login ---- */

void api_login_prep(struct api_call *call)
{
    uint8_t octets[TOKEN_OCTETS];

    random_bytes(octets, sizeof(octets));
    struct slice token = token_text(call->x->a, slice_of(octets, sizeof(octets)));

    web_answer_cookie(call->x, LOGIN_COOKIE, token, LOGIN_COOKIE_S);
    api_result(call, api_string(token));
}

static int authenticate(struct api_call *call, const Gw__Authenticated **out, struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__Authenticate auth = GW__AUTHENTICATE__INIT;
    Gw__LoginOrigin origin;
    const Gw__Response *response;

    auth.mechanism = rpc_bytes(SLICE("PLAIN"));
    auth.user = rpc_bytes(api_text(call, 1));
    auth.password = rpc_bytes(api_text(call, 2));
    login_origin(&(const struct login){.protocol = "web"}, call->x->c, &origin);
    auth.origin = &origin;
    request.call_case = GW__REQUEST__CALL_AUTHENTICATE;
    request.authenticate = &auth;
    int rc = api_store(call, &request, GW__RESPONSE__RESULT_AUTHENTICATED, &response, err);

    if (rc < 0)
        return rc;
    call->x->delay_s = response->authenticated->delay_s;
    if (response->authenticated->result == GW__AUTHENTICATED__RESULT__RESULT_WRONG)
        return err_set(err, ERR_DENIED, "wrong address or password");
    *out = response->authenticated;
    return 0;
}

/* From the login just made to a session that lasts; answers with the page's token. */
static int open_session(struct api_call *call, struct slice address, struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__WebSessionOpen open = GW__WEB_SESSION_OPEN__INIT;
    const Gw__Response *response;

    open.address = rpc_bytes(address);
    request.call_case = GW__REQUEST__CALL_WEB_SESSION_OPEN;
    request.web_session_open = &open;
    int rc = api_store(call, &request, GW__RESPONSE__RESULT_WEB_SESSION_OPENED, &response, err);

    if (rc < 0)
        return rc;
    const Gw__WebSessionOpened *opened = response->web_session_opened;

    web_answer_cookie(call->x, SESSION_COOKIE, token_text(call->x->a, rpc_slice(opened->token)), 0);
    web_answer_cookie(call->x, LOGIN_COOKIE, SLICE(""), 0);
    api_result(call, api_string(token_text(call->x->a, rpc_slice(opened->csrf))));
    return 0;
}

static void login_failed(struct api_call *call, const struct err *err)
{
    struct web_exchange *x = call->x;

    if (err->kind == ERR_DENIED || err->kind == ERR_NOT_FOUND || err->kind == ERR_SYNTAX) {
        x->delay_s = MAX(x->delay_s, 1u);
        api_error(call, "user:loginFailed", "wrong address or password");
        return;
    }
    attempt_forget(x);
    api_failed(call, err);
}

void api_login(struct api_call *call)
{
    struct slice cookie = http_cookie(call->x->q, SLICE(LOGIN_COOKIE));
    const Gw__Authenticated *auth;
    struct err err;

    /* Nobody can be logged in to an account of somebody else's choice. */
    if (cookie.n == 0 || !ct_equal(cookie, api_text(call, 0))) {
        api_error(call, "user:error", "the login page has expired, try again");
        return;
    }
    if (!attempt(call->x)) {
        api_error(call, "user:error", "too many authentication attempts");
        return;
    }
    if (authenticate(call, &auth, &err) < 0) {
        login_failed(call, &err);
        return;
    }
    if (auth->disabled.len > 0) {
        attempt_forget(call->x);
        (void)err_set(&err, ERR_DENIED, "%.*s", SLICE_FMT(rpc_slice(auth->disabled)));
        api_failed(call, &err);
        return;
    }
    attempt_succeeded(call->x);
    call->session = auth->session;
    if (open_session(call, rpc_slice(auth->address), &err) < 0)
        api_failed(call, &err);
}

/* ---- the login of a request ---- */

static bool refuse(struct api_call *call, const char *code, const char *message)
{
    api_error(call, code, message);
    return false;
}

static int use_session(struct api_call *call, struct slice csrf, const Gw__Authenticated **out,
                       struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__WebSessionUse use = GW__WEB_SESSION_USE__INIT;
    const Gw__Response *response;

    if (call->token.n == 0 || csrf.n == 0)
        return err_set(err, ERR_DENIED, "not a token");
    use.token = rpc_bytes(call->token);
    use.csrf = rpc_bytes(csrf);
    request.call_case = GW__REQUEST__CALL_WEB_SESSION_USE;
    request.web_session_use = &use;
    int rc = api_store(call, &request, GW__RESPONSE__RESULT_AUTHENTICATED, &response, err);

    if (rc < 0)
        return rc;
    *out = response->authenticated;
    return 0;
}

bool api_authenticate(struct api_call *call)
{
    struct web_exchange *x = call->x;
    struct slice csrf = http_field(x->q, SLICE("x-godwit-csrf"));
    struct slice cookie = http_cookie(x->q, SLICE(SESSION_COOKIE));
    const Gw__Authenticated *auth;
    struct err err;

    if (csrf.n == 0 || cookie.n == 0)
        return refuse(call, "user:noAuth", "log in first");
    if (!attempt(x)) {
        call->answered = true;
        web_answer_text(x, 429);
        return false;
    }
    call->token = token_octets(x->a, cookie);
    int rc = use_session(call, token_octets(x->a, csrf), &auth, &err);

    if (rc == -ERR_DENIED) {
        x->delay_s = 1;
        return refuse(call, "user:badAuth", "the session has ended, log in again");
    }
    if (rc < 0) {
        attempt_forget(x);
        api_failed(call, &err);
        return false;
    }
    attempt_succeeded(x);
    if (auth->disabled.len > 0)
        return refuse(call, "user:badAuth", "logins are disabled");
    call->session = auth->session;
    call->account = rpc_slice(auth->account_name);
    call->address = rpc_slice(auth->address);
    return true;
}

void api_logout(struct api_call *call)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__WebSessionClose close = GW__WEB_SESSION_CLOSE__INIT;
    const Gw__Response *response;
    struct err err;

    close.token = rpc_bytes(call->token);
    request.call_case = GW__REQUEST__CALL_WEB_SESSION_CLOSE;
    request.web_session_close = &close;
    if (api_store(call, &request, GW__RESPONSE__RESULT_DONE, &response, &err) < 0) {
        api_failed(call, &err);
        return;
    }
    web_answer_cookie(call->x, SESSION_COOKIE, SLICE(""), 0);
    api_done(call);
}
