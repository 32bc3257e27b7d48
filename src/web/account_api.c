/* Account, SetPassword. */
#include "edge/login.h"
#include "rpc/call.h"
#include "web/api.h"

static json_t *texts(const ProtobufCBinaryData *item, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        (void)!json_array_append_new(list, api_bytes(item[i]));
    return list;
}

static json_t *alias_json(const Gw__AccountAlias *alias)
{
    return json_pack("{s:o, s:o, s:b, s:b, s:o, s:b}", "Address", api_bytes(alias->alias),
                     "SubscriptionAddress", api_bytes(alias->member), "AllowMsgFrom",
                     alias->allow_msg_from, "ListMembers", alias->list_members, "Members",
                     texts(alias->members, alias->n_members), "MoreMembers", alias->more_members);
}

/* What programs are told to connect to. */
static json_t *services_json(const struct web_exchange *x)
{
    const struct edge_settings *settings = x->listener->settings;

    return json_pack("{s:o, s:i, s:i, s:i, s:i}", "Host", api_string(settings->hostname), "IMAPS",
                     (int)settings->ports[EDGE_IMAPS], "IMAP", (int)settings->ports[EDGE_IMAP],
                     "Submissions", (int)settings->ports[EDGE_SUBMISSIONS], "Submission",
                     (int)settings->ports[EDGE_SUBMISSION]);
}

static int read_page(struct api_call *call, struct slice after, const Gw__Account **out,
                     struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__AccountRead read = GW__ACCOUNT_READ__INIT;
    const Gw__Response *response;

    read.after = rpc_bytes(after);
    request.call_case = GW__REQUEST__CALL_ACCOUNT_READ;
    request.account_read = &read;
    int rc = api_store(call, &request, GW__RESPONSE__RESULT_ACCOUNT, &response, err);

    if (rc < 0)
        return rc;
    *out = response->account;
    return 0;
}

void api_account(struct api_call *call)
{
    json_t *aliases = json_array();
    const Gw__Account *first = NULL, *page = NULL;
    struct slice after = SLICE("");
    struct err err;

    do {
        if (read_page(call, after, &page, &err) < 0) {
            json_decref(aliases);
            api_failed(call, &err);
            return;
        }
        if (!first)
            first = page;
        for (size_t i = 0; i < page->n_aliases; i++)
            (void)!json_array_append_new(aliases, alias_json(page->aliases[i]));
        if (page->n_aliases > 0)
            after = rpc_slice(page->aliases[page->n_aliases - 1]->alias);
    } while (page->more && page->n_aliases > 0);
    api_result(call, json_pack("{s:o, s:o, s:o, s:b, s:o, s:I, s:I, s:i, s:o}", "Account",
                               api_string(call->account), "LoginAddress", api_string(call->address),
                               "Addresses", texts(first->addresses, first->n_addresses),
                               "MoreAddresses", first->more_addresses, "Aliases", aliases,
                               "BytesUsed", (json_int_t)first->quota_used, "BytesLimit",
                               (json_int_t)first->quota_limit, "Messages", (int)first->messages,
                               "Services", services_json(call->x)));
}

void api_set_password(struct api_call *call)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__PasswordChange change = GW__PASSWORD_CHANGE__INIT;
    const Gw__Response *response;
    struct err err;

    /* Guessing the current password from a session that was left open is guessing. */
    if (!login_count(call->x->listener, call->x->c, WEB_LOGIN)) {
        api_error(call, "user:error", "too many authentication attempts");
        return;
    }
    change.current = rpc_bytes(api_text(call, 0));
    change.password = rpc_bytes(api_text(call, 1));
    change.token = rpc_bytes(call->token);
    request.call_case = GW__REQUEST__CALL_PASSWORD_CHANGE;
    request.password_change = &change;
    int rc = api_store(call, &request, GW__RESPONSE__RESULT_DONE, &response, &err);

    if (rc == -ERR_DENIED)
        call->x->delay_s = 1;
    else
        login_uncount(call->x->listener, call->x->c);
    if (rc < 0) {
        api_failed(call, &err);
        return;
    }
    api_log(call, "password changed");
    api_done(call);
}
