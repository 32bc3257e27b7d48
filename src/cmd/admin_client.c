#include "cmd/admin_client.h"

#include "base/cleanup.h"
#include "base/clock.h"

int admin_client_open(struct admin_client *c, const struct invocation *in, struct err *err)
{
    struct config_errors errors = {0};

    *c = (struct admin_client){.fd = -1};
    arena_init(&c->arena, RPC_DECODE_MAX);
    int rc = config_load(in->config_path, &c->config, &errors);

    if (rc < 0)
        rc = err_set(err, ERR_INVALID, "%s", errors.n > 0 ? errors.text[0] : "out of memory");
    config_errors_done(&errors);
    if (rc < 0)
        return rc;
    rc = admin_connect(c->config->data_directory, &c->fd, err);
    if (rc == -ERR_UNAVAILABLE)
        return err_set(err, ERR_UNAVAILABLE,
                       "the server is not running: start it with godwit serve --config %s",
                       in->config_path);
    return rc;
}

int admin_client_store(struct admin_client *c, const struct invocation *in, struct err *err)
{
    Gw__AdminRequest request = GW__ADMIN_REQUEST__INIT;
    Gw__AdminStore store = GW__ADMIN_STORE__INIT;
    const Gw__AdminResponse *response;
    int fd = -1;
    int rc = admin_client_open(c, in, err);

    if (rc < 0)
        return rc;
    request.request_case = GW__ADMIN_REQUEST__REQUEST_STORE;
    request.store = &store;
    rc = admin_call(c->fd, &request, &c->arena, &response, &fd, err);
    if (rc < 0) {
        (void)fd_close(fd);
        return rc;
    }
    if (fd < 0)
        return err_set(err, ERR_INTERNAL, "the server gave no channel to its store");
    c->store = rpc_client_channel(fd);
    return c->store ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

void admin_client_done(struct admin_client *c)
{
    rpc_client_free(c->store);
    (void)fd_close(c->fd);
    config_free(c->config);
    arena_done(&c->arena);
}

static int call_set(struct rpc_client *store, Gw__Request *request, bool *unchanged_out,
                    struct err *err)
{
    const Gw__Response *response;
    struct arena a;

    arena_init(&a, RPC_DECODE_MAX);
    int rc = rpc_call(store, request, NULL, 0, &a, &response, NULL, err);

    if (rc == 0 && unchanged_out)
        *unchanged_out =
            response->result_case == GW__RESPONSE__RESULT_DONE && response->done->unchanged;
    arena_done(&a);
    return rc;
}

static int call(struct rpc_client *store, Gw__Request *request, struct err *err)
{
    return call_set(store, request, NULL, err);
}

int admin_domain(struct rpc_client *store, Gw__Edit edit, const char *domain, bool *unchanged_out,
                 struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__DomainEdit body = GW__DOMAIN_EDIT__INIT;

    body.edit = edit;
    body.domain = rpc_bytes(slice_str(domain));
    request.call_case = GW__REQUEST__CALL_DOMAIN_EDIT;
    request.domain_edit = &body;
    return call_set(store, &request, unchanged_out, err);
}

int admin_account(struct rpc_client *store, Gw__Edit edit, const char *account, const char *text,
                  bool *unchanged_out, struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__AccountEdit body = GW__ACCOUNT_EDIT__INIT;

    body.edit = edit;
    body.account = rpc_bytes(slice_str(account));
    if (edit == GW__EDIT__EDIT_DISABLE)
        body.reason = rpc_bytes(slice_str(text));
    else
        body.address = rpc_bytes(slice_str(text));
    request.call_case = GW__REQUEST__CALL_ACCOUNT_EDIT;
    request.account_edit = &body;
    return call_set(store, &request, unchanged_out, err);
}

int admin_address(struct rpc_client *store, Gw__Edit edit, const char *address, const char *account,
                  const char *mailbox, struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__AddressEdit body = GW__ADDRESS_EDIT__INIT;

    body.edit = edit;
    body.address = rpc_bytes(slice_str(address));
    body.account = rpc_bytes(slice_str(account));
    body.mailbox = rpc_bytes(slice_str(mailbox));
    request.call_case = GW__REQUEST__CALL_ADDRESS_EDIT;
    request.address_edit = &body;
    return call(store, &request, err);
}

int admin_password(struct rpc_client *store, const char *account, struct slice password,
                   struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__PasswordSet body = GW__PASSWORD_SET__INIT;

    body.account = rpc_bytes(slice_str(account));
    body.password = rpc_bytes(password);
    request.call_case = GW__REQUEST__CALL_PASSWORD_SET;
    request.password_set = &body;
    return call(store, &request, err);
}

int admin_alias(struct rpc_client *store, Gw__AliasEdit *body, struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;

    request.call_case = GW__REQUEST__CALL_ALIAS_EDIT;
    request.alias_edit = body;
    return call(store, &request, err);
}

const char *admin_time_text(int64_t ns, char buf[static ADMIN_TIME_TEXT])
{
    struct clock_utc t = clock_utc_of(ns / NS_PER_S);

    if (ns == 0)
        return "never";
    (void)snprintf(buf, ADMIN_TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02dZ", t.year % 10000, t.month,
                   t.day, t.hour, t.minute, t.second);
    return buf;
}

int admin_domain_set(struct rpc_client *store, Gw__DomainSet *body, bool *unchanged_out,
                     struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;

    request.call_case = GW__REQUEST__CALL_DOMAIN_SET;
    request.domain_set = body;
    return call_set(store, &request, unchanged_out, err);
}

int admin_account_set(struct rpc_client *store, Gw__AccountSet *body, bool *unchanged_out,
                      struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;

    request.call_case = GW__REQUEST__CALL_ACCOUNT_SET;
    request.account_set = body;
    return call_set(store, &request, unchanged_out, err);
}

int admin_address_set(struct rpc_client *store, Gw__AddressSet *body, bool *unchanged_out,
                      struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;

    request.call_case = GW__REQUEST__CALL_ADDRESS_SET;
    request.address_set = body;
    return call_set(store, &request, unchanged_out, err);
}

int admin_installation_set(struct rpc_client *store, Gw__InstallationSet *body, bool *unchanged_out,
                           struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;

    request.call_case = GW__REQUEST__CALL_INSTALLATION_SET;
    request.installation_set = body;
    return call_set(store, &request, unchanged_out, err);
}

void admin_print_unchanged(bool unchanged)
{
    if (unchanged)
        (void)printf("Nothing changed: it was so already.\n");
}

void admin_print_line(const Gw__Directory *page, const Gw__DirectoryRow *row, size_t n, FILE *to)
{
    (void)page;
    (void)n;
    (void)fprintf(to, "%.*s", SLICE_FMT(rpc_slice(row->name)));
    if (row->account.len > 0)
        (void)fprintf(to, " %.*s", SLICE_FMT(rpc_slice(row->account)));
    if (row->disabled)
        (void)fprintf(to, row->reason.len > 0 ? " disabled: %.*s" : " disabled",
                      SLICE_FMT(rpc_slice(row->reason)));
    (void)fputc('\n', to);
}

int admin_list(struct rpc_client *store, Gw__DirectoryList__What what, const char *of,
               admin_print *print, FILE *to, struct err *err)
{
    char after[1024] = "";
    bool more = true;
    size_t n = 0;

    while (more) {
        Gw__Request request = GW__REQUEST__INIT;
        Gw__DirectoryList body = GW__DIRECTORY_LIST__INIT;
        const Gw__Response *response;
        struct arena a;

        body.what = what;
        body.of = rpc_bytes(slice_str(of));
        body.after = rpc_bytes(slice_str(after));
        request.call_case = GW__REQUEST__CALL_DIRECTORY_LIST;
        request.directory_list = &body;
        arena_init(&a, RPC_DECODE_MAX);
        int rc = rpc_call(store, &request, NULL, 0, &a, &response, NULL, err);

        if (rc == 0 && response->result_case != GW__RESPONSE__RESULT_DIRECTORY)
            rc = err_set(err, ERR_INTERNAL, "the store's answer is of another kind");
        for (size_t i = 0; rc == 0 && i < response->directory->n_rows; i++) {
            const Gw__DirectoryRow *row = response->directory->rows[i];

            print(response->directory, row, n++, to);
            (void)snprintf(after, sizeof(after), "%.*s", SLICE_FMT(rpc_slice(row->name)));
        }
        more = rc == 0 && response->directory->more && response->directory->n_rows > 0;
        arena_done(&a);
        if (rc < 0)
            return rc;
    }
    return 0;
}
