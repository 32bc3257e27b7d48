/* config login-attempts: who tried to log in, and how it ended. */
#include <inttypes.h>

#include "cmd/admin_client.h"
#include "net/addr.h"

static const char *ip_text(struct slice ip, char buf[static ADDR_TEXT_MAX])
{
    struct addr a = {0};

    if (ip.n != 4 && ip.n != 16)
        return "-";
    memcpy(a.ip, ip.p, ip.n);
    a.ip_n = (uint8_t)ip.n;
    return addr_ip_text(&a, buf);
}

/* Addresses are what strangers typed: what is not printable becomes "?". */
static void print_text(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        (void)putchar(s.p[i] > ' ' && s.p[i] != 0x7f ? s.p[i] : '?');
}

static void print_row(const Gw__LoginAttempt *row)
{
    const Gw__LoginOrigin *o = row->origin;
    char last[ADMIN_TIME_TEXT], ip[ADDR_TEXT_MAX];

    (void)printf(
        "%s %.*s %.*s %.*s %.*s from %s, %" PRIu64 " times: ", admin_time_text(row->last_ns, last),
        SLICE_FMT(rpc_slice(row->result)), SLICE_FMT(rpc_slice(row->account)),
        SLICE_FMT(rpc_slice(o->protocol)), SLICE_FMT(rpc_slice(row->mechanism)),
        ip_text(rpc_slice(o->remote_ip), ip), row->count);
    print_text(rpc_slice(row->address));
    (void)putchar('\n');
}

static int print_page(struct admin_client *client, Gw__LoginAttemptList *body, bool *more,
                      struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    const Gw__Response *response;

    request.call_case = GW__REQUEST__CALL_LOGIN_ATTEMPT_LIST;
    request.login_attempt_list = body;
    int rc = rpc_call(client->store, &request, NULL, 0, &client->arena, &response, NULL, err);

    if (rc == 0 && response->result_case != GW__RESPONSE__RESULT_LOGIN_ATTEMPTS)
        rc = err_set(err, ERR_INTERNAL, "the store's answer is of another kind");
    if (rc < 0)
        return rc;
    const Gw__LoginAttempts *page = response->login_attempts;

    for (size_t i = 0; i < page->n_rows; i++)
        print_row(page->rows[i]);
    *more = page->more && page->n_rows > 0;
    if (*more) {
        body->before_ns = page->rows[page->n_rows - 1]->last_ns;
        body->before_digest = page->rows[page->n_rows - 1]->digest;
    }
    return 0;
}

int cmd_login_attempts(const struct invocation *in, struct err *err)
{
    Gw__LoginAttemptList body = GW__LOGIN_ATTEMPT_LIST__INIT;
    struct admin_client client;
    uint8_t digest[32];
    bool more = true;
    int rc = admin_client_store(&client, in, err);

    if (in->args_n > 0)
        body.account = rpc_bytes(slice_str(in->args[0]));
    while (rc == 0 && more) {
        rc = print_page(&client, &body, &more, err);
        /* The page's memory is used for the next one. */
        body.before_digest = rpc_bytes(slice_sub(rpc_slice(body.before_digest), 0, sizeof(digest)));
        if (body.before_digest.len > 0)
            memmove(digest, body.before_digest.data, body.before_digest.len);
        body.before_digest.data = digest;
        arena_reset(&client.arena);
    }
    admin_client_done(&client);
    return rc;
}
