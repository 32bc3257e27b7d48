/* config account, address and domain: each is one call on the store of the running server. */
#include "cmd/admin_client.h"

typedef int edit_run(struct rpc_client *store, const struct invocation *in, struct err *err);

static int with_store(const struct invocation *in, edit_run *edit, struct err *err)
{
    struct admin_client client;
    int rc = admin_client_store(&client, in, err);

    if (rc == 0)
        rc = edit(client.store, in, err);
    admin_client_done(&client);
    return rc;
}

static int account_add(struct rpc_client *store, const struct invocation *in, struct err *err)
{
    int rc = admin_account(store, GW__EDIT__EDIT_ADD, in->args[0], in->args[1], NULL, err);

    if (rc == 0)
        (void)printf("Added. Mail arrives; to log in, set a password: "
                     "godwit setaccountpassword %s\n",
                     in->args[0]);
    return rc;
}

static int account_rm(struct rpc_client *store, const struct invocation *in, struct err *err)
{
    return admin_account(store, GW__EDIT__EDIT_REMOVE, in->args[0], "", NULL, err);
}

static int account_list(struct rpc_client *store, const struct invocation *in, struct err *err)
{
    (void)in;
    return admin_list(store, GW__DIRECTORY_LIST__WHAT__WHAT_ACCOUNTS, "", admin_print_line, stdout,
                      err);
}

/* Without the account: that is known. */
static void print_name(const Gw__Directory *page, const Gw__DirectoryRow *row, size_t n, FILE *to)
{
    (void)page;
    (void)n;
    (void)fprintf(to, "%.*s\n", SLICE_FMT(rpc_slice(row->name)));
}

static int account_addresses(struct rpc_client *store, const struct invocation *in, struct err *err)
{
    return admin_list(store, GW__DIRECTORY_LIST__WHAT__WHAT_ADDRESSES, in->args[0], print_name,
                      stdout, err);
}

static int account_disable(struct rpc_client *store, const struct invocation *in, struct err *err)
{
    bool unchanged = false;
    int rc =
        admin_account(store, GW__EDIT__EDIT_DISABLE, in->args[0], in->args[1], &unchanged, err);

    admin_print_unchanged(unchanged);
    return rc;
}

static int account_enable(struct rpc_client *store, const struct invocation *in, struct err *err)
{
    bool unchanged = false;
    int rc = admin_account(store, GW__EDIT__EDIT_ENABLE, in->args[0], "", &unchanged, err);

    admin_print_unchanged(unchanged);
    return rc;
}

static int address_add(struct rpc_client *store, const struct invocation *in, struct err *err)
{
    return admin_address(store, GW__EDIT__EDIT_ADD, in->args[0], in->args[1],
                         in->flags[FLAG_MAILBOX], err);
}

static int address_rm(struct rpc_client *store, const struct invocation *in, struct err *err)
{
    return admin_address(store, GW__EDIT__EDIT_REMOVE, in->args[0], "", NULL, err);
}

static int address_list(struct rpc_client *store, const struct invocation *in, struct err *err)
{
    (void)in;
    return admin_list(store, GW__DIRECTORY_LIST__WHAT__WHAT_ADDRESSES, "", admin_print_line, stdout,
                      err);
}

static void print_account(const Gw__Directory *page, const Gw__DirectoryRow *row, size_t n,
                          FILE *to)
{
    (void)page;
    (void)n;
    (void)fprintf(to, "%.*s\n", SLICE_FMT(rpc_slice(row->account)));
}

static int address_account(struct rpc_client *store, const struct invocation *in, struct err *err)
{
    return admin_list(store, GW__DIRECTORY_LIST__WHAT__WHAT_ADDRESS, in->args[0], print_account,
                      stdout, err);
}

static int domain_add(struct rpc_client *store, const struct invocation *in, struct err *err)
{
    return admin_domain(store, GW__EDIT__EDIT_ADD, in->args[0], NULL, err);
}

static int domain_rm(struct rpc_client *store, const struct invocation *in, struct err *err)
{
    return admin_domain(store, GW__EDIT__EDIT_REMOVE, in->args[0], NULL, err);
}

static int domain_list(struct rpc_client *store, const struct invocation *in, struct err *err)
{
    (void)in;
    return admin_list(store, GW__DIRECTORY_LIST__WHAT__WHAT_DOMAINS, "", admin_print_line, stdout,
                      err);
}

static int domain_disable(struct rpc_client *store, const struct invocation *in, struct err *err)
{
    bool unchanged = false;
    int rc = admin_domain(store, GW__EDIT__EDIT_DISABLE, in->args[0], &unchanged, err);

    admin_print_unchanged(unchanged);
    return rc;
}

static int domain_enable(struct rpc_client *store, const struct invocation *in, struct err *err)
{
    bool unchanged = false;
    int rc = admin_domain(store, GW__EDIT__EDIT_ENABLE, in->args[0], &unchanged, err);

    admin_print_unchanged(unchanged);
    return rc;
}

int cmd_account_add(const struct invocation *in, struct err *err)
{
    return with_store(in, account_add, err);
}

int cmd_account_rm(const struct invocation *in, struct err *err)
{
    return with_store(in, account_rm, err);
}

int cmd_account_list(const struct invocation *in, struct err *err)
{
    return with_store(in, account_list, err);
}

int cmd_address_add(const struct invocation *in, struct err *err)
{
    return with_store(in, address_add, err);
}

int cmd_address_rm(const struct invocation *in, struct err *err)
{
    return with_store(in, address_rm, err);
}

int cmd_address_list(const struct invocation *in, struct err *err)
{
    return with_store(in, address_list, err);
}

int cmd_domain_add(const struct invocation *in, struct err *err)
{
    return with_store(in, domain_add, err);
}

int cmd_domain_rm(const struct invocation *in, struct err *err)
{
    return with_store(in, domain_rm, err);
}

int cmd_domain_list(const struct invocation *in, struct err *err)
{
    return with_store(in, domain_list, err);
}

int cmd_account_addresses(const struct invocation *in, struct err *err)
{
    return with_store(in, account_addresses, err);
}

int cmd_account_disable(const struct invocation *in, struct err *err)
{
    return with_store(in, account_disable, err);
}

int cmd_account_enable(const struct invocation *in, struct err *err)
{
    return with_store(in, account_enable, err);
}

int cmd_address_account(const struct invocation *in, struct err *err)
{
    return with_store(in, address_account, err);
}

int cmd_domain_disable(const struct invocation *in, struct err *err)
{
    return with_store(in, domain_disable, err);
}

int cmd_domain_enable(const struct invocation *in, struct err *err)
{
    return with_store(in, domain_enable, err);
}
