/* LoginPrep, Login, Logout, and the login that every other function needs.
 *
 * Two tokens make a login: one in a cookie, which the browser adds by itself, one that the page
 * sends in a field, which no other site can do. Uses of a session count like attempts to log in
 * until it is known that they are none. */
#include "base/cleanup.h"
#include "base/encode.h"
#include "base/secret.h"
#include "edge/login.h"
#include "rpc/call.h"
#include "runtime/metrics.h"
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

/* ---- LoginPrep, Login ---- */

void api_login_prep(struct api_call *call)
{
    uint8_t octets[TOKEN_OCTETS];

    random_bytes(octets, sizeof(octets));
    struct slice token = token_text(call->x->a, slice_of(octets, sizeof(octets)));

    web_answer_cookie(call->x, LOGIN_COOKIE, token, LOGIN_COOKIE_S);
    api_result(call, api_string(token));
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

static void login_failed(struct api_call *call, enum login_outcome outcome,
                         const struct login_answer *answer)
{
    struct err err;

    switch (outcome) {
    case LOGIN_TOO_MANY:
        api_error(call, "user:error", "too many authentication attempts");
        break;
    case LOGIN_DISABLED:
        (void)!err_set(&err, ERR_DENIED, "%.*s", SLICE_FMT(answer->text));
        api_failed(call, &err);
        break;
    case LOGIN_UNAVAILABLE:
        api_failed(call, &answer->err);
        break;
    default:
        call->x->delay_s = 1;
        api_error(call, "user:loginFailed", "wrong address or password");
    }
}

void api_login(struct api_call *call)
{
    struct slice cookie = http_cookie(call->x->q, SLICE(LOGIN_COOKIE));
    struct login login = {.protocol = WEB_LOGIN};
    struct login_answer answer;
    struct err err;

    /* Nobody can be logged in to an account of somebody else's choice. */
    if (cookie.n == 0 || !ct_equal(cookie, api_text(call, 0))) {
        api_error(call, "user:error", "the login page has expired, try again");
        return;
    }
    enum login_outcome outcome = login_password(&login, call->x->listener, call->x->c,
                                                api_text(call, 1), api_text(call, 2), &answer);

    if (outcome != LOGIN_OK) {
        login_failed(call, outcome, &answer);
        return;
    }
    call->session = answer.session;
    if (open_session(call, answer.address, &err) < 0)
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

static void count_use(const struct web_exchange *x, const char *result)
{
    metrics_add(conn_env(x->c)->metrics, METRIC_AUTHENTICATIONS, 1, WEB_LOGIN, "websession",
                result);
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
    if (!login_count(x->listener, x->c, WEB_LOGIN)) {
        call->answered = true;
        web_answer_text(x, 429);
        return false;
    }
    call->token = token_octets(x->a, cookie);
    int rc = use_session(call, token_octets(x->a, csrf), &auth, &err);

    if (rc == -ERR_DENIED) {
        count_use(x, "badcreds");
        x->delay_s = 1;
        return refuse(call, "user:badAuth", "the session has ended, log in again");
    }
    if (rc < 0) {
        count_use(x, "error");
        login_uncount(x->listener, x->c);
        api_failed(call, &err);
        return false;
    }
    count_use(x, auth->disabled.len > 0 ? "logindisabled" : "ok");
    login_count_reset(x->listener, x->c);
    if (auth->disabled.len > 0)
        return refuse(call, "user:badAuth", "logins are disabled");
    call->session = auth->session;
    call->account = rpc_slice(auth->account_name);
    call->address = rpc_slice(auth->address);
    conn_set_user(x->c, call->address);
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
