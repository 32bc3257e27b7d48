/* config domain, account, address and installation print: what is set, as JSON. */
#include <jansson.h>
#include <stdio.h>

#include "cmd/admin_client.h"

static json_t *text(ProtobufCBinaryData b)
{
    return json_stringn((const char *)b.data, b.len);
}

static json_t *mailbox(ProtobufCBinaryData b)
{
    return b.len > 0 ? text(b) : json_string("Inbox");
}

/* 0: what the flag calls default; negative: none. */
static json_t *limit(int64_t value)
{
    if (value == 0)
        return json_string("default");
    return value < 0 ? json_string("none") : json_integer(value);
}

static json_t *role(const Gw__RoleAddress *r, bool has_address)
{
    if (!r)
        return json_null();
    json_t *object = json_object();

    if (has_address)
        (void)json_object_set_new(object, "address", text(r->address));
    (void)json_object_set_new(object, "account", text(r->account));
    (void)json_object_set_new(object, "mailbox", mailbox(r->mailbox));
    return object;
}

static void print(json_t *object, FILE *to)
{
    (void)json_dumpf(object, to, JSON_INDENT(2));
    (void)fputc('\n', to);
    json_decref(object);
}

static void print_domain(const Gw__Directory *page, const Gw__DirectoryRow *row, size_t n, FILE *to)
{
    json_t *object = json_object(), *separators = json_array();

    (void)page;
    (void)n;
    for (size_t i = 0; i < row->n_separators; i++)
        (void)json_array_append_new(separators, text(row->separators[i]));
    (void)json_object_set_new(object, "domain", text(row->name));
    (void)json_object_set_new(object, "disabled", json_boolean(row->disabled));
    (void)json_object_set_new(object, "separators", separators);
    (void)json_object_set_new(object, "case_sensitive", json_boolean(row->case_sensitive));
    (void)json_object_set_new(object, "dmarc_reports", role(row->dmarc_reports, true));
    (void)json_object_set_new(object, "tls_reports", role(row->tls_reports, true));
    print(object, to);
}

static void print_account(const Gw__Directory *page, const Gw__DirectoryRow *row, size_t n,
                          FILE *to)
{
    json_t *object = json_object();

    (void)page;
    (void)n;
    (void)json_object_set_new(object, "account", text(row->name));
    (void)json_object_set_new(object, "disabled", row->disabled ? text(row->reason) : json_null());
    (void)json_object_set_new(object, "quota", limit(row->quota_bytes));
    (void)json_object_set_new(object, "messages_per_day", limit(row->messages_per_day));
    (void)json_object_set_new(object, "recipients_per_day", limit(row->recipients_per_day));
    print(object, to);
}

static void print_address(const Gw__Directory *page, const Gw__DirectoryRow *row, size_t n,
                          FILE *to)
{
    json_t *object = json_object();

    (void)page;
    (void)n;
    (void)json_object_set_new(object, "address", text(row->name));
    (void)json_object_set_new(object, "account", text(row->account));
    (void)json_object_set_new(object, "mailbox", mailbox(row->mailbox));
    (void)json_object_set_new(object, "refuse",
                              row->refusal.len > 0 ? text(row->refusal) : json_null());
    (void)json_object_set_new(object, "auth_required",
                              row->auth_refusal.len > 0 ? text(row->auth_refusal) : json_null());
    print(object, to);
}

static void print_installation(const Gw__Directory *page, const Gw__DirectoryRow *row, size_t n,
                               FILE *to)
{
    json_t *object = json_object();

    (void)page;
    (void)n;
    (void)json_object_set_new(object, "quota", limit(row->quota_bytes > 0 ? row->quota_bytes : -1));
    (void)json_object_set_new(object, "postmaster", role(row->postmaster, false));
    (void)json_object_set_new(object, "tls_reports", role(row->tls_reports, true));
    print(object, to);
}

static int print_one(const struct invocation *in, Gw__DirectoryList__What what, const char *of,
                     admin_print *function, struct err *err)
{
    struct admin_client client;
    int rc = admin_client_store(&client, in, err);

    if (rc == 0)
        rc = admin_list(client.store, what, of, function, stdout, err);
    admin_client_done(&client);
    return rc;
}

int cmd_domain_print(const struct invocation *in, struct err *err)
{
    return print_one(in, GW__DIRECTORY_LIST__WHAT__WHAT_DOMAINS, in->args[0], print_domain, err);
}

int cmd_account_print(const struct invocation *in, struct err *err)
{
    return print_one(in, GW__DIRECTORY_LIST__WHAT__WHAT_ACCOUNTS, in->args[0], print_account, err);
}

int cmd_address_print(const struct invocation *in, struct err *err)
{
    return print_one(in, GW__DIRECTORY_LIST__WHAT__WHAT_ADDRESS, in->args[0], print_address, err);
}

int cmd_installation_print(const struct invocation *in, struct err *err)
{
    return print_one(in, GW__DIRECTORY_LIST__WHAT__WHAT_INSTALLATION, "", print_installation, err);
}
