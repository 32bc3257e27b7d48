/* config app-password: a password of its own for one device or program. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/cursor.h"
#include "base/num.h"
#include "cmd/admin_client.h"

#define DAY_NS (24 * 3600 * NS_PER_S)
#define DAYS_MAX 36500

static const struct {
    const char *name;
    uint32_t bit;
} scopes[] = {{"imap", 1}, {"submission", 2}, {"web", 4}};

/* "imap,submission" */
static int scope_of(const char *text, uint32_t *out, struct err *err)
{
    struct slice rest = slice_str(text);

    *out = 0;
    while (rest.n > 0) {
        struct slice word = slice_sub(rest, 0, slice_find_byte(rest, ','));
        uint32_t bit = 0;

        for (size_t i = 0; i < ARRAY_SIZE(scopes); i++) {
            if (slice_eq(word, slice_str(scopes[i].name)))
                bit = scopes[i].bit;
        }
        if (bit == 0)
            return err_set(err, ERR_INVALID,
                           "an app password is for imap, submission or web, or some of them with "
                           "commas between, not for %s",
                           text);
        *out |= bit;
        rest = slice_from(rest, word.n + 1);
    }
    return 0;
}

static int expiry_of(const char *days, int64_t *out_ns, struct err *err)
{
    struct cursor c = cur_init(slice_str(days));
    uint64_t n = cur_number(&c, DAYS_MAX, "days");

    cur_end(&c, "end");
    if (!cur_ok(&c) || n == 0)
        return err_set(err, ERR_INVALID, "DAYS is a number from 1 to %d, not %s", DAYS_MAX, days);
    *out_ns = clock_now_ns(&(const struct clock){0}) + (int64_t)n * DAY_NS;
    return 0;
}

static int ask(const struct invocation *in, Gw__Request *request, struct admin_client *client,
               const Gw__AppPasswords **out, struct err *err)
{
    const Gw__Response *response;
    int rc = admin_client_store(client, in, err);

    if (rc == 0)
        rc = rpc_call(client->store, request, NULL, 0, &client->arena, &response, NULL, err);
    if (rc == 0 && out && response->result_case != GW__RESPONSE__RESULT_APP_PASSWORDS)
        rc = err_set(err, ERR_INTERNAL, "the store's answer is of another kind");
    if (rc == 0 && out)
        *out = response->app_passwords;
    return rc;
}

int cmd_app_password_add(const struct invocation *in, struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__AppPasswordEdit body = GW__APP_PASSWORD_EDIT__INIT;
    const Gw__AppPasswords *answer = NULL;
    struct admin_client client;
    int rc = scope_of(in->args_n > 2 ? in->args[2] : "imap,submission", &body.scope, err);

    if (rc == 0 && in->args_n > 3)
        rc = expiry_of(in->args[3], &body.expires_ns, err);
    if (rc < 0)
        return rc;
    body.edit = GW__EDIT__EDIT_ADD;
    body.account = rpc_bytes(slice_str(in->args[0]));
    body.name = rpc_bytes(slice_str(in->args[1]));
    request.call_case = GW__REQUEST__CALL_APP_PASSWORD_EDIT;
    request.app_password_edit = &body;
    rc = ask(in, &request, &client, &answer, err);
    if (rc == 0 && answer->n_rows == 1)
        (void)printf("%.*s\n", SLICE_FMT(rpc_slice(answer->rows[0]->password)));
    admin_client_done(&client);
    return rc;
}

int cmd_app_password_rm(const struct invocation *in, struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__AppPasswordEdit body = GW__APP_PASSWORD_EDIT__INIT;
    struct admin_client client;

    body.edit = GW__EDIT__EDIT_REMOVE;
    body.account = rpc_bytes(slice_str(in->args[0]));
    body.name = rpc_bytes(slice_str(in->args[1]));
    request.call_case = GW__REQUEST__CALL_APP_PASSWORD_EDIT;
    request.app_password_edit = &body;
    int rc = ask(in, &request, &client, NULL, err);

    admin_client_done(&client);
    return rc;
}

static void print_row(const Gw__AppPassword *row)
{
    char created[ADMIN_TIME_TEXT], used[ADMIN_TIME_TEXT], expires[ADMIN_TIME_TEXT];
    const char *comma = "";

    (void)printf("%.*s: ", SLICE_FMT(rpc_slice(row->name)));
    for (size_t i = 0; i < ARRAY_SIZE(scopes); i++) {
        if (row->scope & scopes[i].bit) {
            (void)printf("%s%s", comma, scopes[i].name);
            comma = ",";
        }
    }
    (void)printf(" created %s, last used %s, expires %s\n",
                 admin_time_text(row->created_ns, created), admin_time_text(row->used_ns, used),
                 admin_time_text(row->expires_ns, expires));
}

int cmd_app_password_list(const struct invocation *in, struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__AppPasswordList body = GW__APP_PASSWORD_LIST__INIT;
    const Gw__AppPasswords *answer = NULL;
    struct admin_client client;

    body.account = rpc_bytes(slice_str(in->args[0]));
    request.call_case = GW__REQUEST__CALL_APP_PASSWORD_LIST;
    request.app_password_list = &body;
    int rc = ask(in, &request, &client, &answer, err);

    for (size_t i = 0; rc == 0 && i < answer->n_rows; i++)
        print_row(answer->rows[i]);
    admin_client_done(&client);
    return rc;
}
